/**
 * One API: its key, its versions, and its request and response in the field language. The declaration is the only
 * place that knows them; types, both codecs, the version table and the schema lock are derived from it.
 */
import { assert } from '@millrace/base'
import { lazyFieldSpecs, type FieldSpec, type Fields, type InputOf, type ValueOf } from './field.ts'
import { parseVersions, type VersionRange, type VersionsText } from './version-range.ts'

/** Kinds of ports: brokers serve clients and each other, controllers serve the quorum and the brokers. */
export type ListenerType = 'broker' | 'controller'

interface ApiDeclaration<
  Name extends string,
  Listener extends ListenerType,
  Request extends Fields,
  Response extends Fields,
> {
  readonly key: number
  readonly name: Name
  /** Where the API is served, as Kafka has it. */
  readonly listeners: readonly Listener[]
  /** Versions that the codecs speak. */
  readonly versions: VersionsText
  /** Versions in the compact encoding with tagged fields (KIP-482). */
  readonly flexible: VersionsText
  /** Versions whose requests are answered; others are refused. */
  readonly served: VersionsText
  /** What ApiVersions says; `served` unless clients need to see more than is served. */
  readonly advertised?: VersionsText
  readonly request: Request
  readonly response: Response
}

declare const bodies: unique symbol

export interface Api<
  Name extends string = string,
  Bodies = unknown,
  Listener extends ListenerType = ListenerType,
> {
  readonly key: number
  readonly name: Name
  readonly listeners: readonly Listener[]
  readonly versions: VersionRange
  readonly flexible: VersionRange
  readonly served: VersionRange
  readonly advertised: VersionRange
  readonly request: readonly FieldSpec[]
  readonly response: readonly FieldSpec[]
  readonly [bodies]?: Bodies
}

export interface BodiesOf<Request extends Fields, Response extends Fields> {
  readonly request: ValueOf<Request>
  readonly requestInput: InputOf<Request>
  readonly response: ValueOf<Response>
  readonly responseInput: InputOf<Response>
}

type Bodies<A extends Api> = NonNullable<A[typeof bodies]>
type Body<A extends Api, K extends string> = Bodies<A> extends { readonly [P in K]: infer T } ? T : never

/** A decoded request: every field is there. */
export type RequestBody<A extends Api> = Body<A, 'request'>
/** A decoded response: every field is there. */
export type ResponseBody<A extends Api> = Body<A, 'response'>
/** A request to encode: fields with a default may be left out. */
export type RequestInput<A extends Api> = Body<A, 'requestInput'>
/** A response to encode: fields with a default may be left out. */
export type ResponseInput<A extends Api> = Body<A, 'responseInput'>

export function defineApi<
  const Name extends string,
  const Listener extends ListenerType,
  Request extends Fields,
  Response extends Fields,
>(
  declaration: ApiDeclaration<Name, Listener, Request, Response>,
): Api<Name, BodiesOf<Request, Response>, Listener> {
  const versions = parseVersions(declaration.versions)
  const served = parseVersions(declaration.served)
  const advertised = declaration.advertised === undefined ? served : parseVersions(declaration.advertised)
  assert(
    served.min >= versions.min && served.max <= versions.max,
    `${declaration.name} serves versions that it doesn't declare`,
  )
  const flexible = parseVersions(declaration.flexible)
  const check = (fields: readonly FieldSpec[]): void => assertTagsAreFlexible(fields, flexible)
  const request = lazyFieldSpecs(declaration.request, check)
  const response = lazyFieldSpecs(declaration.response, check)
  return {
    key: declaration.key,
    name: declaration.name,
    listeners: declaration.listeners,
    versions,
    flexible,
    served,
    advertised,
    get request() {
      return request()
    },
    get response() {
      return response()
    },
  }
}

/** Elsewhere there is no place for a tagged field, and its value would be lost without a word. */
function assertTagsAreFlexible(fields: readonly FieldSpec[], flexible: VersionRange): void {
  for (const { name, tag, versions, type } of fields) {
    assert(
      tag === null || versions.min >= flexible.min,
      `${name} is tagged in versions without tagged fields`,
    )
    const inner = type.kind === 'array' ? type.element : type
    if (inner.kind === 'struct') assertTagsAreFlexible(inner.fields, flexible)
  }
}
