/**
 * Keeps released schemas compatible. `schema.lock.json` holds what was declared when it was last written; the checker
 * compares it with what is declared now and says what would break a peer of an earlier release, and what to do
 * instead. Ranges of served versions are free: peers agree on them anew on every connection.
 */
import type { Api } from './schema/define-api.ts'
import type { DefaultValue, FieldSpec, TypeSpec } from './schema/field.ts'
import { includesVersion, parseVersions, versionsText, type VersionsText } from './schema/version-range.ts'

export interface SchemaLock {
  readonly apis: Readonly<Record<string, LockedApi>>
}

interface LockedApi {
  readonly key: number
  readonly versions: string
  readonly flexible: string
  readonly request: readonly LockedField[]
  readonly response: readonly LockedField[]
}

interface LockedField {
  readonly name: string
  /** Such as `int32`, `[]string`, `struct` or `[]struct`. */
  readonly type: string
  readonly position: number
  readonly versions: string
  readonly default: DefaultValue
  readonly nullable?: string
  readonly tag?: number
  readonly optional?: true
  readonly nativeOnly?: true
  /** Of a struct, or of the elements of an array of structs. */
  readonly fields?: readonly LockedField[]
}

export function schemaLock(apis: Iterable<Api>): SchemaLock {
  const entries = [...apis]
    .sort((a, b) => a.key - b.key)
    .map((api): [string, LockedApi] => [
      api.name,
      {
        key: api.key,
        versions: versionsText(api.versions),
        flexible: versionsText(api.flexible),
        request: api.request.map(lockField),
        response: api.response.map(lockField),
      },
    ])
  return { apis: Object.fromEntries(entries) }
}

function lockField(field: FieldSpec): LockedField {
  const inner = innerStruct(field.type)
  return {
    name: field.name,
    type: typeText(field.type),
    position: field.position,
    versions: versionsText(field.versions),
    default: field.default,
    ...(field.nullable.min <= field.nullable.max ? { nullable: versionsText(field.nullable) } : {}),
    ...(field.tag === null ? {} : { tag: field.tag }),
    ...(field.optional ? { optional: true } : {}),
    ...(field.nativeOnly ? { nativeOnly: true } : {}),
    ...(inner === null ? {} : { fields: inner.map(lockField) }),
  }
}

function typeText(type: TypeSpec): string {
  if (type.kind === 'array') return `[]${typeText(type.element)}`
  return type.kind === 'clampedInt64' ? 'int64' : type.kind
}

function innerStruct(type: TypeSpec): readonly FieldSpec[] | null {
  if (type.kind === 'array') return innerStruct(type.element)
  return type.kind === 'struct' ? type.fields : null
}

/** @returns one sentence for each edit that breaks a peer of an earlier release; none when all are compatible */
export function incompatibilities(locked: SchemaLock, current: SchemaLock): string[] {
  return Object.entries(locked.apis).flatMap(([name, before]) => {
    const now = current.apis[name]
    if (now === undefined) {
      return [`${name} is gone: released peers call it. Keep the declaration and narrow \`served\` instead.`]
    }
    return [
      ...apiChanges(name, before, now),
      ...structChanges(`${name} request`, before.request, now.request, before.versions),
      ...structChanges(`${name} response`, before.response, now.response, before.versions),
    ]
  })
}

function apiChanges(name: string, before: LockedApi, now: LockedApi): string[] {
  const changes: string[] = []
  if (now.key !== before.key) changes.push(`${name} has changed its key from ${before.key}: put it back.`)
  const [was, is] = [range(before.versions), range(now.versions)]
  if (is.min > was.min || is.max < was.max) {
    changes.push(
      `${name} no longer declares all of ${before.versions}: keep them and narrow \`served\` instead.`,
    )
  }
  if (range(now.flexible).min !== range(before.flexible).min) {
    changes.push(`${name} is flexible in ${now.flexible}, released as ${before.flexible}: put it back.`)
  }
  return changes
}

function structChanges(
  path: string,
  before: readonly LockedField[],
  now: readonly LockedField[],
  released: string,
): string[] {
  const known = new Map(before.map((field) => [field.name, field]))
  const declared = new Map(now.map((field) => [field.name, field]))
  const kept = before.flatMap((field) => {
    const same = declared.get(field.name)
    if (same !== undefined) return fieldChanges(`${path}.${field.name}`, field, same, released)
    return [
      `${path}.${field.name} is gone: end its \`versions\` before the next version instead of removing it.`,
    ]
  })
  const added = now.filter((field) => !known.has(field.name))
  return [
    ...kept,
    ...added.flatMap((field) => additionFaults(`${path}.${field.name}`, field, before, released)),
  ]
}

function fieldChanges(path: string, before: LockedField, now: LockedField, released: string): string[] {
  const changes: string[] = []
  const changed = (what: string, from: unknown, to: unknown, advice: string): void => {
    const [was, is] = [from, to].map((value) => (value === undefined ? 'none' : JSON.stringify(value)))
    if (was !== is) changes.push(`${path} has changed its ${what} from ${was} to ${is}: ${advice}`)
  }
  const putBack = 'put it back and declare a new field for the new meaning.'
  changed('type', before.type, now.type, putBack)
  changed('tag', before.tag, now.tag, 'put it back; a tag is never given away again.')
  changed(
    'default',
    before.default,
    now.default,
    'put it back: peers leave out what they take for the default.',
  )
  changed('optional mark', before.optional, now.optional, 'put it back: native peers count on its arity.')
  changed('native-only mark', before.nativeOnly, now.nativeOnly, putBack)
  changed(
    'native position',
    before.position,
    now.position,
    `declare fields in the released order, or give the new ones a \`position\` behind the released ones.`,
  )
  const inReleased = 'released versions stay as they are, only later ones may differ.'
  changed('versions', within(before.versions, released), within(now.versions, released), inReleased)
  changed(
    'nullable versions',
    within(before.nullable ?? 'none', released),
    within(now.nullable ?? 'none', released),
    inReleased,
  )
  return [...changes, ...structChanges(path, before.fields ?? [], now.fields ?? [], released)]
}

/** A new field must not move, lengthen or shorten anything that a released peer reads. */
function additionFaults(
  path: string,
  field: LockedField,
  before: readonly LockedField[],
  released: string,
): string[] {
  const faults: string[] = []
  const latest = range(released).max
  if (field.tag === undefined && within(field.versions, released) !== 'none') {
    faults.push(`${path} is new in released versions: start it at ${latest + 1}, or make it a tagged field.`)
  }
  const nextPosition = before.length
  if (field.position < nextPosition) {
    faults.push(
      `${path} takes the native position of a released field: give it \`position: ${nextPosition}\`.`,
    )
  }
  if (!field.optional) {
    faults.push(`${path} is new and has no default: released native peers don't send it. Give it a default.`)
  }
  if (holdsBlob(field)) {
    faults.push(`${path} is new and holds bytes: released native peers would take them for another field's.`)
  }
  return faults
}

function holdsBlob({ type, fields }: LockedField): boolean {
  return /bytes|records/.test(type) || (fields ?? []).some(holdsBlob)
}

/** The part of a range that falls into the released versions. */
function within(versions: string, released: string): string {
  const [{ min, max }, bound] = [range(versions), range(released)]
  const both = { min: Math.max(min, bound.min), max: Math.min(max, bound.max) }
  return includesVersion(bound, both.min) && both.min <= both.max ? versionsText(both) : 'none'
}

function range(text: string): { min: number; max: number } {
  return text === 'none' ? { min: 1, max: 0 } : parseVersions(text as VersionsText)
}
