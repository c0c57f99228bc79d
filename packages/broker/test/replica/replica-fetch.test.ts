/** Both sides together, over a network: what replication costs in messages. */
import { BufferPool, nodeId, offset } from '@millrace/base'
import type { Offset } from '@millrace/base'
import { type Dispatch, Server } from '@millrace/net'
import type { RequestOf } from '@millrace/protocol'
import type { FetchAnswer, FollowerFetch } from '@millrace/replication'
import { describe, expect, it } from 'vitest'
import { LoopbackNet } from '../../../net/test/virtual/loopback-net.ts'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { Deadlines } from '../../src/deadlines.ts'
import { handleApiVersions } from '../../src/handlers/api-versions.ts'
import { ReplicaFetcher } from '../../src/replica/fetcher/replica-fetcher.ts'
import type { FetchingReplica } from '../../src/replica/replica-fetch.ts'
import { ReplicaServing } from '../../src/replica/serving/replica-serving.ts'
import { TopicTable } from '../../src/topics/topic-table.ts'
import { IMAGE, PartitionRig } from '../partition/partition-rig.ts'
import { testQuota } from '../support/test-quota.ts'
import { batchOf } from '../support/batches.ts'
import { LocalMetadata, NODE } from '../support/local-metadata.ts'

const FOLLOWER = nodeId(2)
const PARTITIONS = 10
const SHARED = { ...IMAGE, replicas: [NODE, FOLLOWER], isr: [NODE, FOLLOWER] }

/** Takes what comes as written, and asks for what follows. */
class EagerFollower implements FetchingReplica {
  readonly topicId: FetchingReplica['topicId']
  readonly index: number
  readonly isThrottledAsFollower = false
  readonly isInSync = true
  endOffset = offset(0)
  readonly #fetcher: ReplicaFetcher
  #fetchId = 0

  constructor(topicId: FetchingReplica['topicId'], index: number, fetcher: ReplicaFetcher) {
    this.topicId = topicId
    this.index = index
    this.#fetcher = fetcher
  }

  fetch(): void {
    this.#fetchId += 1
    this.#fetcher.fetch(this, NODE, this.#next())
  }

  onFetchAnswer(_fetchId: number, answer: FetchAnswer | null): void {
    if (answer?.kind !== 'records') throw new Error(`unexpected: ${JSON.stringify(answer)}`)
    if (answer.records !== null) this.endOffset = answer.records.endOffset
    this.fetch()
  }

  #next(): FollowerFetch {
    const { leaderEpoch } = IMAGE
    return {
      replicaId: FOLLOWER,
      brokerEpoch: 1,
      fetchId: this.#fetchId,
      leaderEpoch,
      fetchOffset: this.endOffset,
      lastFetchedEpoch: this.endOffset === 0 ? (-1 as typeof leaderEpoch) : leaderEpoch,
      logStartOffset: offset(0),
      highWatermark: offset(Number.MAX_SAFE_INTEGER),
    }
  }
}

class PairRig {
  readonly world = new VirtualWorld()
  readonly leaders = Array.from(
    { length: PARTITIONS },
    (_, index) => new PartitionRig({ 'flush.policy': 'os' }, SHARED, index),
  )
  readonly followers: readonly EagerFollower[]
  requests = 0
  readonly #topicId = this.leaders[0]!.partition.topicId

  constructor() {
    const { clock, timers, log } = this.world
    const net = new LoopbackNet(this.world)
    const env = { clock, timers, log, net: net.net }
    const pool = new BufferPool({ maxPooledBytes: 1 << 24 })
    const metadata = new LocalMetadata()
    metadata.register(NODE, { port: 9092 })
    const fetcher = new ReplicaFetcher({
      env,
      pool,
      nodeId: FOLLOWER,
      quota: testQuota(clock),
      onLostChanged: () => {},
    })
    fetcher.onImage(metadata.image)
    const serving = this.#serving(pool)
    const server = new Server({
      env,
      dispatch: ({ api, body }, context): ReturnType<Dispatch> => {
        if (api === 'ApiVersions')
          return handleApiVersions(body as RequestOf<'ApiVersions'>, context) as ReturnType<Dispatch>
        this.requests += 1
        return serving.handle(body as RequestOf<'Fetch'>, context) as ReturnType<Dispatch>
      },
    })
    void server.listen({ host: `broker-${NODE}`, port: 9092, name: 'broker' })
    this.followers = this.leaders.map((_, index) => new EagerFollower(this.#topicId, index, fetcher))
  }

  async start(): Promise<void> {
    for (const follower of this.followers) follower.fetch()
    await this.world.advance(100)
  }

  append(index: number, value: string): void {
    const leader = this.leaders[index]!
    leader.append(batchOf([value]))
    leader.write()
  }

  get highWatermarks(): Offset[] {
    return this.leaders.map(({ partition }) => partition.highWatermark)
  }

  #serving(pool: BufferPool): ReplicaServing {
    const { clock, timers } = this.world
    const topics = new TopicTable(0)
    const slots = this.leaders.map(({ partition }) => partition)
    topics.add({ name: 'flights', id: this.#topicId, slots })
    return new ReplicaServing({
      topics,
      pool,
      timers,
      quota: testQuota(clock),
      deadlines: new Deadlines(clock, timers),
      cluster: { ports: { brokerPort: 9092, clientPorts: [], shardPorts: [] } },
      responseBytesMax: 1 << 24,
      isDraining: () => false,
    })
  }
}

describe('replication between two shards', () => {
  it('costs two requests a second while nothing is produced, however many partitions there are', async () => {
    const rig = new PairRig()
    await rig.start()
    const before = rig.requests
    await rig.world.advance(10_000)
    // The one of the start may still have been waiting beside it.
    expect(rig.requests - before).toBeLessThanOrEqual(21)
  })

  it('costs an append one round trip: its records go out at once, and the next fetch acknowledges them', async () => {
    const rig = new PairRig()
    await rig.start()
    await rig.world.advance(2000)
    for (let round = 1; round <= 5; round++) {
      const before = rig.requests
      rig.append(3, `value ${round}`)
      await rig.world.settle()
      expect(rig.highWatermarks[3]).toBe(round)
      expect(rig.requests - before).toBe(1)
    }
  })

  it('carries what all partitions have in as few messages as one', async () => {
    const rig = new PairRig()
    await rig.start()
    await rig.world.advance(2000)
    const before = rig.requests
    for (let index = 0; index < PARTITIONS; index++) rig.append(index, 'value')
    await rig.world.settle()
    expect(rig.highWatermarks).toEqual(rig.leaders.map(() => 1))
    expect(rig.requests - before).toBe(1)
  })

  it('brings records larger than one answer over in several, from every partition', async () => {
    const rig = new PairRig()
    await rig.start()
    const value = 'x'.repeat(900_000)
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < PARTITIONS; index++) rig.append(index, value)
    }
    await rig.world.advance(100)
    expect(rig.followers.map(({ endOffset }) => endOffset)).toEqual(rig.leaders.map(() => 3))
    expect(rig.highWatermarks).toEqual(rig.leaders.map(() => 3))
  })
})
