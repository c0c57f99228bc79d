/** What the quorum wrote about itself: who leads, who votes. */
import { ZERO_UUID } from '@millrace/base'
import { decodeQuorumRecord, type QuorumRecord } from '@millrace/protocol'
import { isBatchError, readRecords } from '@millrace/record'

export interface LeaderChange {
  readonly leaderId: number
  readonly grantingIds: readonly number[]
}

export interface VoterSeen {
  readonly id: number
  /** Null: that of a configured voter is not known. */
  readonly directoryId: string | null
}

export interface ControlContent {
  readonly leaderChange: LeaderChange | null
  /** Null: the batch does not change them. */
  readonly voters: readonly VoterSeen[] | null
}

/** @param bytes begins with a control batch */
export function readControlBatch(bytes: Buffer): ControlContent {
  let leaderChange: LeaderChange | null = null
  let voters: readonly VoterSeen[] | null = null
  const reader = readRecords(bytes, { position: 0, maxDecompressedBytes: 0, checkCrc: false })
  if (isBatchError(reader)) return { leaderChange, voters }
  for (const { key, value } of reader) {
    const record = decodeQuorumRecord(key, value)
    if ('reason' in record) continue
    const known: QuorumRecord = record
    if (known.type === 'VotersRecord') {
      voters = known.voters.map(({ voterId, voterDirectoryId }) => ({
        id: voterId,
        directoryId: voterDirectoryId === ZERO_UUID ? null : voterDirectoryId,
      }))
    }
    if (known.type !== 'LeaderChangeMessage') continue
    const { leaderId, grantingVoters } = known
    leaderChange = { leaderId, grantingIds: grantingVoters.map(({ voterId }) => voterId) }
  }
  return { leaderChange, voters }
}
