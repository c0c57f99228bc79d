import { leaderEpoch, offset as toOffset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import type { FetchAnswer } from '../../src/index.ts'
import { log, SingleReplica } from '../single-replica.ts'

function follower(summary = log(0, []), changes = {}, config = {}): SingleReplica {
  const single = new SingleReplica(summary, config)
  single.metadata({ leader: 2, leaderEpoch: 9, ...changes })
  return single
}

function records(baseOffset: number, endOffset: number, epoch = 9, highWatermark = 0): FetchAnswer {
  return {
    kind: 'records',
    records: {
      data: null,
      baseOffset: toOffset(baseOffset),
      endOffset: toOffset(endOffset),
      epochs: [{ epoch: leaderEpoch(epoch), startOffset: toOffset(baseOffset) }],
    },
    highWatermark: toOffset(highWatermark),
    logStartOffset: toOffset(0),
  }
}

function nothingNew(highWatermark: number, logStartOffset = 0): FetchAnswer {
  return {
    kind: 'records',
    records: null,
    highWatermark: toOffset(highWatermark),
    logStartOffset: toOffset(logStartOffset),
  }
}

function diverging(epoch: number, endOffset: number): FetchAnswer {
  const end = { epoch: leaderEpoch(epoch), endOffset: toOffset(endOffset) }
  return { kind: 'diverging', end, logStartOffset: toOffset(0) }
}

function answer(single: SingleReplica, what: FetchAnswer | null): void {
  const { fetchId } = single.the('fetch').fetch
  single.step({ kind: 'fetch-answer', fetchId, answer: what })
}

function cut(single: SingleReplica, end: number): void {
  const logStartOffset = single.replica.logStartOffset
  const { generation } = single.replica
  single.step({ kind: 'truncated', generation, logStartOffset, logEndOffset: toOffset(end) })
}

describe('a fetch', () => {
  it('begins at the end, with the epoch of the last record, without cutting to the high watermark (KIP-101)', () => {
    const single = follower(
      log(
        8,
        [
          [1, 0],
          [4, 6],
        ],
        { highWatermark: toOffset(3) },
      ),
    )
    expect(single.all('truncate')).toEqual([])
    expect(single.the('fetch')).toMatchObject({
      leaderId: 2,
      fetch: { fetchOffset: 8, lastFetchedEpoch: 4, leaderEpoch: 9, highWatermark: 3 },
    })
  })

  it('under commit waits until what came before is on disk, and so acknowledges it', () => {
    const single = follower()
    answer(single, records(0, 4))
    expect(single.effects.map(({ kind }) => kind)).toEqual(['append-fetched', 'flush'])
    single.flushed()
    expect(single.the('fetch').fetch.fetchOffset).toBe(4)
  })

  it('under os acknowledges what is written', () => {
    const single = follower(log(0, []), {}, { flushPolicy: 'os' })
    answer(single, records(0, 4))
    expect(single.effects.map(({ kind }) => kind)).toEqual(['append-fetched', 'fetch'])
  })

  it('that failed is tried again with the next tick', () => {
    const single = follower()
    answer(single, null)
    expect(single.effects).toEqual([])
    expect(single.replica.wantsTick).toBe(true)
    single.step({ kind: 'tick' })
    expect(single.all('fetch')).toHaveLength(1)
  })

  it('answered late, or twice, has no effect', () => {
    const single = follower()
    const { fetchId } = single.the('fetch').fetch
    single.metadata({ leader: 3, leaderEpoch: 10, partitionEpoch: 2 })
    expect(single.all('cancel-fetch')).toHaveLength(1)
    expect(single.step({ kind: 'fetch-answer', fetchId, answer: records(0, 4) })).toEqual([])
  })

  it.each([
    ['of a later leader epoch', records(0, 4, 10)],
    ['that overlap the log', records(-1, 4)],
  ])('answered with records %s is not believed', (_what, what) => {
    const single = follower()
    answer(single, what)
    expect(single.all('append-fetched')).toEqual([])
  })

  it('is made of no leader', () => {
    expect(follower(log(0, []), { leader: -1 }).all('fetch')).toEqual([])
  })
})

describe('the high watermark', () => {
  it('follows the leader’s as far as the log is on disk', () => {
    const single = follower()
    answer(single, records(0, 4, 9, 3))
    expect(single.replica.highWatermark).toBe(0)
    single.flushed()
    expect(single.replica.highWatermark).toBe(3)
    answer(single, nothingNew(4))
    expect(single.replica.highWatermark).toBe(4)
  })

  it('does not rise with a flush of before a truncation', () => {
    const single = follower(log(8, [[1, 0]], { flushedEndOffset: toOffset(6) }))
    const { generation } = single.replica
    single.flushed()
    answer(single, diverging(1, 7))
    cut(single, 7)
    answer(single, records(7, 9, 9, 9))
    single.flushed(generation, toOffset(8))
    expect(single.replica.highWatermark).toBe(7)
  })
})

describe('the log’s start', () => {
  it('follows the leader’s', () => {
    const single = follower(log(6, [[1, 0]]))
    answer(single, nothingNew(6, 4))
    expect(single.effects.map(({ kind }) => kind)).toEqual(['advance-log-start', 'high-watermark', 'fetch'])
    expect(single.replica.epochs).toEqual([{ epoch: 1, startOffset: 4 }])
  })

  it('behind the log’s end begins the log anew', () => {
    const single = follower(log(6, [[1, 0]]))
    answer(single, { kind: 'error', error: 'OFFSET_OUT_OF_RANGE', logStartOffset: toOffset(20) })
    expect(single.the('restart-log').offset).toBe(20)
    const start = { logStartOffset: toOffset(20), logEndOffset: toOffset(20) }
    single.step({ kind: 'truncated', generation: single.replica.generation, ...start })
    expect(single.the('fetch').fetch).toMatchObject({ fetchOffset: 20, lastFetchedEpoch: -1 })
  })
})

describe('a truncation', () => {
  it('goes on epoch by epoch until the logs agree (KIP-279)', () => {
    const single = follower(
      log(9, [
        [1, 0],
        [3, 4],
        [5, 7],
      ]),
    )
    answer(single, diverging(4, 8))
    expect(single.the('truncate').offset).toBe(7)
    cut(single, 7)
    expect(single.the('fetch').fetch).toMatchObject({ fetchOffset: 7, lastFetchedEpoch: 3 })
    answer(single, diverging(3, 5))
    expect(single.the('truncate').offset).toBe(5)
  })

  it('never goes below the high watermark: the partition stops instead', () => {
    const single = follower(log(9, [[1, 0]], { highWatermark: toOffset(6) }))
    answer(single, diverging(1, 5))
    expect(single.all('truncate')).toEqual([])
    expect(single.the('fault').why).toContain('below the high watermark 6')
    expect(single.replica.role).toBe('offline')
    single.metadata({ leader: 3, leaderEpoch: 10, partitionEpoch: 2 })
    expect(single.all('fetch')).toHaveLength(1)
  })

  it('below the high watermark is reported as unclean after an unclean election', () => {
    const summary = log(9, [[1, 0]], { highWatermark: toOffset(6) })
    const single = follower(summary, { leaderRecoveryState: 1 })
    answer(single, diverging(1, 5))
    expect(single.the('truncate')).toMatchObject({ offset: 5, reason: 'unclean' })
    expect(single.replica.highWatermark).toBe(5)
    expect(single.replica.owedEndOffset).toBeNull()
  })

  it('takes an epoch away in which this replica led and wrote nothing', () => {
    const single = new SingleReplica(log(5, [[1, 0]]))
    single.metadata({ leaderEpoch: 6 })
    single.metadata({ leader: 2, leaderEpoch: 9, partitionEpoch: 2 })
    expect(single.the('truncate')).toMatchObject({ offset: 5, reason: 'empty-epoch' })
    expect(single.replica.epochs).toEqual([{ epoch: 1, startOffset: 0 }])
  })

  it('may end at a batch’s border before', () => {
    const single = follower(log(9, [[1, 0]]))
    answer(single, diverging(1, 5))
    cut(single, 4)
    expect(single.the('fetch').fetch.fetchOffset).toBe(4)
  })
})

describe('damage', () => {
  it('is cut off and fetched again, even below the high watermark', () => {
    const single = follower(log(9, [[1, 0]], { highWatermark: toOffset(6) }))
    single.step({ kind: 'damaged', offset: toOffset(4) })
    expect(single.the('truncate')).toMatchObject({ offset: 4, reason: 'damage' })
    expect(single.replica.owedEndOffset).toBe(9)
    cut(single, 4)
    answer(single, records(4, 9, 1, 6))
    single.flushed()
    expect(single.replica.owedEndOffset).toBeNull()
  })

  it('owes nothing more when the log has on disk what this leader counts on, past where its epoch began', () => {
    const single = follower(log(9, [[1, 0]], { damagedFrom: toOffset(4) }))
    cut(single, 4)
    answer(single, records(4, 6, 1, 4))
    single.flushed()
    answer(single, records(6, 7, 9, 6))
    expect(single.replica.owedEndOffset).toBe(9)
    single.flushed()
    expect(single.replica.owedEndOffset).toBeNull()
  })

  it('is not cut off while there is no leader to fetch it from', () => {
    const single = follower(log(9, [[1, 0]], { damagedFrom: toOffset(4) }), { leader: -1 })
    expect(single.all('truncate')).toEqual([])
  })

  it('owes nothing more when the leader’s log parts from it before', () => {
    const single = follower(log(9, [[1, 0]], { damagedFrom: toOffset(7) }))
    cut(single, 7)
    expect(single.replica.owedEndOffset).toBe(9)
    answer(single, diverging(1, 5))
    expect(single.replica.owedEndOffset).toBeNull()
  })
})
