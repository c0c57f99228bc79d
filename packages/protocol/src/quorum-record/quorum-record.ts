/**
 * The control records by which the quorum runs itself, beside the metadata records in the log and in snapshots: one
 * union told apart by `type`, which is Kafka's name of the record. Their `version` is a field of their own.
 */
import {
  makeRecord,
  type RecordInput,
  type RecordSchema,
  type TaggedRecord,
} from '../schema/define-record.ts'
import { kraftVersionRecord } from './kraft-version-record.ts'
import { leaderChangeMessage } from './leader-change-message.ts'
import { snapshotFooterRecord } from './snapshot-footer-record.ts'
import { snapshotHeaderRecord } from './snapshot-header-record.ts'
import { votersRecord } from './voters-record.ts'

export const quorumRecordSchemas = [
  leaderChangeMessage,
  snapshotHeaderRecord,
  snapshotFooterRecord,
  kraftVersionRecord,
  votersRecord,
] as const

type Schema = (typeof quorumRecordSchemas)[number]

/** A control record of the quorum, every field present. */
export type QuorumRecord = TaggedRecord<Schema>
export type QuorumRecordType = Schema['name']
export type QuorumRecordOf<Type extends QuorumRecordType> = Extract<QuorumRecord, { readonly type: Type }>
type InputOfType<Type extends QuorumRecordType> = RecordInput<Extract<Schema, { readonly name: Type }>>

/** The number in the key of a control record; 0 and 1 are the markers that end transactions. */
export const ControlRecordType = {
  LEADER_CHANGE: leaderChangeMessage.key,
  SNAPSHOT_HEADER: snapshotHeaderRecord.key,
  SNAPSHOT_FOOTER: snapshotFooterRecord.key,
  KRAFT_VERSION: kraftVersionRecord.key,
  KRAFT_VOTERS: votersRecord.key,
} as const

const byKey: ReadonlyMap<number, RecordSchema<QuorumRecordType>> = new Map(
  quorumRecordSchemas.map((schema) => [schema.key, schema]),
)
const byType: ReadonlyMap<QuorumRecordType, RecordSchema<QuorumRecordType>> = new Map(
  quorumRecordSchemas.map((schema) => [schema.name, schema]),
)

/** @returns undefined for a type of control record that is not the quorum's */
export function quorumRecordSchemaByKey(key: number): RecordSchema<QuorumRecordType> | undefined {
  return byKey.get(key)
}

export function quorumRecordSchema(type: QuorumRecordType): RecordSchema<QuorumRecordType> {
  return byType.get(type)!
}

/** Makes a record; fields left out get their defaults, `version` 0: the only one that Kafka (4.2) reads. */
export function quorumRecord<Type extends QuorumRecordType>(
  type: Type,
  fields: InputOfType<Type>,
): QuorumRecordOf<Type> {
  const given = fields as Readonly<Record<string, unknown>>
  return makeRecord(quorumRecordSchema(type), given) as QuorumRecordOf<Type>
}
