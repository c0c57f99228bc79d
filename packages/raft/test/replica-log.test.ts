import { AssertionError, nodeId, offset, type Uuid } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { type LogSummary, VoterSet } from '../src/index.ts'
import { ReplicaLog } from '../src/replica-log.ts'

const empty: LogSummary = {
  logStartOffset: offset(0),
  logEndOffset: offset(0),
  epochs: [],
  snapshot: null,
  voterSets: [],
}

function voters(...ids: number[]): VoterSet {
  return new VoterSet(
    ids.map((id) => ({
      id: nodeId(id),
      directoryId: `disk-${id}` as Uuid,
      endpoint: { host: 'localhost', port: id },
    })),
  )
}

/** Epoch 1 at 0–2, epoch 3 at 3–4, epoch 4 at 5–9. */
function logOfThreeEpochs(): ReplicaLog {
  const log = new ReplicaLog(empty)
  log.append(1, offset(3), null)
  log.append(3, offset(5), null)
  log.append(4, offset(10), null)
  return log
}

describe('validate', () => {
  const log = logOfThreeEpochs()

  it.each([
    [0, 0],
    [2, 1],
    [3, 1],
    [5, 3],
    [10, 4],
  ])('accepts offset %i after a record of epoch %i, which is a prefix of this log', (end, epoch) => {
    expect(log.validate(offset(end), epoch)).toEqual({ kind: 'valid' })
  })

  it.each([
    { end: 4, epoch: 1, at: { epoch: 1, endOffset: 3 } },
    { end: 4, epoch: 2, at: { epoch: 1, endOffset: 3 } },
    { end: 11, epoch: 4, at: { epoch: 4, endOffset: 10 } },
    { end: 11, epoch: 7, at: { epoch: 4, endOffset: 10 } },
  ])('says where the largest epoch at or below $epoch ends when the logs part (KIP-595)', (position) => {
    expect(log.validate(offset(position.end), position.epoch)).toEqual({ kind: 'diverging', ...position.at })
  })

  it('sends to the snapshot whoever is before the log, or at its start with another epoch (KIP-630)', () => {
    const pruned = logOfThreeEpochs()
    pruned.flushed(0, offset(10))
    pruned.advanceHighWatermark(offset(10))
    const snapshotId = { endOffset: offset(5), epoch: 3 }
    expect(pruned.snapshotCreated(snapshotId)).toBe(true)
    expect(pruned.logStartOffset).toBe(5)
    expect(pruned.validate(offset(0), 0)).toEqual({ kind: 'snapshot', snapshotId })
    expect(pruned.validate(offset(4), 3)).toEqual({ kind: 'snapshot', snapshotId })
    expect(pruned.validate(offset(5), 1)).toEqual({ kind: 'snapshot', snapshotId })
    expect(pruned.validate(offset(5), 4)).toEqual({ kind: 'snapshot', snapshotId })
    expect(pruned.validate(offset(6), 2)).toEqual({ kind: 'snapshot', snapshotId })
    expect(pruned.validate(offset(5), 3)).toEqual({ kind: 'valid' })
  })
})

describe('truncationOffset', () => {
  it("cuts at the leader's end of an epoch that both have", () => {
    expect(logOfThreeEpochs().truncationOffset({ epoch: 3, endOffset: offset(4) })).toBe(4)
  })

  it('cuts at the own end of the epoch before, when the leader names one that is missing here (KIP-279)', () => {
    expect(logOfThreeEpochs().truncationOffset({ epoch: 2, endOffset: offset(9) })).toBe(3)
  })
})

describe('truncate', () => {
  it('never goes below the high watermark (KAFKA-12460)', () => {
    const log = logOfThreeEpochs()
    log.flushed(0, offset(10))
    log.advanceHighWatermark(offset(5))
    expect(() => log.truncate(offset(4))).toThrow(AssertionError)
    log.truncate(offset(5))
    expect([log.logEndOffset, log.flushedEndOffset, log.lastEpoch]).toEqual([5, 5, 3])
  })

  it('makes flushes of the longer log count for nothing (ABA)', () => {
    const log = logOfThreeEpochs()
    log.truncate(offset(5))
    log.append(5, offset(10), null)
    expect(log.flushed(0, offset(10))).toBe(false)
    expect(log.flushedEndOffset).toBe(0)
    expect(log.flushed(1, offset(10))).toBe(true)
    expect(log.flushedEndOffset).toBe(10)
  })

  it('undoes a voter set, but never that of the snapshot', () => {
    const log = new ReplicaLog({
      ...empty,
      logStartOffset: offset(5),
      logEndOffset: offset(5),
      snapshot: { endOffset: offset(5), epoch: 2 },
      voterSets: [{ offset: offset(5), voters: voters(1, 2, 3) }],
    })
    log.append(3, offset(6), voters(1, 2))
    expect(log.votersBeforeChange?.size).toBe(3)
    expect(log.voters?.size).toBe(2)
    log.truncate(offset(5))
    expect(log.voters?.size).toBe(3)
    expect(log.areVotersCommitted).toBe(true)
    expect(log.lastEpoch).toBe(2)
  })
})

describe('the high watermark', () => {
  it('never falls and never passes what is on disk', () => {
    const log = logOfThreeEpochs()
    expect(() => log.advanceHighWatermark(offset(1))).toThrow(AssertionError)
    log.flushed(0, offset(5))
    expect(log.advanceHighWatermark(offset(4))).toBe(true)
    expect(log.advanceHighWatermark(offset(3))).toBe(false)
    expect(log.highWatermark).toBe(4)
  })

  it('begins at the end of the snapshot', () => {
    const snapshot = { endOffset: offset(7), epoch: 4 }
    const log = new ReplicaLog({
      ...empty,
      logEndOffset: offset(9),
      epochs: [{ epoch: 4, startOffset: offset(0) }],
      snapshot,
    })
    expect(log.highWatermark).toBe(7)
  })
})

describe('snapshots', () => {
  it('of what is not committed, or older than the latest, change nothing', () => {
    const log = logOfThreeEpochs()
    log.flushed(0, offset(10))
    log.advanceHighWatermark(offset(5))
    expect(log.snapshotCreated({ endOffset: offset(10), epoch: 4 })).toBe(false)
    expect(log.snapshotCreated({ endOffset: offset(5), epoch: 3 })).toBe(true)
    expect(log.snapshotCreated({ endOffset: offset(3), epoch: 1 })).toBe(false)
    expect(log.logStartOffset).toBe(5)
  })

  it('keep the last epoch of a log that they empty (KAFKA-12205)', () => {
    const log = logOfThreeEpochs()
    log.flushed(0, offset(10))
    log.advanceHighWatermark(offset(10))
    log.snapshotCreated({ endOffset: offset(10), epoch: 4 })
    expect(log.lastEpoch).toBe(4)
    expect(log.epochBefore(offset(10))).toBe(4)
    log.append(6, offset(11), null)
    expect(log.validate(offset(10), 4)).toEqual({ kind: 'valid' })
  })

  it('that replace the log bring their voters and a new generation', () => {
    const log = logOfThreeEpochs()
    expect(log.beginInstall()).toBe(1)
    log.reset({ endOffset: offset(20), epoch: 6 }, voters(1, 2))
    expect([log.logStartOffset, log.logEndOffset, log.flushedEndOffset, log.highWatermark]).toEqual([
      20, 20, 20, 20,
    ])
    expect(log.voters?.size).toBe(2)
    expect(log.flushed(0, offset(10))).toBe(false)
  })
})
