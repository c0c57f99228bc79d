/**
 * All records that the metadata log may hold, as one union told apart by `type`, which is Kafka's name of the record.
 */
import { brokerRegistrationChangeRecord } from './broker-registration-change-record.ts'
import { configRecord } from './config-record.ts'
import {
  makeRecord,
  type RecordInput,
  type RecordSchema,
  type TaggedRecord,
} from '../schema/define-record.ts'
import { featureLevelRecord } from './feature-level-record.ts'
import { noOpRecord } from './no-op-record.ts'
import { partitionChangeRecord } from './partition-change-record.ts'
import { partitionRecord } from './partition-record.ts'
import { producerIdsRecord } from './producer-ids-record.ts'
import { registerBrokerRecord } from './register-broker-record.ts'
import { removeTopicRecord } from './remove-topic-record.ts'
import { topicRecord } from './topic-record.ts'
import { unregisterBrokerRecord } from './unregister-broker-record.ts'

export const metadataRecordSchemas = [
  registerBrokerRecord,
  unregisterBrokerRecord,
  topicRecord,
  partitionRecord,
  configRecord,
  partitionChangeRecord,
  removeTopicRecord,
  featureLevelRecord,
  producerIdsRecord,
  brokerRegistrationChangeRecord,
  noOpRecord,
] as const

type Schema = (typeof metadataRecordSchemas)[number]

/** A record of the metadata log, every field present. */
export type MetadataRecord = TaggedRecord<Schema>
export type MetadataRecordType = Schema['name']
export type MetadataRecordOf<Type extends MetadataRecordType> = Extract<
  MetadataRecord,
  { readonly type: Type }
>
type InputOfType<Type extends MetadataRecordType> = RecordInput<Extract<Schema, { readonly name: Type }>>

const byKey: ReadonlyMap<number, RecordSchema<MetadataRecordType>> = new Map(
  metadataRecordSchemas.map((schema) => [schema.key, schema]),
)
const byType: ReadonlyMap<MetadataRecordType, RecordSchema<MetadataRecordType>> = new Map(
  metadataRecordSchemas.map((schema) => [schema.name, schema]),
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
  return makeRecord(recordSchema(type), fields as Readonly<Record<string, unknown>>) as MetadataRecordOf<Type>
}
