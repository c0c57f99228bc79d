import { leaderEpoch, nodeId, offset as toOffset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import type { ReplicationConfig } from '../../src/index.ts'
import { BROKER_EPOCH, log, SingleReplica } from '../single-replica.ts'

function leader(config: Partial<ReplicationConfig> = {}, changes = {}): SingleReplica {
  const single = new SingleReplica(log(0, []), config)
  single.metadata(changes)
  single.flushed()
  return single
}

describe('a leader’s epoch', () => {
  it('has a start although it has no records (KIP-101)', () => {
    const single = new SingleReplica(log(7, [[1, 0]]))
    single.metadata({ leaderEpoch: 4 })
    expect(single.the('assign-epoch-start')).toMatchObject({ leaderEpoch: 4, startOffset: 7 })
    expect(single.replica.endOffsetForEpoch(leaderEpoch(4))).toEqual({ epoch: 4, endOffset: 7 })
    expect(single.replica.endOffsetForEpoch(leaderEpoch(2))).toEqual({ epoch: 1, endOffset: 7 })
  })

  it.each(['commit', 'os'] as const)(
    'acknowledges nothing before its start is on disk (%s)',
    (flushPolicy) => {
      const single = new SingleReplica(log(1, [[0, 0]]), { flushPolicy })
      single.metadata({ isr: [1], replicas: [1] })
      const before = single.replica.generation - 1
      single.append(2)
      single.flushed(before, toOffset(2))
      expect(single.all('release')).toEqual([])
      single.flushed()
      expect(single.the('release').waits).toEqual([{ endOffset: 2 }])
    },
  )

  it('begins only when an earlier truncation is on disk', () => {
    const single = new SingleReplica(log(9, [[1, 0]], { damagedFrom: toOffset(4) }))
    single.metadata({ leader: 2, leaderEpoch: 2 })
    const { generation } = single.the('truncate')
    single.metadata({ leaderEpoch: 3, partitionEpoch: 2, leaderRecoveryState: 1 })
    expect(single.replica.appendRefusal(1)).toBe('NOT_LEADER_OR_FOLLOWER')
    single.fetch(2, 0)
    expect(single.the('respond-fetch').reply).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER' })
    single.step({ kind: 'truncated', generation, logStartOffset: toOffset(0), logEndOffset: toOffset(3) })
    expect(single.the('assign-epoch-start').startOffset).toBe(3)
  })

  it('has a current high watermark only when that has reached its start (KIP-207)', () => {
    const single = new SingleReplica(log(5, [[1, 0]], { highWatermark: toOffset(3) }))
    single.metadata({ leaderEpoch: 2, isr: [1, 2] })
    single.flushed()
    expect(single.replica.isHighWatermarkCurrent).toBe(false)
    single.fetch(2, 5)
    expect(single.replica.highWatermark).toBe(5)
    expect(single.replica.isHighWatermarkCurrent).toBe(true)
  })
})

describe('the high watermark', () => {
  it('is the least of what the members of the ISR have on disk, the leader included', () => {
    const single = leader()
    single.append(4)
    single.fetch(2, 4)
    single.fetch(3, 3)
    expect(single.replica.highWatermark).toBe(0)
    single.flushed()
    expect(single.replica.highWatermark).toBe(3)
    single.fetch(3, 4)
    expect(single.the('release').waits).toEqual([{ endOffset: 4 }])
  })

  it('stands while the ISR is smaller than min.insync.replicas (KIP-966)', () => {
    const single = leader({ minInsyncReplicas: 2 }, { isr: [1] })
    single.append(2, false)
    single.flushed()
    expect(single.replica.highWatermark).toBe(0)
    single.metadata({ isr: [1, 2], partitionEpoch: 2 })
    single.fetch(2, 2)
    expect(single.replica.highWatermark).toBe(2)
  })

  it('waits for a replica that is about to join, as long as that keeps up and is eligible (KAFKA-15021)', () => {
    const single = leader({}, { isr: [1] })
    single.fetch(2, 0)
    single.append(3)
    single.flushed()
    expect(single.replica.highWatermark).toBe(0)
    single.ineligible.add(2)
    single.step({ kind: 'tick' })
    expect(single.replica.highWatermark).toBe(0)
    single.step({ kind: 'alter-partition-answer', requestId: 1, answer: { error: 'INELIGIBLE_REPLICA' } })
    const { requestId, newIsr } = single.the('alter-partition')
    expect(newIsr.map(({ id }) => id)).toEqual([1])
    const answer = {
      error: 'NONE',
      leaderEpoch: leaderEpoch(1),
      partitionEpoch: 2,
      isr: [nodeId(1)],
    } as const
    single.step({
      kind: 'alter-partition-answer',
      requestId,
      answer: { ...answer, leaderRecoveryState: 0 },
    })
    expect(single.replica.highWatermark).toBe(3)
  })

  it('does not fall when a follower comes with less', () => {
    const single = leader({}, { isr: [1, 2] })
    single.append(4)
    single.flushed()
    single.fetch(2, 4)
    single.fetch(2, 1)
    expect(single.replica.highWatermark).toBe(4)
    expect(single.the('alter-partition').newIsr.map(({ id }) => id)).toEqual([1])
  })
})

describe('an append', () => {
  it('is refused before it is made when too few replicas are in sync', () => {
    const single = leader({ minInsyncReplicas: 2 }, { isr: [1] })
    expect(single.replica.appendRefusal(-1)).toBe('NOT_ENOUGH_REPLICAS')
    expect(single.replica.appendRefusal(1)).toBeNull()
  })

  it('is indefinite when there are too few afterwards', () => {
    const single = leader({ minInsyncReplicas: 2 }, { isr: [1, 2] })
    single.append(1)
    single.metadata({ isr: [1], partitionEpoch: 2 })
    expect(single.the('fail')).toMatchObject({ error: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' })
    single.append(2)
    expect(single.the('fail')).toMatchObject({ waits: [{ endOffset: 2 }] })
  })

  it('is indefinite when the leadership ends, whatever the high watermark does afterwards (KAFKA-20634)', () => {
    const single = leader()
    single.append(1)
    single.metadata({ leader: 2, leaderEpoch: 2, partitionEpoch: 2 })
    expect(single.the('fail')).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER' })
  })

  it('needs all replicas where there are fewer than min.insync.replicas', () => {
    const single = leader({ minInsyncReplicas: 3 }, { isr: [1], replicas: [1] })
    expect(single.replica.appendRefusal(-1)).toBeNull()
  })
})

describe('a leader that no controller has answered for as long as a session lasts', () => {
  function cutOff(): SingleReplica {
    const single = leader()
    single.isOwnSessionOver = true
    return single
  }

  it('leads on while its followers follow', () => {
    const single = cutOff()
    for (let end = 1; end < 20; end += 1) {
      single.nowMs += 100
      single.append(end)
      single.flushed()
      single.fetch(2, end)
      single.fetch(3, end)
      expect(single.all('release')).toHaveLength(1)
      single.step({ kind: 'tick' })
    }
    expect(single.replica.appendRefusal(-1)).toBeNull()
    expect(single.replica.isDoubted).toBe(false)
  })

  it('sends away who waits, and who comes, once its followers do not follow either', () => {
    const single = cutOff()
    single.append(1)
    single.nowMs += 300
    single.append(2)
    single.nowMs += 199
    single.step({ kind: 'tick' })
    expect(single.all('fail')).toEqual([])
    single.nowMs += 1
    single.step({ kind: 'tick' })
    const waits = [{ endOffset: 1 }, { endOffset: 2 }]
    expect(single.the('fail')).toEqual({ kind: 'fail', waits, error: 'NOT_LEADER_OR_FOLLOWER' })
    expect(single.replica.isDoubted).toBe(true)
    expect([-1, 1].map((acks) => single.replica.appendRefusal(acks))).toEqual(
      Array(2).fill('NOT_LEADER_OR_FOLLOWER'),
    )
  })

  it('takes appends again when its followers are back, or a controller is', () => {
    const single = cutOff()
    single.append(1)
    single.flushed()
    single.nowMs += 500
    single.step({ kind: 'tick' })
    single.isOwnSessionOver = false
    expect(single.replica.appendRefusal(-1)).toBeNull()
    single.isOwnSessionOver = true
    expect(single.replica.appendRefusal(-1)).toBe('NOT_LEADER_OR_FOLLOWER')
    single.fetch(2, 1)
    single.fetch(3, 1)
    expect(single.replica.appendRefusal(-1)).toBeNull()
  })

  it('in session waits for its followers as long as the clients do', () => {
    const single = leader()
    single.append(1)
    single.nowMs += 5000
    single.step({ kind: 'tick' })
    expect(single.all('fail')).toEqual([])
    expect(single.replica.appendRefusal(-1)).toBeNull()
  })
})

describe('a fetch', () => {
  it('waits until there are records', () => {
    const single = leader()
    expect(single.fetch(2, 0)).toEqual([])
    single.append(2)
    expect(single.the('respond-fetch')).toMatchObject({ replicaId: 2, reply: { offset: 0, endOffset: 2 } })
    single.append(3)
    expect(single.all('respond-fetch')).toEqual([])
  })

  it('waits no more when its connection is gone', () => {
    const single = leader()
    single.fetch(2, 0)
    single.step({ kind: 'fetch-dropped', replicaId: nodeId(2), fetchId: 1 })
    single.append(2)
    expect(single.all('respond-fetch')).toEqual([])
  })

  it('is told the high watermark when the driver says so, once', () => {
    const single = leader({}, { isr: [1, 2] })
    single.append(1)
    single.flushed()
    single.fetch(2, 1)
    expect(single.replica.hasUntoldHighWatermark).toBe(true)
    single.step({ kind: 'tell-high-watermark' })
    expect(single.the('respond-fetch').reply).toMatchObject({ offset: 1, endOffset: 1, highWatermark: 1 })
    expect(single.step({ kind: 'tell-high-watermark' })).toEqual([])
  })

  it('is told that the log starts later', () => {
    const single = leader({}, { isr: [1] })
    single.append(3)
    single.flushed()
    single.fetch(2, 3)
    single.step({ kind: 'log-start-advanced', logStartOffset: toOffset(2) })
    expect(single.the('respond-fetch').reply).toMatchObject({ logStartOffset: 2 })
    single.fetch(3, 1, { logStartOffset: toOffset(0) })
    expect(single.the('respond-fetch').reply).toMatchObject({
      error: 'OFFSET_OUT_OF_RANGE',
      logStartOffset: 2,
    })
  })

  it('counts only when it was not overtaken by a later one', () => {
    const single = leader({}, { isr: [1, 2] })
    single.append(4)
    single.flushed()
    single.fetch(2, 1, { fetchId: 10 })
    expect(single.fetch(2, 4, { fetchId: 9 })).toEqual([])
    expect(single.replica.highWatermark).toBe(1)
  })

  it('of a process that has been replaced does not count (KIP-903)', () => {
    const single = leader({}, { isr: [1, 2] })
    single.append(4)
    single.flushed()
    single.brokerEpochs.set(nodeId(2), BROKER_EPOCH + 1)
    single.fetch(2, 4)
    expect(single.the('respond-fetch').reply).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER' })
    expect(single.replica.highWatermark).toBe(0)
  })

  it.each([
    [0, 'FENCED_LEADER_EPOCH'],
    [2, 'UNKNOWN_LEADER_EPOCH'],
  ])('in leader epoch %i is answered %s by the leader of 1 (KIP-320)', (epoch, error) => {
    const single = leader()
    single.fetch(2, 0, { leaderEpoch: leaderEpoch(epoch) })
    expect(single.the('respond-fetch').reply).toMatchObject({ error })
  })

  it('by a replica that is not assigned is refused, and may be tried again', () => {
    const single = leader({}, { replicas: [1, 2], isr: [1, 2] })
    single.fetch(3, 0)
    expect(single.the('respond-fetch').reply).toMatchObject({ error: 'UNKNOWN_LEADER_EPOCH' })
  })

  it('that diverges acknowledges nothing, and is told where (KIP-279)', () => {
    const single = new SingleReplica(
      log(6, [
        [1, 0],
        [3, 4],
      ]),
    )
    single.metadata({ leaderEpoch: 5, isr: [1, 2] })
    single.flushed()
    single.fetch(2, 6, { lastFetchedEpoch: leaderEpoch(2) })
    expect(single.the('respond-fetch').reply).toMatchObject({
      kind: 'diverging',
      end: { epoch: 1, endOffset: 4 },
    })
    expect(single.replica.highWatermark).toBe(0)
  })
})

describe('the ISR', () => {
  const behind = (changes = {}): SingleReplica => {
    const single = new SingleReplica(log(5, [[1, 0]]))
    single.metadata({ leaderEpoch: 2, isr: [1], ...changes })
    single.flushed()
    return single
  }

  it('loses who has not been at the end for replica.lag.time.max.ms', () => {
    const single = leader()
    single.append(2)
    single.fetch(2, 2)
    single.nowMs += 101
    single.step({ kind: 'tick' })
    expect(single.the('alter-partition').newIsr.map(({ id }) => id)).toEqual([1, 2])
    expect(single.the('alter-partition')).toMatchObject({ leaderEpoch: 1, partitionEpoch: 1 })
  })

  it('keeps an idle follower that has everything', () => {
    const single = leader()
    single.fetch(2, 0)
    single.fetch(3, 0)
    single.nowMs += 10_000
    expect(single.step({ kind: 'tick' })).toEqual([])
  })

  it('keeps who waited at the end for longer than replica.lag.time.max.ms when a record comes', () => {
    const single = leader({}, { isr: [1, 2] })
    single.fetch(2, 0)
    single.nowMs += 10_000
    single.append(1)
    expect(single.step({ kind: 'tick' })).toEqual([])
    single.nowMs += 101
    single.step({ kind: 'tick' })
    expect(single.the('alter-partition').newIsr.map(({ id }) => id)).toEqual([1])
  })

  it('keeps who had all that there was when it fetched before', () => {
    const single = leader({}, { isr: [1, 2] })
    for (let end = 1; end < 10; end += 1) {
      single.nowMs += 60
      single.append(end)
      single.fetch(2, end - 1)
    }
    expect(single.step({ kind: 'tick' })).toEqual([])
  })

  it('is joined at the high watermark and the epoch’s start, not before', () => {
    const single = behind()
    single.fetch(2, 3)
    expect(single.all('alter-partition')).toEqual([])
    single.fetch(2, 5)
    expect(single.the('alter-partition').newIsr).toEqual([
      { id: 1, brokerEpoch: BROKER_EPOCH },
      { id: 2, brokerEpoch: BROKER_EPOCH },
    ])
    expect(single.replica.maximalIsr).toEqual([1, 2])
    expect(single.replica.isr).toEqual([1])
  })

  it('is not joined below the epoch’s start by who left it a moment ago, though at the high watermark', () => {
    const lagging = new SingleReplica(log(5, [[1, 0]]), { minInsyncReplicas: 2 })
    lagging.metadata({ leaderEpoch: 2, isr: [1, 2] })
    lagging.metadata({ leaderEpoch: 2, isr: [1], partitionEpoch: 2 })
    lagging.flushed()
    lagging.fetch(2, 3)
    expect(lagging.replica.highWatermark).toBe(0)
    expect(lagging.all('alter-partition')).toEqual([])
    lagging.fetch(2, 5)
    expect(lagging.all('alter-partition')).toHaveLength(1)
  })

  it('is joined by no replica that is fenced, or stopping (KIP-841)', () => {
    const single = behind()
    single.ineligible.add(2)
    single.fetch(2, 5)
    expect(single.all('alter-partition')).toEqual([])
    single.ineligible.delete(2)
    single.step({ kind: 'tick' })
    expect(single.all('alter-partition')).toHaveLength(1)
  })

  it('is proposed with the processes that fetched, not with those that are registered by now (KIP-903)', () => {
    const single = leader()
    single.fetch(2, 0)
    single.brokerEpochs.set(nodeId(2), BROKER_EPOCH + 1)
    single.append(1)
    single.nowMs += 101
    single.step({ kind: 'tick' })
    // 3 has not fetched in this epoch.
    expect(single.the('alter-partition').newIsr).toEqual([{ id: 1, brokerEpoch: BROKER_EPOCH }])
    const other = leader({}, { isr: [1, 2, 3] })
    other.fetch(2, 0)
    other.brokerEpochs.set(nodeId(2), BROKER_EPOCH + 1)
    other.nowMs += 101
    other.step({ kind: 'tick' })
    expect(other.the('alter-partition').newIsr).toContainEqual({ id: 2, brokerEpoch: BROKER_EPOCH })
  })

  it('has one proposal in flight, repeated after a pause when no answer came', () => {
    const single = behind()
    single.fetch(2, 5)
    const { requestId } = single.the('alter-partition')
    single.fetch(3, 5)
    expect(single.all('alter-partition')).toEqual([])
    single.step({ kind: 'alter-partition-answer', requestId, answer: null })
    expect(single.step({ kind: 'tick' })).toEqual([])
    single.nowMs += 11
    single.step({ kind: 'tick' })
    expect(single.the('alter-partition').newIsr.map(({ id }) => id)).toEqual([1, 2, 3])
  })

  it('is confirmed by the metadata log as well as by the answer (KAFKA-14144)', () => {
    const single = behind()
    single.fetch(2, 5)
    const { requestId } = single.the('alter-partition')
    single.metadata({ leaderEpoch: 2, isr: [1, 2], partitionEpoch: 2 })
    expect(single.replica.isr).toEqual([1, 2])
    expect(single.step({ kind: 'alter-partition-answer', requestId, answer: null })).toEqual([])
  })

  it('is proposed no more by a leader that has been superseded, until the metadata says how', () => {
    const single = behind()
    single.fetch(2, 5)
    const { requestId } = single.the('alter-partition')
    single.step({ kind: 'alter-partition-answer', requestId, answer: { error: 'FENCED_LEADER_EPOCH' } })
    single.nowMs += 1000
    expect(single.step({ kind: 'tick' })).toEqual([])
    single.metadata({ leaderEpoch: 2, isr: [1], partitionEpoch: 2 })
    expect(single.all('alter-partition')).toHaveLength(1)
  })

  it('heeds no answer to a proposal of an earlier leadership', () => {
    const single = behind()
    single.fetch(2, 5)
    const { requestId: earlier } = single.the('alter-partition')
    single.metadata({ leaderEpoch: 3, isr: [1], partitionEpoch: 2 })
    single.fetch(2, 5)
    const { requestId } = single.the('alter-partition')
    const fenced = { error: 'FENCED_LEADER_EPOCH' } as const
    single.step({ kind: 'alter-partition-answer', requestId: earlier, answer: fenced })
    single.step({
      kind: 'alter-partition-answer',
      requestId,
      answer: {
        error: 'NONE',
        leaderEpoch: leaderEpoch(3),
        partitionEpoch: 3,
        isr: [1, 2].map(nodeId),
        leaderRecoveryState: 0,
      },
    })
    expect(single.replica.isr).toEqual([1, 2])
  })

  it('of an unclean election recovers when all are in it (KIP-704)', () => {
    const single = behind({ leaderRecoveryState: 1, replicas: [1, 2] })
    single.fetch(2, 5)
    expect(single.the('alter-partition')).toMatchObject({ leaderRecoveryState: 0 })
  })
})
