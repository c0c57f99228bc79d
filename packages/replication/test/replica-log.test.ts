import { leaderEpoch, offset as toOffset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { ReplicaLog } from '../src/replica-log.ts'
import { log } from './single-replica.ts'

const threeEpochs = () =>
  new ReplicaLog(
    log(20, [
      [1, 0],
      [3, 5],
      [6, 12],
    ]),
    true,
  )

describe('endOffsetForEpoch', () => {
  it.each([
    [1, 1, 5],
    [2, 1, 5],
    [3, 3, 12],
    [5, 3, 12],
    [6, 6, 20],
    [0, 0, 0],
    [7, -1, -1],
    [-1, -1, -1],
  ])('of epoch %i is epoch %i, offset %i (KIP-101, KIP-279)', (asked, epoch, endOffset) => {
    expect(threeEpochs().endOffsetForEpoch(leaderEpoch(asked))).toEqual({ epoch, endOffset })
  })
})

describe('divergence', () => {
  it.each([
    [20, 6, null],
    [12, 6, null],
    [12, 3, null],
    [13, 3, { epoch: 3, endOffset: 12 }],
    [9, 4, { epoch: 3, endOffset: 12 }],
    [21, 6, { epoch: 6, endOffset: 20 }],
    [0, -1, null],
    [21, -1, { epoch: -1, endOffset: 20 }],
  ])('of a log that ends at %i with epoch %i is %o', (end, epoch, expected) => {
    expect(threeEpochs().divergence(toOffset(end), leaderEpoch(epoch))).toEqual(expected)
  })
})

describe('the log', () => {
  it('forgets epochs that are cut, and those that its start has passed', () => {
    const cut = threeEpochs()
    const generation = cut.beginTruncation(toOffset(12), false)
    expect(cut.endTruncation(generation, toOffset(0), toOffset(12))).toBe(true)
    expect(cut.latestEpoch).toBe(3)
    cut.advanceLogStart(toOffset(7))
    expect(cut.epochs).toEqual([{ epoch: 3, startOffset: 7 }])
  })

  it('keeps a start that was advanced while a truncation was under way', () => {
    const cut = threeEpochs()
    const generation = cut.beginTruncation(toOffset(15), false)
    cut.advanceLogStart(toOffset(9))
    cut.endTruncation(generation, toOffset(0), toOffset(15))
    expect(cut.logStartOffset).toBe(9)
  })

  it('asserts that nothing committed is cut', () => {
    const committed = threeEpochs()
    committed.advanceHighWatermark(toOffset(13))
    expect(() => committed.beginTruncation(toOffset(12), false)).toThrow('below the high watermark 13')
    expect(() => committed.beginRestart(toOffset(12), false)).toThrow('below the high watermark 13')
  })

  it('takes no flush of before a truncation for its own', () => {
    const cut = threeEpochs()
    const before = cut.generation
    const generation = cut.beginTruncation(toOffset(15), false)
    cut.endTruncation(generation, toOffset(0), toOffset(15))
    cut.appendFetched({
      data: null,
      baseOffset: toOffset(15),
      endOffset: toOffset(18),
      epochs: [{ epoch: leaderEpoch(7), startOffset: toOffset(15) }],
    })
    expect(cut.flushed(before, toOffset(18))).toBe(false)
    expect(cut.flushedEndOffset).toBe(15)
    expect(cut.flushed(generation, toOffset(18))).toBe(true)
  })

  it('learns the high watermark anew where a power cut may have brought back other records', () => {
    const summary = log(9, [[1, 0]], { highWatermark: toOffset(8) })
    expect(new ReplicaLog(summary, true).highWatermark).toBe(8)
    expect(new ReplicaLog(summary, false).highWatermark).toBe(0)
  })

  it('that lost its tail owes what was committed; one whose recovery point is merely behind does not', () => {
    expect(new ReplicaLog(log(5, [[1, 0]], { highWatermark: toOffset(8) }), true).owedEndOffset).toBe(8)
    const behind = log(9, [[1, 0]], { highWatermark: toOffset(8), flushedEndOffset: toOffset(2) })
    expect(new ReplicaLog(behind, true).owedEndOffset).toBe(-1)
  })
})
