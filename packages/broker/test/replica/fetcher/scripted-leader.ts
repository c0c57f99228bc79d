/** A shard of a leading broker that keeps every Fetch until the test answers it, and a follower that remembers its answers. */
import { BufferPool, nodeId, offset } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset, Uuid } from '@millrace/base'
import { type Connection, type Dispatch, Server } from '@millrace/net'
import { LateAnswer } from '@millrace/protocol'
import type { NoResponse, RequestOf, ResponseInputOf } from '@millrace/protocol'
import { RecordBatchView } from '@millrace/record'
import type { FetchAnswer, FollowerFetch } from '@millrace/replication'
import { LoopbackNet } from '../../../../net/test/virtual/loopback-net.ts'
import { VirtualWorld } from '../../../../net/test/virtual/world.ts'
import { handleApiVersions } from '../../../src/handlers/api-versions.ts'
import { ReplicaFetcher } from '../../../src/replica/fetcher/replica-fetcher.ts'
import type { FetchingReplica } from '../../../src/replica/replica-fetch.ts'
import type { ReplicationQuota } from '../../../src/replica/replication-quota.ts'
import { batchOf } from '../../support/batches.ts'
import { testQuota } from '../../support/test-quota.ts'
import { LocalMetadata } from '../../support/local-metadata.ts'

export const TOPIC_ID = 'bWlsbHJhY2UtYnJva2VyMQ' as Uuid
const LEADER = nodeId(1)
const FOLLOWER = nodeId(2)

type FetchResponse = ResponseInputOf<'Fetch'>
export type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

export class AskedFetch {
  readonly body: RequestOf<'Fetch'>
  readonly connection: Connection
  readonly late = new LateAnswer<FetchResponse | NoResponse>()

  constructor(body: RequestOf<'Fetch'>, connection: Connection) {
    this.body = body
    this.connection = connection
  }

  /** Partitions that it names, as index and fetch id. */
  get named(): [index: number, fetchId: number][] {
    return this.body.topics.flatMap(({ partitions }) =>
      partitions.map(({ partition, fetchId }): [number, number] => [partition, fetchId]),
    )
  }

  answer(...partitions: readonly Partial<PartitionResponse>[]): void {
    const responses = [{ topicId: TOPIC_ID, partitions: partitions.map(answered) }]
    this.late.give({ responses: partitions.length === 0 ? [] : responses })
  }
}

export class ScriptedLeader {
  readonly asked: AskedFetch[] = []
  readonly #world: VirtualWorld
  readonly #server: Server

  constructor(world: VirtualWorld, net: LoopbackNet, port: number) {
    const { clock, timers, log } = world
    this.#world = world
    this.#server = new Server({
      env: { clock, timers, log, net: net.net },
      dispatch: ({ api, body }, context): ReturnType<Dispatch> => {
        if (api === 'ApiVersions')
          return handleApiVersions(body as RequestOf<'ApiVersions'>, context) as ReturnType<Dispatch>
        const fetch = new AskedFetch(body as RequestOf<'Fetch'>, context.connection)
        this.asked.push(fetch)
        return fetch.late as ReturnType<Dispatch>
      },
    })
    void this.#server.listen({ host: 'broker-1', port, name: 'broker' })
  }

  get last(): AskedFetch {
    return this.asked.at(-1)!
  }

  get connectionCount(): number {
    return this.#server.connectionCount
  }

  /** As the process ends: its port is free again. */
  async stop(): Promise<void> {
    const closed = this.#server.close(0)
    await this.#world.advance(1)
    await closed
  }
}

export class TestFollower implements FetchingReplica {
  readonly topicId = TOPIC_ID
  readonly index: number
  isThrottledAsFollower = false
  isInSync = false
  readonly answers: [fetchId: number, answer: FetchAnswer | null][] = []

  constructor(index: number) {
    this.index = index
  }

  onFetchAnswer(fetchId: number, answer: FetchAnswer | null): void {
    this.answers.push([fetchId, answer])
  }
}

/** A follower's side on a network of its own, with leaders that listen on chosen ports. */
export class FetcherRig {
  readonly world = new VirtualWorld()
  readonly net = new LoopbackNet(this.world)
  readonly metadata = new LocalMetadata()
  readonly pool = new BufferPool({ maxPooledBytes: 1 << 24 })
  readonly quota: ReplicationQuota
  readonly fetcher: ReplicaFetcher
  /** As others were told. */
  readonly losses: [id: NodeId, isLost: boolean][] = []
  #nextFetchId = 1

  constructor(leaderPort: number | null = 9092) {
    const { clock, timers, log } = this.world
    this.quota = testQuota(clock)
    this.fetcher = new ReplicaFetcher({
      env: { clock, timers, log, net: this.net.net },
      nodeId: FOLLOWER,
      pool: this.pool,
      quota: this.quota,
      onLostChanged: (id, isLost) => void this.losses.push([id, isLost]),
    })
    if (leaderPort !== null) this.register(leaderPort)
  }

  register(port: number, id: NodeId = LEADER): void {
    this.metadata.register(id, { port })
    this.fetcher.onImage(this.metadata.image)
  }

  isLost(id: NodeId): boolean {
    return this.fetcher.lostAtMs(id) !== null
  }

  listen(port: number): ScriptedLeader {
    return new ScriptedLeader(this.world, this.net, port)
  }

  /** @returns its fetch id */
  fetch(replica: FetchingReplica, changes: Partial<FollowerFetch> = {}, leaderId = LEADER): number {
    const fetchId = this.#nextFetchId++
    this.fetcher.fetch(replica, leaderId, { ...followerFetch(fetchId), ...changes })
    return fetchId
  }
}

export function followerFetch(fetchId: number): FollowerFetch {
  return {
    replicaId: FOLLOWER,
    brokerEpoch: 7,
    fetchId,
    leaderEpoch: 3 as LeaderEpoch,
    fetchOffset: offset(10),
    lastFetchedEpoch: 2 as LeaderEpoch,
    logStartOffset: offset(1),
    highWatermark: offset(9),
  }
}

/** A batch as a leader stamped it. */
export function stamped(values: readonly string[], baseOffset: number, epoch = 3): Buffer {
  const bytes = batchOf(values)
  const view = new RecordBatchView(bytes)
  view.stampBaseOffset(baseOffset as Offset)
  view.stampLeaderEpoch(epoch as LeaderEpoch)
  return bytes
}

function answered(part: Partial<PartitionResponse>): PartitionResponse {
  return { partitionIndex: 0, errorCode: 0, highWatermark: offset(9), records: Buffer.alloc(0), ...part }
}
