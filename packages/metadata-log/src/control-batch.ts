/**
 * Control batches: what the quorum writes about itself, beside the metadata, in the log and in snapshots.
 *
 * Must not know: offsets and epochs of a log, which the log stamps.
 */
import type { TimestampMs } from '@millrace/base'
import {
  ControlRecordType,
  decodeQuorumRecord,
  encodeQuorumRecord,
  quorumRecord,
  type QuorumRecord,
  type QuorumRecordOf,
} from '@millrace/protocol'
import { type LeaderEntry, type Voter, VoterSet } from '@millrace/raft'
import { type BuildOptions, RecordBatchBuilder, type RecordReader } from '@millrace/record'

/** Name under which a voter's address stands in a Voters record. */
export const CONTROLLER_LISTENER = 'CONTROLLER'
const KRAFT_VERSION = 1
const KRAFT_VERSION_FEATURE = { minSupportedVersion: 0, maxSupportedVersion: KRAFT_VERSION }

/** @returns a batch that owns its memory */
export function encodeControlBatch(
  records: readonly QuorumRecord[],
  timestampMs: TimestampMs,
  options: BuildOptions = {},
): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: Infinity })
  for (const record of records) {
    const { key, value } = encodeQuorumRecord(record)
    builder.tryAppend(timestampMs, key, value)
  }
  return builder.build({ ...options, isControl: true })
}

/** The quorum's own entries as records. */
export function controlRecords(entry: Exclude<LeaderEntry, { kind: 'proposal' }>): QuorumRecord[] {
  if (entry.kind === 'voters') {
    const voters = votersRecord(entry.voters)
    return entry.isFirst ? [kraftVersionRecord(), voters] : [voters]
  }
  const { leaderId, voterIds, grantingVoterIds } = entry
  return [
    quorumRecord('LeaderChangeMessage', {
      leaderId,
      voters: voterIds.map((voterId) => ({ voterId })),
      grantingVoters: grantingVoterIds.map((voterId) => ({ voterId })),
    }),
  ]
}

export function kraftVersionRecord(): QuorumRecord {
  return quorumRecord('KRaftVersionRecord', { kRaftVersion: KRAFT_VERSION })
}

export function votersRecord(voters: VoterSet): QuorumRecord {
  return quorumRecord('VotersRecord', {
    voters: voters.voters.map(({ id, directoryId, endpoint }) => ({
      voterId: id,
      voterDirectoryId: directoryId,
      endpoints: [{ name: CONTROLLER_LISTENER, ...endpoint }],
      kRaftVersionFeature: KRAFT_VERSION_FEATURE,
    })),
  })
}

/** A control record that must be understood, and is not. */
export interface BadControlRecord {
  readonly kind: 'bad-control-record'
  readonly reason: string
}

/**
 * @param reader of a control batch
 * @returns its records, those of types that nobody here needs left out
 */
export function readControlRecords(reader: RecordReader): QuorumRecord[] | BadControlRecord {
  const records: QuorumRecord[] = []
  for (const { key, value } of reader) {
    const record = decodeQuorumRecord(key, value)
    if (!('reason' in record)) records.push(record)
    else if (controlTypeOf(key) === ControlRecordType.KRAFT_VOTERS)
      return { kind: 'bad-control-record', reason: record.reason }
  }
  return records
}

/** @returns the last voter set that the records name, or null */
export function votersIn(records: readonly QuorumRecord[]): VoterSet | null {
  const record = records.findLast(({ type }) => type === 'VotersRecord')
  return record === undefined ? null : new VoterSet(votersOf(record as QuorumRecordOf<'VotersRecord'>))
}

function votersOf({ voters }: QuorumRecordOf<'VotersRecord'>): Voter[] {
  return voters.map(({ voterId, voterDirectoryId, endpoints }) => {
    const { host, port } = endpoints.find(({ name }) => name === CONTROLLER_LISTENER) ??
      endpoints[0] ?? { host: '', port: 0 }
    return { id: voterId, directoryId: voterDirectoryId, endpoint: { host, port } }
  })
}

function controlTypeOf(key: Uint8Array | null): number | null {
  return key === null || key.length < 4 ? null : new DataView(key.buffer, key.byteOffset).getInt16(2)
}
