/**
 * Keeps released schemas compatible. `schema.lock.json` holds what was declared when it was last written; the checker
 * compares it with what is declared now and says what would break a peer of an earlier release, or the reading of its
 * metadata log, and what to do instead. Ranges of served versions are free: peers agree on them anew on every
 * connection.
 */
import { apis } from './apis.ts'
import { metadataRecordSchemas } from './metadata-record/metadata-record.ts'
import { quorumRecordSchemas } from './quorum-record/quorum-record.ts'
import type { Api } from './schema/define-api.ts'
import type { RecordSchema } from './schema/define-record.ts'
import type { DefaultValue, FieldSpec, TypeSpec } from './schema/field.ts'
import { includesVersion, parseVersions, versionsText, type VersionsText } from './schema/version-range.ts'

/** What is declared. */
export interface Schemas {
  readonly apis: readonly Api[]
  readonly metadataRecords: readonly RecordSchema[]
  /** Control records of the quorum. */
  readonly quorumRecords: readonly RecordSchema[]
}

export const declaredSchemas: Schemas = {
  apis: Object.values(apis),
  metadataRecords: metadataRecordSchemas,
  quorumRecords: quorumRecordSchemas,
}

export interface SchemaLock {
  readonly apis: Readonly<Record<string, LockedApi>>
  readonly metadataRecords: Readonly<Record<string, LockedRecord>>
  readonly quorumRecords: Readonly<Record<string, LockedRecord>>
}

export const EMPTY_LOCK: SchemaLock = { apis: {}, metadataRecords: {}, quorumRecords: {} }

interface LockedApi {
  readonly key: number
  readonly versions: string
  readonly flexible: string
  readonly request: readonly LockedField[]
  readonly response: readonly LockedField[]
}

interface LockedRecord {
  readonly key: number
  readonly versions: string
  readonly fields: readonly LockedField[]
}

interface LockedField {
  readonly name: string
  /** Such as `int32`, `[]string`, `struct` or `[]struct`. */
  readonly type: string
  /** Place on the native wire; records have none, they are never sent there field by field. */
  readonly position?: number
  readonly versions: string
  readonly default: DefaultValue
  readonly nullable?: string
  readonly tag?: number
  readonly optional?: true
  readonly nativeOnly?: true
  /** Of a struct, or of the elements of an array of structs. */
  readonly fields?: readonly LockedField[]
}

export function schemaLock(schemas: Schemas): SchemaLock {
  return {
    apis: byKey(schemas.apis, lockApi),
    metadataRecords: byKey(schemas.metadataRecords, lockRecord),
    quorumRecords: byKey(schemas.quorumRecords, lockRecord),
  }
}

function byKey<S extends { readonly key: number; readonly name: string }, L>(
  schemas: readonly S[],
  lock: (schema: S) => L,
): Readonly<Record<string, L>> {
  const sorted = schemas.toSorted((a, b) => a.key - b.key)
  return Object.fromEntries(sorted.map((schema) => [schema.name, lock(schema)]))
}

function lockApi(api: Api): LockedApi {
  return {
    key: api.key,
    versions: versionsText(api.versions),
    flexible: versionsText(api.flexible),
    request: api.request.map((field) => lockField(field, true)),
    response: api.response.map((field) => lockField(field, true)),
  }
}

function lockRecord({ key, versions, fields }: RecordSchema): LockedRecord {
  return { key, versions: versionsText(versions), fields: fields.map((field) => lockField(field, false)) }
}

/** @param native whether the field also has a place on the native wire */
function lockField(field: FieldSpec, native: boolean): LockedField {
  const inner = innerStruct(field.type)
  return {
    name: field.name,
    type: typeText(field.type),
    ...(native ? { position: field.position } : {}),
    versions: versionsText(field.versions),
    default: field.default,
    ...(field.nullable.min <= field.nullable.max ? { nullable: versionsText(field.nullable) } : {}),
    ...(field.tag === null ? {} : { tag: field.tag }),
    ...(native && field.optional ? { optional: true } : {}),
    ...(field.nativeOnly ? { nativeOnly: true } : {}),
    ...(inner === null ? {} : { fields: inner.map((innerField) => lockField(innerField, native)) }),
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
  return [
    ...Object.entries(locked.apis).flatMap(([name, before]) => apiFaults(name, before, current.apis[name])),
    ...(['metadataRecords', 'quorumRecords'] as const).flatMap((kind) =>
      Object.entries(locked[kind]).flatMap(([name, before]) =>
        recordFaults(name, before, current[kind][name]),
      ),
    ),
  ]
}

function apiFaults(name: string, before: LockedApi, now: LockedApi | undefined): string[] {
  if (now === undefined) {
    return [`${name} is gone: released peers call it. Keep the declaration and narrow \`served\` instead.`]
  }
  const faults = keyFaults(name, before, now)
  const [was, is] = [range(before.versions), range(now.versions)]
  if (is.min > was.min || is.max < was.max) {
    faults.push(
      `${name} no longer declares all of ${before.versions}: keep them and narrow \`served\` instead.`,
    )
  }
  if (range(now.flexible).min !== range(before.flexible).min) {
    faults.push(`${name} is flexible in ${now.flexible}, released as ${before.flexible}: put it back.`)
  }
  return [
    ...faults,
    ...structChanges(`${name} request`, before.request, now.request, before.versions),
    ...structChanges(`${name} response`, before.response, now.response, before.versions),
  ]
}

function recordFaults(name: string, before: LockedRecord, now: LockedRecord | undefined): string[] {
  if (now === undefined) return [`${name} is gone: logs of released nodes hold it. Keep the declaration.`]
  const faults = keyFaults(name, before, now)
  const [was, is] = [range(before.versions), range(now.versions)]
  if (is.min > was.min || is.max < was.max) {
    faults.push(`${name} no longer declares all of ${before.versions}: logs of released nodes hold them.`)
  }
  return [...faults, ...structChanges(name, before.fields, now.fields, before.versions)]
}

function keyFaults(name: string, before: { readonly key: number }, now: { readonly key: number }): string[] {
  return now.key === before.key ? [] : [`${name} has changed its key from ${before.key}: put it back.`]
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
  const [was, is] = [plainOrder(before, declared), plainOrder(now, known)]
  const moved = was === is ? [] : [`${path} has its fields in another order than ${was}: put them back.`]
  return [
    ...kept,
    ...moved,
    ...added.flatMap((field) => additionFaults(`${path}.${field.name}`, field, before, released)),
  ]
}

/** Tagged fields are found by their tag, plain ones only by their place. */
function plainOrder(fields: readonly LockedField[], others: ReadonlyMap<string, LockedField>): string {
  return fields
    .filter(({ name, tag }) => tag === undefined && others.get(name)?.tag === undefined && others.has(name))
    .map(({ name }) => name)
    .join(', ')
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
  if (field.position === undefined) return faults
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
