/**
 * The way to one shard that leads partitions which this shard follows: one connection, whose requests carry what is new of
 * all their fetches together.
 *
 * Owns: the connection and its back-off, the fetches that wait for an answer of this leader. Must not know: replicas.
 * Invariants: each fetch is answered at most once, with null when the connection ends; while fetches wait at the leader a
 * request of this side waits there, too.
 */
import type { BufferPool, Endpoint, Env, NodeId, TimerId, Uuid } from '@millrace/base'
import { connect } from '@millrace/net'
import type { ClientConnection } from '@millrace/net'
import type { RequestInputOf, ResponseOf } from '@millrace/protocol'
import type { FollowerFetch } from '@millrace/replication'
import type { FetchingReplica } from '../replica-fetch.ts'

export type PartitionResponse = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]
type TopicRequest = RequestInputOf<'Fetch'>['topics'][number]

export interface LeaderLinkOptions {
  readonly env: Pick<Env, 'net' | 'timers' | 'clock' | 'log'>
  readonly nodeId: NodeId
  readonly leaderId: NodeId
  readonly pool: BufferPool
  /** Where the leader listens, as far as is known now; null: nowhere. */
  endpoint(): Endpoint | null
  /** `response` null: none came. May be used only during the call. */
  onAnswer(fetch: SentFetch, response: PartitionResponse | null): void
}

export interface SentFetch {
  readonly replica: FetchingReplica
  readonly fetch: FollowerFetch
}

/** How long the leader keeps a request that it has nothing to tell for. */
const MAX_WAIT_MS = 500
/** A connection on which nothing comes for so long is cut somewhere, or the leader stands still. */
const SILENCE_MAX_MS = MAX_WAIT_MS + 1500
const CONNECT_TIMEOUT_MS = 1000
const BACKOFF_FIRST_MS = 10
const BACKOFF_MAX_MS = 500
/** Of one partition in an answer, and of all. Small enough that writing an answer holds up nobody for long. */
const PARTITION_BYTES_MAX = 1024 * 1024
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024

export class LeaderLink {
  readonly #options: LeaderLinkOptions
  /** By partition: sent, or about to be. */
  readonly #fetches = new Map<string, SentFetch>()
  readonly #unsent = new Set<string>()
  readonly #forgotten = new Map<string, FetchingReplica>()
  #connection: ClientConnection | null = null
  #isDialling = false
  #backoffMs = 0
  #backoff: TimerId | null = null
  #requestsInFlight = 0
  #isScheduled = false
  #isClosed = false

  constructor(options: LeaderLinkOptions) {
    this.#options = options
  }

  /** Nothing is asked of this leader. */
  get isIdle(): boolean {
    return this.#fetches.size === 0
  }

  add(sent: SentFetch): void {
    const key = keyOf(sent.replica.topicId, sent.replica.index)
    this.#fetches.set(key, sent)
    this.#unsent.add(key)
    this.#forgotten.delete(key)
    this.#schedule()
  }

  remove(replica: FetchingReplica): void {
    const key = keyOf(replica.topicId, replica.index)
    if (!this.#fetches.delete(key)) return
    if (!this.#unsent.delete(key)) this.#forgotten.set(key, replica)
    this.#schedule()
  }

  /** The leader may be somewhere else by now. */
  onImage(): void {
    const endpoint = this.#options.endpoint()
    const current = this.#connection?.endpoint
    if (current === undefined || endpoint === null) return
    if (current.host !== endpoint.host || current.port !== endpoint.port) this.#connection?.close()
  }

  close(): void {
    this.#isClosed = true
    if (this.#backoff !== null) this.#options.env.timers.cancel(this.#backoff)
    this.#fetches.clear()
    this.#connection?.close()
  }

  /** What else is asked in this turn goes along. */
  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    this.#options.env.timers.endOfTurn(() => {
      this.#isScheduled = false
      this.#send()
    })
  }

  #send(): void {
    if (this.#isClosed || this.#isDialling || this.#backoff !== null) return
    if (this.#connection === null) {
      if (this.#unsent.size > 0) this.#dial()
      return
    }
    const isNews = this.#unsent.size > 0 || this.#forgotten.size > 0
    const isRenewal = this.#requestsInFlight === 0 && this.#fetches.size > 0
    if (isNews || isRenewal) this.#request(this.#connection)
  }

  #dial(): void {
    const { env, nodeId, leaderId } = this.#options
    const endpoint = this.#options.endpoint()
    if (endpoint === null) return this.#giveUp(`broker ${leaderId} is not registered`)
    this.#isDialling = true
    connect({
      env,
      endpoint,
      clientId: `broker-${nodeId}`,
      wire: 'native',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      pool: this.#options.pool,
    }).then(
      (connection) => this.#onConnected(connection),
      (error: unknown) => {
        this.#isDialling = false
        this.#giveUp(String(error))
      },
    )
  }

  #onConnected(connection: ClientConnection): void {
    this.#isDialling = false
    if (this.#isClosed) return connection.close()
    this.#connection = connection
    connection.onceClosed((error) => {
      this.#connection = null
      this.#requestsInFlight = 0
      if (!this.#isClosed) this.#giveUp(error.message)
    })
    this.#send()
  }

  /** All fetches come back unanswered; the next dial waits. */
  #giveUp(reason: string): void {
    const { env, leaderId } = this.#options
    env.log.debug({ leader: leaderId, reason }, 'no connection to a leader')
    const unanswered = [...this.#fetches.values()]
    this.#fetches.clear()
    this.#unsent.clear()
    this.#forgotten.clear()
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2))
    this.#backoff ??= env.timers.after(this.#backoffMs, () => {
      this.#backoff = null
      this.#send()
    })
    for (const sent of unanswered) this.#options.onAnswer(sent, null)
  }

  #request(connection: ClientConnection): void {
    const brokerEpoch = this.#brokerEpoch()
    const topics = this.#takeUnsent()
    const forgottenTopicsData = this.#takeForgotten()
    this.#requestsInFlight += 1
    connection
      .requestPooled(
        'Fetch',
        {
          replicaState: { replicaId: this.#options.nodeId, replicaEpoch: brokerEpoch },
          maxWaitMs: MAX_WAIT_MS,
          minBytes: 1,
          maxBytes: RESPONSE_BYTES_MAX,
          topics,
          forgottenTopicsData,
        },
        { timeoutMs: SILENCE_MAX_MS },
      )
      .then(
        ({ body, release }) => {
          this.#onResponse(body)
          release()
        },
        // Whatever it is, the connection is of no use any more; its end says so to all who wait.
        () => connection.close(),
      )
  }

  #brokerEpoch(): number {
    const [first] = this.#fetches.values()
    return first?.fetch.brokerEpoch ?? -1
  }

  #takeUnsent(): TopicRequest[] {
    const topics = new Map<Uuid, TopicRequest['partitions'][number][]>()
    for (const key of this.#unsent) {
      const { replica, fetch } = this.#fetches.get(key)!
      const asked = {
        partition: replica.index,
        currentLeaderEpoch: fetch.leaderEpoch,
        fetchOffset: fetch.fetchOffset,
        lastFetchedEpoch: fetch.lastFetchedEpoch,
        logStartOffset: fetch.logStartOffset,
        highWatermark: fetch.highWatermark,
        partitionMaxBytes: PARTITION_BYTES_MAX,
        fetchId: fetch.fetchId,
      }
      const partitions = topics.get(replica.topicId)
      if (partitions === undefined) topics.set(replica.topicId, [asked])
      else partitions.push(asked)
    }
    this.#unsent.clear()
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
  }

  #takeForgotten(): { topicId: Uuid; partitions: number[] }[] {
    const forgotten = [...this.#forgotten.values()]
    this.#forgotten.clear()
    return forgotten.map(({ topicId, index }) => ({ topicId, partitions: [index] }))
  }

  #onResponse({ responses }: ResponseOf<'Fetch'>): void {
    this.#requestsInFlight -= 1
    this.#backoffMs = 0
    if (this.#isClosed) return
    for (const { topicId, partitions } of responses) {
      for (const response of partitions) {
        const key = keyOf(topicId, response.partitionIndex)
        const sent = this.#fetches.get(key)
        if (sent === undefined || sent.fetch.fetchId !== response.fetchId) continue
        this.#fetches.delete(key)
        this.#options.onAnswer(sent, response)
      }
    }
    this.#schedule()
  }
}

function keyOf(topicId: Uuid, index: number): string {
  return `${topicId}-${index}`
}
