import { nodeId, type TimestampMs } from '@millrace/base'
import { VoterSet } from '@millrace/raft'
import { isBatchError, readRecords, RecordBatchBuilder } from '@millrace/record'
import { expect, test } from 'vitest'
import { controlRecords, encodeControlBatch, readControlRecords, votersIn } from '../src/control-batch.ts'
import { uuid } from './rig.ts'

const now = 5 as TimestampMs
const voters = new VoterSet(
  [1, 2].map((id) => ({ id: nodeId(id), directoryId: uuid(id), endpoint: { host: `c${id}`, port: 9093 } })),
)

function read(batch: Buffer) {
  const reader = readRecords(batch, { maxDecompressedBytes: 0 })
  if (isBatchError(reader)) throw new Error(reader.message)
  expect(reader.batch.isControl).toBe(true)
  return readControlRecords(reader)
}

test('a leader change names the leader, the voters, and who gave their votes', () => {
  const leaderChange = {
    kind: 'leader-change',
    leaderId: nodeId(1),
    voterIds: [nodeId(1), nodeId(2)],
    grantingVoterIds: [nodeId(2)],
  } as const
  expect(read(encodeControlBatch(controlRecords(leaderChange), now))).toMatchObject([
    {
      type: 'LeaderChangeMessage',
      leaderId: 1,
      voters: [{ voterId: 1 }, { voterId: 2 }],
      grantingVoters: [{ voterId: 2 }],
    },
  ])
})

test('the first voter set comes with the version of KRaft, in one batch, and is read back whole', () => {
  const first = read(encodeControlBatch(controlRecords({ kind: 'voters', voters, isFirst: true }), now))
  expect(first).toMatchObject([{ type: 'KRaftVersionRecord', kRaftVersion: 1 }, { type: 'VotersRecord' }])
  const later = read(encodeControlBatch(controlRecords({ kind: 'voters', voters, isFirst: false }), now))
  if ('kind' in first || 'kind' in later) throw new Error('bad record')
  expect(votersIn(first)?.voters).toEqual(voters.voters)
  expect(votersIn(later)?.voters).toEqual(voters.voters)
  expect(later).toHaveLength(1)
})

test('control records of other kinds are passed over; a voter set that is not understood is not', () => {
  const batchOf = (type: number) => {
    const builder = new RecordBatchBuilder({ maxBytes: 1024 })
    builder.tryAppend(now, Buffer.from([0, 0, 0, type]), Buffer.from([0, 99]))
    return builder.build({ isControl: true })
  }
  expect(read(batchOf(77))).toEqual([])
  expect(read(batchOf(6))).toMatchObject({ kind: 'bad-control-record' })
})
