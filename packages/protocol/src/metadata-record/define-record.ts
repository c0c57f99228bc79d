/**
 * One kind of record in the metadata log: its key, its versions and its fields, in the same language as the APIs.
 * Keys, names, fields and tags are Kafka's; all versions use the compact encoding.
 * Records are always written in the highest version declared.
 */
import { fieldSpecs, type FieldSpec, type Fields, type InputOf, type ValueOf } from '../schema/field.ts'
import { parseVersions, type VersionRange, type VersionsText } from '../schema/version-range.ts'

declare const recordTypes: unique symbol

export interface RecordSchema<Name extends string = string, Value = unknown, Input = unknown> {
  readonly key: number
  readonly name: Name
  readonly versions: VersionRange
  readonly fields: readonly FieldSpec[]
  readonly [recordTypes]?: { readonly value: Value; readonly input: Input }
}

/** A decoded record: every field is there. */
export type RecordValue<S extends RecordSchema> = NonNullable<S[typeof recordTypes]>['value']
/** A record to make: fields with a default may be left out. */
export type RecordInput<S extends RecordSchema> = NonNullable<S[typeof recordTypes]>['input']

export function defineRecord<const Name extends string, F extends Fields>(declaration: {
  readonly key: number
  readonly name: Name
  readonly versions: VersionsText
  readonly fields: F
}): RecordSchema<Name, ValueOf<F>, InputOf<F>> {
  return {
    key: declaration.key,
    name: declaration.name,
    versions: parseVersions(declaration.versions),
    fields: fieldSpecs(declaration.fields),
  }
}
