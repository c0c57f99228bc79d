/**
 * One kind of record in the metadata log: its key, its versions and its fields, in the same language as the APIs.
 * Keys, names, fields and tags are Kafka's; all versions use the compact encoding.
 */
import { defaultMaker } from './default-value.ts'
import { lazyFieldSpecs, type FieldSpec, type Fields, type InputOf, type ValueOf } from './field.ts'
import { parseVersions, type VersionRange, type VersionsText } from './version-range.ts'

declare const recordTypes: unique symbol

export interface RecordSchema<Name extends string = string, Value = unknown, Input = unknown> {
  /** Key of a metadata record, type of a control record. */
  readonly key: number
  readonly name: Name
  readonly versions: VersionRange
  readonly fields: readonly FieldSpec[]
  readonly [recordTypes]?: { readonly value: Value; readonly input: Input }
}

/** A decoded record: every field is there. */
type RecordValue<S extends RecordSchema> = NonNullable<S[typeof recordTypes]>['value']
/** A record to make: fields with a default may be left out. */
export type RecordInput<S extends RecordSchema> = NonNullable<S[typeof recordTypes]>['input']

/** What a log holds of such records: every field present, told apart by `type`. */
export type TaggedRecord<S> =
  S extends RecordSchema<infer Name> ? { readonly type: Name } & Readonly<RecordValue<S>> : never

export function defineRecord<const Name extends string, F extends Fields>(declaration: {
  readonly key: number
  readonly name: Name
  readonly versions: VersionsText
  readonly fields: F
}): RecordSchema<Name, ValueOf<F>, InputOf<F>> {
  const fields = lazyFieldSpecs(declaration.fields)
  return {
    key: declaration.key,
    name: declaration.name,
    versions: parseVersions(declaration.versions),
    get fields() {
      return fields()
    },
  }
}

/** Makes a record; fields left out get their defaults. */
export function makeRecord(schema: RecordSchema, given: Readonly<Record<string, unknown>>): object {
  const record: Record<string, unknown> = { type: schema.name }
  for (const spec of schema.fields) {
    const value = given[spec.name]
    record[spec.name] = value === undefined ? defaultMaker(spec)() : value
  }
  return record
}
