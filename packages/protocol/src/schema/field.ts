/**
 * The field language: what a message consists of, said once. A builder such as `int32({ versions: '3+' })` yields a
 * `Field` that carries two things: a specification for the codecs and, for the compiler only, the TypeScript types
 * of the value as decoded and as accepted for encoding.
 *
 * Meanings follow Kafka's message definitions: `versions` in which a field exists, versions in which it may be null,
 * its default where it is absent, `tag` for tagged fields (KIP-482), `ignorable` when a value that an old version
 * can't carry may be dropped. Own additions: `nativeOnly` fields never travel on Kafka's wire, and `position` fixes
 * a field's place in the native wire's arrays.
 */
import {
  assert,
  ZERO_UUID,
  type LeaderEpoch,
  type NodeId,
  type Offset,
  type TimestampMs,
  type Uuid,
} from '@millrace/base'
import {
  ALL_VERSIONS,
  NO_VERSIONS,
  parseVersions,
  type VersionRange,
  type VersionsText,
} from './version-range.ts'

export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'clampedInt64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records'

export type TypeSpec =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'array'; readonly element: TypeSpec }
  | { readonly kind: 'struct'; readonly fields: readonly FieldSpec[] }

/** Everything the codecs and the schema lock know about a field. */
export interface FieldSpec {
  readonly name: string
  readonly type: TypeSpec
  readonly versions: VersionRange
  readonly nullable: VersionRange
  /** Number of a tagged field; null for a plain one. */
  readonly tag: number | null
  readonly ignorable: boolean
  readonly nativeOnly: boolean
  /** Encoders may leave it out. */
  readonly optional: boolean
  /** Index in the native wire's array of the struct. */
  readonly position: number
  /** The value where the field is absent; structs: null, and unless they may be null, their fields have their own. */
  readonly default: DefaultValue
}

export type DefaultValue = number | string | boolean | null | readonly []

interface FieldOptions<Value> {
  /** Versions that have the field; all when left out. */
  readonly versions?: VersionsText
  /** Versions in which it may be null. */
  readonly nullable?: VersionsText
  /** Makes the field optional for encoders. */
  readonly default?: Value | null
  /** A tagged field: written only when it differs from its default. Flexible versions only. */
  readonly tag?: number
  /** A value that the version can't carry is dropped instead of being an error. */
  readonly ignorable?: boolean
  /** The field never travels on Kafka's wire. */
  readonly nativeOnly?: true
  /** Place in the native array, for a field inserted between released ones; otherwise by order of declaration. */
  readonly position?: number
}

declare const types: unique symbol

/** A declared field. `Value` is what decoding yields, `Input` what encoding accepts. */
export interface Field<Value, Input, Optional extends boolean> {
  readonly type: TypeSpec
  readonly options: FieldOptions<unknown>
  readonly [types]?: { readonly value: Value; readonly input: Input; readonly optional: Optional }
}

type AnyField = Field<unknown, unknown, boolean>
export type Fields = Readonly<Record<string, AnyField>>

/** Shows a computed object type as one flat object. */
type Simplify<T> = { [K in keyof T]: T[K] } & {}

type TypesOf<F extends AnyField> = NonNullable<F[typeof types]>
type OptionalKeys<F extends Fields> = {
  [K in keyof F]: TypesOf<F[K]>['optional'] extends true ? K : never
}[keyof F]

/** A decoded struct: every field is there. */
export type ValueOf<F extends Fields> = { -readonly [K in keyof F]: TypesOf<F[K]>['value'] } & {}

/** A struct to encode: fields with a default may be left out. */
export type InputOf<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypesOf<F[K]>['input'] } & {
    readonly [K in OptionalKeys<F>]?: TypesOf<F[K]>['input'] | undefined
  }
>

type IsOptional<O> = O extends { default: unknown } | { tag: number } ? true : false
type Nullable<T, O> = O extends { nullable: string } ? T | null : T
type Declared<Value, Input, O> = Field<Nullable<Value, O>, Nullable<Input, O>, IsOptional<O>>

type Options<Value> = FieldOptions<Value>

function scalar<Value, Input, O extends Options<Input>>(
  kind: ScalarKind,
  options: O | undefined,
): Declared<Value, Input, O> {
  return { type: { kind }, options: options ?? {} }
}

export const bool = <const O extends Options<boolean>>(options?: O) =>
  scalar<boolean, boolean, O>('bool', options)
export const int8 = <const O extends Options<number>>(options?: O) =>
  scalar<number, number, O>('int8', options)
export const int16 = <const O extends Options<number>>(options?: O) =>
  scalar<number, number, O>('int16', options)
export const uint16 = <const O extends Options<number>>(options?: O) =>
  scalar<number, number, O>('uint16', options)
export const int32 = <const O extends Options<number>>(options?: O) =>
  scalar<number, number, O>('int32', options)

/** A number within ±(2^53 − 1); decoding anything beyond is an error. */
export const int64 = <const O extends Options<number>>(options?: O) =>
  scalar<number, number, O>('int64', options)
export const string = <const O extends Options<string>>(options?: O) =>
  scalar<string, string, O>('string', options)
export const uuid = <const O extends Options<Uuid>>(options?: O) => scalar<Uuid, Uuid, O>('uuid', options)

/** Opaque bytes. Decoded: a view of the frame, valid as long as the frame's memory is. */
export const bytes = <const O extends Options<Uint8Array>>(options?: O) =>
  scalar<Buffer, Uint8Array, O>('bytes', options)

/** Record batches, one after another. Decoded: a view of the frame; encoded without copying when large. */
export const records = <const O extends Options<Uint8Array>>(options?: O) =>
  scalar<Buffer, Uint8Array, O>('records', options)

/** Int64. Beyond ±(2^53 − 1) decoding clamps: such an offset is outside every log, before and after. */
export const offset = <const O extends Options<Offset>>(options?: O) =>
  scalar<Offset, Offset, O>('clampedInt64', options)
/** Int64, clamped like an offset: later than every record stays later than every record. */
export const timestampMs = <const O extends Options<TimestampMs>>(options?: O) =>
  scalar<TimestampMs, TimestampMs, O>('clampedInt64', options)
export const leaderEpoch = <const O extends Options<LeaderEpoch>>(options?: O) =>
  scalar<LeaderEpoch, LeaderEpoch, O>('int32', options)
export const nodeId = <const O extends Options<NodeId>>(options?: O) =>
  scalar<NodeId, NodeId, O>('int32', options)

/** The default of an array is the empty one, unless `default: null` says otherwise. */
export function array<Value, Input, Optional extends boolean, const O extends Options<readonly []>>(
  element: Field<Value, Input, Optional>,
  options?: O,
): Declared<Value[], readonly Input[], O> {
  return { type: { kind: 'array', element: element.type }, options: options ?? {} }
}

/** The default of a struct is the one whose fields all have their defaults; that of one that may be null is null. */
export function struct<F extends Fields, const O extends Options<never>>(
  fields: F,
  options?: O,
): Declared<ValueOf<F>, InputOf<F>, O> {
  const specs = lazyFieldSpecs(fields)
  const type: TypeSpec = {
    kind: 'struct',
    get fields() {
      return specs()
    },
  }
  return { type, options: options ?? {} }
}

/**
 * Resolved when first asked for, and checked then: a process declares every API and record, which costs at each start and
 * in each thread, and speaks a few.
 */
export function lazyFieldSpecs(
  fields: Fields,
  check: (specs: readonly FieldSpec[]) => void = () => {},
): () => readonly FieldSpec[] {
  let specs: readonly FieldSpec[] | null = null
  return () => {
    if (specs !== null) return specs
    const resolved = fieldSpecs(fields)
    check(resolved)
    return (specs = resolved)
  }
}

/** The fields of one struct, with names, defaults and native positions resolved. */
export function fieldSpecs(fields: Fields): FieldSpec[] {
  const entries = Object.entries(fields)
  const fixed = entries.flatMap(([, { options }]) => options.position ?? [])
  const tags = entries.flatMap(([, { options }]) => options.tag ?? [])
  assert(new Set(tags).size === tags.length, `a tag is given twice: ${tags.join(', ')}`)
  const free = entries.map((_, position) => position).filter((position) => !fixed.includes(position))
  assert(
    free.length + fixed.length === entries.length,
    `positions must be distinct and below ${entries.length}: ${fixed.join(', ')}`,
  )
  return entries.map(([name, field]) => fieldSpec(name, field, field.options.position ?? free.shift()!))
}

function fieldSpec(name: string, { type, options }: AnyField, position: number): FieldSpec {
  const { versions, nullable, tag, ignorable, nativeOnly } = options
  assert(
    type.kind !== 'struct' || (nullable === undefined) === (options.default === undefined),
    `${name}: a struct that may be null, and no other, has the default null`,
  )
  assert(
    options.default !== null || nullable !== undefined,
    `${name}: only a nullable field has the default null`,
  )
  return {
    name,
    type,
    versions: nativeOnly ? NO_VERSIONS : versions === undefined ? ALL_VERSIONS : parseVersions(versions),
    nullable: nullable === undefined ? NO_VERSIONS : parseVersions(nullable),
    tag: tag ?? null,
    ignorable: ignorable === true || nativeOnly === true,
    nativeOnly: nativeOnly === true,
    optional: options.default !== undefined || tag !== undefined,
    position,
    default: options.default === undefined ? implicitDefault(type) : (options.default as DefaultValue),
  }
}

/** In some version. On the native wire, which knows no versions: always. */
export function isNullable({ nullable }: Pick<FieldSpec, 'nullable'>): boolean {
  return nullable.min <= nullable.max
}

/** Kafka's defaults for fields that declare none. */
function implicitDefault(type: TypeSpec): DefaultValue {
  switch (type.kind) {
    case 'bool':
      return false
    case 'string':
      return ''
    case 'uuid':
      return ZERO_UUID
    case 'array':
      return []
    case 'bytes':
    case 'records':
    case 'struct':
      return null
    default:
      return 0
  }
}
