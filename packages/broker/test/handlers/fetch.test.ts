import { setImmediate as turn } from 'node:timers/promises'
import { leaderEpoch, offset, randomUuid } from '@millrace/base'
import { nodeEntropy } from '@millrace/base/node'
import { RecordBatchView } from '@millrace/record'
import { describe, expect, it } from 'vitest'
import { batchOf, ErrorCode, ShardFixture, TestConnection } from '../support/shard-fixture.ts'

function countBatches(records: Buffer): number {
  let count = 0
  for (let position = 0; position < records.length; position = new RecordBatchView(records, position).end)
    count++
  return count
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  await turn()
  const pending = Symbol('pending')
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

describe('Fetch', () => {
  it('returns the batches as they were produced, whole ones, from any offset inside one', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const batch = batchOf(['a', 'b', 'c'])
    await fixture.produce('t', 0, Buffer.from(batch))
    await fixture.produce('t', 0, batchOf(['d']))
    const all = await fixture.fetch('t', 0, 1)
    expect(all).toMatchObject({ errorCode: 0, highWatermark: 4, lastStableOffset: 4, logStartOffset: 0 })
    expect(all.records!.subarray(12 + 9, batch.length)).toEqual(batch.subarray(12 + 9))
    expect(countBatches(all.records!)).toBe(2)
    expect((await fixture.fetch('t', 0, 3)).records!.length).toBeLessThan(all.records!.length)
  })

  it('returns the first batch whole however large, and no second one beyond the limit', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    await fixture.produce('t', 0, batchOf(['x'.repeat(5000)]))
    await fixture.produce('t', 0, batchOf(['y']))
    const { records } = await fixture.fetch('t', 0, 0, { partitionMaxBytes: 1 })
    expect(countBatches(records!)).toBe(1)
    expect(records!.length).toBeGreaterThan(5000)
  })

  it('gives a turn to each partition when one alone fills the response', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 3 } })
    for (const index of [0, 1, 2]) await fixture.produce('t', index, batchOf(['z'.repeat(1000)]))
    const served = new Set<number>()
    for (let round = 0; round < 3; round++) {
      const partitions = [0, 1, 2].map((partition) => ({
        partition,
        fetchOffset: offset(0),
        partitionMaxBytes: 1 << 20,
      }))
      const body = { maxWaitMs: 0, minBytes: 1, maxBytes: 1, topics: [{ topic: 't', partitions }] }
      const { responses } = await fixture.send('Fetch', body, { version: 12 })
      for (const { partitionIndex, records } of responses[0]!.partitions)
        if (records!.length > 0) served.add(partitionIndex)
    }
    expect([...served].toSorted((a, b) => a - b)).toEqual([0, 1, 2])
  })

  it('waits for its minimum of bytes, and is completed by the append that reaches it', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const size = batchOf(['a']).length
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 10_000, minBytes: 2 * size })
    expect(await isPending(waiting)).toBe(true)
    await fixture.produce('t', 0, batchOf(['a']))
    expect(await isPending(waiting)).toBe(true)
    await fixture.produce('t', 0, batchOf(['b']))
    expect(countBatches((await waiting).records!)).toBe(2)
  })

  it('is answered with what there is when its time is up', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    await fixture.produce('t', 0, batchOf(['a']))
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 500, minBytes: 1 << 20 })
    fixture.broker.time.advance(499)
    expect(await isPending(waiting)).toBe(true)
    fixture.broker.time.advance(1)
    expect(countBatches((await waiting).records!)).toBe(1)
  })

  it('waits for the flush under the policy commit, for consumers see only what is safe', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    fixture.broker.faulty.holdSyncs()
    await fixture.produce('t', 0, batchOf(['a']), { acks: 1 })
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 10_000 })
    expect(await isPending(waiting)).toBe(true)
    fixture.broker.faulty.releaseSyncs()
    expect(await waiting).toMatchObject({ errorCode: 0, highWatermark: 1 })
  })

  it('is forgotten when its connection dies, and the next append is none the worse', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const connection = new TestConnection()
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 10_000, connection })
    connection.close('reset by peer')
    expect(await fixture.produce('t', 0, batchOf(['a']))).toMatchObject({ errorCode: 0 })
    expect(await isPending(waiting)).toBe(true)
    expect(fixture.broker.time.pendingTimers).toBeLessThanOrEqual(1)
  })

  it('is completed with an error when its topic is deleted', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 10_000 })
    fixture.broker.metadata.deleteTopic('t')
    expect(await waiting).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      highWatermark: -1,
    })
  })

  it('takes the log end for an empty answer and anything beyond for out of range', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    await fixture.produce('t', 0, batchOf(['a', 'b']))
    expect(await fixture.fetch('t', 0, 2)).toMatchObject({ errorCode: 0, records: Buffer.alloc(0) })
    expect(await fixture.fetch('t', 0, 3)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE })
    expect(await fixture.fetch('t', 0, -1)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE })
  })

  it('answers at once when a partition has an error, though others have nothing', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const partitions = [0, 9].map((partition) => ({
      partition,
      fetchOffset: offset(0),
      partitionMaxBytes: 100,
    }))
    const response = await fixture.send(
      'Fetch',
      { maxWaitMs: 60_000, minBytes: 1, topics: [{ topic: 't', partitions }] },
      { version: 12 },
    )
    const codes = response.responses[0]!.partitions.map(({ errorCode }) => errorCode)
    expect(codes).toEqual([0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION])
  })

  it('compares leader epochs', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    fixture.broker.metadata.electAgain('t')
    for (const [epoch, code] of [
      [-1, 0],
      [0, ErrorCode.FENCED_LEADER_EPOCH],
      [1, 0],
      [2, ErrorCode.UNKNOWN_LEADER_EPOCH],
    ] as const) {
      const partitions = [
        {
          partition: 0,
          fetchOffset: offset(0),
          partitionMaxBytes: 1,
          currentLeaderEpoch: leaderEpoch(epoch),
        },
      ]
      const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 't', partitions }] }
      const { responses } = await fixture.send('Fetch', body, { version: 12 })
      expect(responses[0]!.partitions[0]!.errorCode).toBe(code)
    }
  })

  it('tells a reader of another history where they parted', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    await fixture.produce('t', 0, batchOf(['a', 'b']))
    const fetchAfter = async (lastFetchedEpoch: number, fetchOffset: number) => {
      const partitions = [
        {
          partition: 0,
          fetchOffset: offset(fetchOffset),
          partitionMaxBytes: 1000,
          lastFetchedEpoch: leaderEpoch(lastFetchedEpoch),
        },
      ]
      const body = { maxWaitMs: 60_000, minBytes: 1, topics: [{ topic: 't', partitions }] }
      return (await fixture.send('Fetch', body, { version: 12 })).responses[0]!.partitions[0]!
    }
    const agreed = { epoch: -1, endOffset: -1 }
    expect((await fetchAfter(0, 1)).divergingEpoch).toEqual(agreed)
    fixture.broker.metadata.electAgain('t')
    await fixture.produce('t', 0, batchOf(['c']))
    expect((await fetchAfter(0, 2)).divergingEpoch).toEqual(agreed)
    expect((await fetchAfter(1, 2)).divergingEpoch).toEqual(agreed)
    const parted = await fetchAfter(0, 3)
    expect(parted).toMatchObject({
      errorCode: 0,
      divergingEpoch: { epoch: 0, endOffset: 2 },
      records: Buffer.alloc(0),
    })
    expect((await fetchAfter(9, 1)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  it('names topics by id from version 13 on', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    await fixture.produce('t', 0, batchOf(['a']))
    const { id } = fixture.broker.metadata.image.topics.byName('t')!
    const fetchById = async (topicId: typeof id) => {
      const partitions = [{ partition: 0, fetchOffset: offset(0), partitionMaxBytes: 1000 }]
      const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topicId, partitions }] }
      return (await fixture.send('Fetch', body, { version: 17 })).responses[0]!
    }
    expect(await fetchById(id)).toMatchObject({
      topicId: id,
      partitions: [{ errorCode: 0, highWatermark: 1 }],
    })
    const unknown = await fetchById(randomUuid(nodeEntropy))
    expect(unknown.partitions[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  it('has no sessions: a full request is answered without one, one that relies on a session is refused', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const body = { maxWaitMs: 0, minBytes: 1, topics: [] }
    const opening = await fixture.send('Fetch', { ...body, sessionId: 0, sessionEpoch: 0 }, { version: 12 })
    expect(opening).toMatchObject({ errorCode: 0, sessionId: 0 })
    const relying = await fixture.send('Fetch', { ...body, sessionId: 7, sessionEpoch: 1 }, { version: 12 })
    expect(relying.errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  it('has null aborted transactions for plain readers and an empty list for committed ones', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    await fixture.produce('t', 0, batchOf(['a']))
    const fetchWith = async (isolationLevel: number) => {
      const partitions = [{ partition: 0, fetchOffset: offset(0), partitionMaxBytes: 1000 }]
      const body = { maxWaitMs: 0, minBytes: 1, isolationLevel, topics: [{ topic: 't', partitions }] }
      return (await fixture.send('Fetch', body, { version: 12 })).responses[0]!.partitions[0]!
    }
    expect((await fetchWith(0)).abortedTransactions).toBeNull()
    expect(await fetchWith(1)).toMatchObject({ abortedTransactions: [], preferredReadReplica: -1 })
  })

  it('parks nothing once the shard drains', async () => {
    const fixture = await ShardFixture.open({ topics: { t: 1 } })
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 60_000 })
    await fixture[Symbol.asyncDispose]()
    expect(await waiting).toMatchObject({ errorCode: 0, records: Buffer.alloc(0) })
  })
})
