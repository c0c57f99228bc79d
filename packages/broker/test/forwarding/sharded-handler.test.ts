import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { offset, timestampMs } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { threadPort } from '../../src/node/thread-port.ts'
import {
  batchOf,
  ErrorCode,
  produceRequest,
  SharedBroker,
  ShardFixture,
  TestConnection,
} from '../support/shard-fixture.ts'

/** Two shards on one thread, joined as those of two threads are. Partition 0 of a topic is on shard 0, 1 on shard 1. */
class TwoShards implements AsyncDisposable {
  readonly broker: SharedBroker
  readonly first: ShardFixture
  readonly second: ShardFixture

  private constructor(broker: SharedBroker, first: ShardFixture, second: ShardFixture) {
    this.broker = broker
    this.first = first
    this.second = second
  }

  static async open(flushPolicy: 'commit' | 'os' = 'os'): Promise<TwoShards> {
    const broker = new SharedBroker()
    broker.shardOf = (partition) => partition % 2
    const config = { shards: 2 }
    const first = await ShardFixture.open({ broker, config, flushPolicy, shard: 0 })
    const second = await ShardFixture.open({ broker, config, flushPolicy, shard: 1 })
    broker.metadata.createTopic('t', 2)
    const two = new TwoShards(broker, first, second)
    two.join()
    return two
  }

  join(): void {
    const { port1, port2 } = new MessageChannel()
    this.first.shard.connectPeer(1, threadPort(port1))
    this.second.shard.connectPeer(0, threadPort(port2))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.first[Symbol.asyncDispose]()
    await this.second[Symbol.asyncDispose]()
    this.broker.remove()
  }
}

function fetchBoth(offsets: readonly [number, number], { maxWaitMs = 0, minBytes = 1 } = {}) {
  const partitions = offsets.map((fetchOffset, partition) => ({
    partition,
    fetchOffset: offset(fetchOffset),
    partitionMaxBytes: 1 << 20,
  }))
  return { maxWaitMs, minBytes, topics: [{ topic: 't', partitions }] }
}

/** Long enough for messages to cross and to be answered. */
async function crossing(): Promise<void> {
  for (let round = 0; round < 20; round++) await turn()
}

describe('a request that concerns two shards', () => {
  it('is appended on both, and answered as one topic', async () => {
    await using two = await TwoShards.open()
    const partitionData = [0, 1].map((index) => ({ index, records: batchOf([`to ${index}`]) }))
    const body = { acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData }] }
    const { responses } = await two.first.send('Produce', body)
    expect(responses).toHaveLength(1)
    const parts = responses[0]!.partitionResponses.toSorted((a, b) => a.index - b.index)
    expect(parts).toMatchObject([
      { index: 0, errorCode: 0, baseOffset: 0 },
      { index: 1, errorCode: 0, baseOffset: 0 },
    ])
    // The second shard answers for the first's partition as well as for its own.
    const fetched = await two.second.send('Fetch', fetchBoth([0, 0]), { version: 12 })
    expect(fetched.responses).toHaveLength(1)
    for (const { partitionIndex, highWatermark, records } of fetched.responses[0]!.partitions) {
      expect(highWatermark).toBe(1)
      expect(records!.includes(`to ${partitionIndex}`)).toBe(true)
    }
  })

  it('keeps the order of one connection on the other shard', async () => {
    await using two = await TwoShards.open()
    const sent = ['a', 'b', 'c'].map((value) => two.first.produce('t', 1, batchOf([value])))
    expect((await Promise.all(sent)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2])
  })

  it('waits for the other shard’s flush where its answer depends on it', async () => {
    await using two = await TwoShards.open('commit')
    two.broker.faulty.holdSyncs()
    let answered = false
    const produced = two.first.produce('t', 1, batchOf(['a']), { acks: -1 }).finally(() => (answered = true))
    await crossing()
    expect(answered).toBe(false)
    two.broker.faulty.releaseSyncs()
    expect(await produced).toMatchObject({ errorCode: 0, baseOffset: 0 })
  })

  it('wakes a long poll by an append on either shard', async () => {
    await using two = await TwoShards.open()
    for (const partition of [1, 0]) {
      const { highWatermark: start } = await two.first.fetch('t', partition, 0)
      const offsets: [number, number] = partition === 1 ? [0, start] : [start, 1]
      const waiting = two.first.send('Fetch', fetchBoth(offsets, { maxWaitMs: 60_000 }), { version: 12 })
      await crossing()
      await two.second.produce('t', partition, batchOf(['news']))
      const { responses } = await waiting
      const news = responses[0]!.partitions.find(({ partitionIndex }) => partitionIndex === partition)!
      expect(news.records!.includes('news')).toBe(true)
      expect(responses[0]!.partitions).toHaveLength(2)
    }
  })

  it('ends a long poll at its deadline on both shards', async () => {
    await using two = await TwoShards.open()
    const waiting = two.first.send('Fetch', fetchBoth([0, 0], { maxWaitMs: 500 }), { version: 12 })
    await crossing()
    two.broker.time.advance(500)
    const { responses } = await waiting
    expect(responses[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0])
  })

  it('lets go of the other shard’s wait when the client is gone', async () => {
    await using two = await TwoShards.open()
    const connection = new TestConnection()
    void two.first.trySend('Fetch', fetchBoth([0, 0], { maxWaitMs: 60_000 }), { version: 12, connection })
    await crossing()
    connection.close('reset by peer')
    await crossing()
    const readsBefore = two.broker.faulty.reads
    expect(await two.second.produce('t', 1, batchOf(['a']))).toMatchObject({ errorCode: 0 })
    expect(two.broker.faulty.reads).toBe(readsBefore)
  })

  it('closes the connection of an acks=0 request that fails on the other shard', async () => {
    await using two = await TwoShards.open()
    const connection = new TestConnection()
    const broken = batchOf(['a'])
    broken[broken.length - 3]! ^= 1
    const request = produceRequest('t', 1, broken, { acks: 0 })
    expect(await two.first.trySend('Produce', request, { connection })).toBeNull()
    expect(connection.closedBecause).toContain('acks=0')
  })

  it('asks both shards for offsets, deletions and epochs', async () => {
    await using two = await TwoShards.open()
    for (const partition of [0, 1]) await two.first.produce('t', partition, batchOf(['a', 'b']))
    const asked = [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: timestampMs(-1) }))
    const listed = await two.second.send('ListOffsets', { topics: [{ name: 't', partitions: asked }] })
    expect(listed.topics).toHaveLength(1)
    expect(listed.topics[0]!.partitions.map((partition) => partition.offset)).toEqual([2, 2])

    const targets = [0, 1].map((partitionIndex) => ({ partitionIndex, offset: offset(1) }))
    const deleted = await two.first.send('DeleteRecords', {
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: targets }],
    })
    expect(deleted.topics[0]!.partitions.map(({ lowWatermark }) => lowWatermark)).toEqual([1, 1])

    const epochs = [0, 1].map((partition) => ({ partition, leaderEpoch: 0 as never }))
    const ended = await two.first.send('OffsetForLeaderEpoch', {
      topics: [{ topic: 't', partitions: epochs }],
    })
    expect(ended.topics[0]!.partitions.map(({ endOffset }) => endOffset)).toEqual([2, 2])
  })

  it('gets a retriable error for the partitions of a shard that is gone, and its own answer for the rest', async () => {
    await using two = await TwoShards.open()
    const waiting = two.first.send('Fetch', fetchBoth([0, 0], { maxWaitMs: 60_000 }), { version: 12 })
    await crossing()
    await two.second.stop()
    const { responses } = await waiting
    const codes = responses[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    expect(codes[0]).toMatchObject({ errorCode: 0 })
    expect([0, ErrorCode.NOT_LEADER_OR_FOLLOWER]).toContain(codes[1]!.errorCode)
    await crossing()
    const refused = await two.first.produce('t', 1, batchOf(['a']))
    expect(refused.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(await two.first.produce('t', 0, batchOf(['a']))).toMatchObject({ errorCode: 0 })
  })

  it('has the data folder of both described in one answer', async () => {
    await using two = await TwoShards.open()
    const { results } = await two.second.send('DescribeLogDirs', { topics: null })
    expect(results).toHaveLength(1)
    const [topic] = results[0]!.topics
    expect(results[0]!.topics).toHaveLength(1)
    expect(topic!.partitions.map(({ partitionIndex }) => partitionIndex).toSorted((a, b) => a - b)).toEqual([
      0, 1,
    ])
  })
})
