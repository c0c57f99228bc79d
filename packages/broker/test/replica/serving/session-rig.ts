/** What a session of a follower is surrounded by: replicas that lead and reply when told, requests whose answers are kept. */
import { BufferPool, nodeId, offset } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset, Uuid } from '@millrace/base'
import type { Connection, RequestContext } from '@millrace/net'
import { LateAnswer } from '@millrace/protocol'
import type { NoResponse } from '@millrace/protocol'
import type { FetchReply, FollowerFetch } from '@millrace/replication'
import { Deadlines } from '../../../src/deadlines.ts'
import type { ReplicaFetchWaiter, ReplicaRead, ServingReplica } from '../../../src/replica/replica-fetch.ts'
import type { ReplicationQuota } from '../../../src/replica/replication-quota.ts'
import {
  type FetchResponse,
  type PartitionResponse,
  ReplicaSession,
} from '../../../src/replica/serving/replica-session.ts'
import { testQuota } from '../../support/test-quota.ts'
import { VirtualTime } from '../../support/virtual-time.ts'

export const TOPIC_ID = 'bWlsbHJhY2UtYnJva2VyMQ' as Uuid
export const FOLLOWER = nodeId(2)
const EPOCH = 3 as LeaderEpoch

export class NativeConnection implements Connection {
  readonly id = 1
  readonly listener = 'broker'
  readonly local = { host: '127.0.0.1', port: 9092 }
  readonly remote = { host: '127.0.0.1', port: 40_000 }
  readonly wire: Connection['wire']
  authenticated = true
  closedBecause: string | null = null

  constructor(wire: Connection['wire'] = 'native') {
    this.wire = wire
  }

  close(reason: string): void {
    this.closedBecause ??= reason
  }
}

/** A request of the follower, and what becomes of it. */
export class TestRequest implements RequestContext {
  readonly connection: NativeConnection
  readonly apiVersion = 17
  readonly clientId = 'broker-2'
  readonly receivedAtMs = 0
  readonly late = new LateAnswer<FetchResponse | NoResponse>()
  answer: FetchResponse | null = null
  readonly #releases: (() => void)[] = []
  readonly #closed: (() => void)[] = []

  constructor(connection = new NativeConnection()) {
    this.connection = connection
    this.late.whenGiven((answer) => void (this.answer = answer as FetchResponse))
  }

  afterWritten(callback: () => void): void {
    this.#releases.push(callback)
  }

  onClosed(callback: () => void): void {
    this.#closed.push(callback)
  }

  /** The connection breaks. */
  close(): void {
    for (const callback of this.#closed) callback()
  }

  written(): void {
    for (const release of this.#releases) release()
  }

  /** Partitions that the answer tells of, and how many bytes of records. */
  get told(): [index: number, bytes: number][] | null {
    return (
      this.partitions?.map(({ partitionIndex, records }) => [partitionIndex, records?.length ?? 0]) ?? null
    )
  }

  get partitions(): PartitionResponse[] | null {
    return this.answer?.responses.flatMap(({ partitions }) => partitions) ?? null
  }
}

/** Leads a log of one byte per offset. */
export class TestLeader implements ServingReplica {
  readonly topicId = TOPIC_ID
  readonly index: number
  isThrottledAsLeader = false
  readonly fetches: FollowerFetch[] = []
  readonly dropped: [replicaId: NodeId, fetchId: number][] = []
  reads = 0
  released = 0
  failsWith: number | null = null
  waiter: ReplicaFetchWaiter | null = null

  constructor(index: number) {
    this.index = index
  }

  onReplicaFetch(fetch: FollowerFetch, waiter: ReplicaFetchWaiter): void {
    this.fetches.push(fetch)
    this.waiter = waiter
  }

  onReplicaFetchDropped(replicaId: NodeId, fetchId: number): void {
    this.dropped.push([replicaId, fetchId])
  }

  readForReplica(
    _leaderEpoch: LeaderEpoch,
    range: { readonly offset: Offset; readonly endOffset: Offset; readonly maxBytes: number },
  ): ReplicaRead {
    this.reads += 1
    if (this.failsWith !== null) return { kind: 'failed', errorCode: this.failsWith }
    const bytes = Math.max(1, Math.min(range.maxBytes, range.endOffset - range.offset))
    return { kind: 'ok', records: Buffer.alloc(bytes), release: () => void (this.released += 1) }
  }
}

interface SessionChoices {
  readonly responseBytesMax?: number
  readonly quota?: ReplicationQuota
  readonly time?: VirtualTime
}

export class SessionRig {
  readonly time: VirtualTime
  readonly session: ReplicaSession
  /** Whether it waited for something each time that it found its follower absent. */
  readonly absences: boolean[] = []
  #nextFetchId = 1

  constructor({
    responseBytesMax = 1000,
    time = new VirtualTime(),
    quota = testQuota(time),
  }: SessionChoices = {}) {
    this.time = time
    this.session = new ReplicaSession(
      {
        timers: this.time,
        deadlines: new Deadlines(this.time, this.time),
        pool: new BufferPool({ maxPooledBytes: 1 << 20 }),
        responseBytesMax,
        quota,
      },
      (waited) => void this.absences.push(waited),
    )
  }

  /** The follower asks for `leaders`, and its request is parked. */
  park(leaders: readonly TestLeader[] = [], maxWaitMs = 500): TestRequest {
    const request = new TestRequest()
    this.session.onRequest(1 << 30)
    for (const leader of leaders) this.expect(leader)
    this.session.park(request.late, request, maxWaitMs)
    return request
  }

  /** @returns its fetch id */
  expect(replica: TestLeader, bytesMax = 1 << 20): number {
    const fetchId = this.#nextFetchId++
    this.session.expect({ replica, replicaId: FOLLOWER, fetchId, leaderEpoch: EPOCH, bytesMax })
    return fetchId
  }

  /** `replica` replies to the fetch with the given id: there are `bytes` that nobody else has yet. */
  reply(replica: TestLeader, fetchId: number, bytes: number): void {
    this.session.respond(replica, fetchId, recordsOf(bytes, 100))
  }

  /** As to one that lacks what is committed. */
  replyBehind(replica: TestLeader, fetchId: number, bytes: number): void {
    this.session.respond(replica, fetchId, recordsOf(bytes, 100 + bytes))
  }
}

function recordsOf(bytes: number, highWatermark = 100): FetchReply & { readonly kind: 'records' } {
  return {
    kind: 'records',
    offset: offset(100),
    endOffset: offset(100 + bytes),
    highWatermark: offset(highWatermark),
    logStartOffset: offset(4),
  }
}
