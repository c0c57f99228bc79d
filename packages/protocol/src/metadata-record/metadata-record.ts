/**
 * All records that the metadata log may hold, as one union told apart by `type`, which is Kafka's name of the record.
 */
import { defaultMaker } from '../schema/default-value.ts'
import { brokerRegistrationChangeRecord } from './broker-registration-change-record.ts'
import { configRecord } from './config-record.ts'
import type { RecordInput, RecordSchema, RecordValue } from './define-record.ts'
import { featureLevelRecord } from './feature-level-record.ts'
import { noOpRecord } from './no-op-record.ts'
import { partitionChangeRecord } from './partition-change-record.ts'
import { partitionRecord } from './partition-record.ts'
import { registerBrokerRecord } from './register-broker-record.ts'
import { removeTopicRecord } from './remove-topic-record.ts'
import { topicRecord } from './topic-record.ts'
import { unregisterBrokerRecord } from './unregister-broker-record.ts'

const schemas = [
  registerBrokerRecord,
  unregisterBrokerRecord,
  topicRecord,
  partitionRecord,
  configRecord,
  partitionChangeRecord,
  removeTopicRecord,
  featureLevelRecord,
  brokerRegistrationChangeRecord,
  noOpRecord,
] as const

type Schema = (typeof schemas)[number]
type Tagged<S> =
  S extends RecordSchema<infer Name> ? { readonly type: Name } & Readonly<RecordValue<S>> : never

/** A record of the metadata log, every field present. */
export type MetadataRecord = Tagged<Schema>
export type MetadataRecordType = Schema['name']
export type MetadataRecordOf<Type extends MetadataRecordType> = Extract<
  MetadataRecord,
  { readonly type: Type }
>
type InputOfType<Type extends MetadataRecordType> = RecordInput<Extract<Schema, { readonly name: Type }>>

const byKey: ReadonlyMap<number, RecordSchema<MetadataRecordType>> = new Map(
  schemas.map((schema) => [schema.key, schema]),
)
const byType: ReadonlyMap<MetadataRecordType, RecordSchema<MetadataRecordType>> = new Map(
  schemas.map((schema) => [schema.name, schema]),
)

/** @returns undefined for a key that this software doesn't know */
export function recordSchemaByKey(key: number): RecordSchema<MetadataRecordType> | undefined {
  return byKey.get(key)
}

export function recordSchema(type: MetadataRecordType): RecordSchema<MetadataRecordType> {
  return byType.get(type)!
}

/** Makes a record; fields left out get their defaults. */
export function metadataRecord<Type extends MetadataRecordType>(
  type: Type,
  fields: InputOfType<Type>,
): MetadataRecordOf<Type> {
  const given = fields as Readonly<Record<string, unknown>>
  const record: Record<string, unknown> = { type }
  for (const spec of recordSchema(type).fields) {
    const value = given[spec.name]
    record[spec.name] = value === undefined ? defaultMaker(spec)() : value
  }
  return record as MetadataRecordOf<Type>
}
