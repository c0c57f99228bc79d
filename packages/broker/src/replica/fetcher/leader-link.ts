/**
 * The way to one shard that leads partitions which this shard follows: one connection, whose requests carry what is new of
 * all their fetches together.
 *
 * Owns: the connection and its back-off, the fetches that wait for an answer of this leader. Must not know: replicas.
 * Invariants: each fetch is answered at most once, with null when the connection ends; while fetches wait at the leader a
 * request of this side waits there, too; only answers of the connection that is in use count.
 */
import type { BufferPool, Endpoint, Env, NodeId, TimerId } from '@millrace/base'
import { connect, ConnectionError, RequestTimeoutError } from '@millrace/net'
import type { ClientConnection } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import type { FetchingReplica } from '../replica-fetch.ts'
import { type FetchNews, NO_NEWS, PendingFetches, type SentFetch } from './pending-fetches.ts'

export type PartitionResponse = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

export interface LeaderLinkOptions {
  readonly env: Pick<Env, 'net' | 'timers' | 'clock' | 'log'>
  readonly nodeId: NodeId
  readonly leaderId: NodeId
  readonly pool: BufferPool
  /** Where the leader listens, as far as is known now; null: nowhere. */
  endpoint(): Endpoint | null
  /** `response` null: none came. May be used only during the call. */
  onAnswer(sent: SentFetch, response: PartitionResponse | null): void
  /** `lostAtMs` is another one, or the connection is there again. */
  onLostChanged(): void
}

/** How long the leader keeps a request that it has nothing to tell for. */
const MAX_WAIT_MS = 500
/** An answer that takes so long: the connection is cut somewhere, the leader stands still, or too much was asked for. */
const SILENCE_MAX_MS = MAX_WAIT_MS + 1500
const CONNECT_TIMEOUT_MS = 1000
const BACKOFF_FIRST_MS = 10
const BACKOFF_MAX_MS = 500
/**
 * Of one partition in an answer (`replica.fetch.max.bytes`), and of all: a MiB takes the leader 0.1 ms to read and send, and
 * the follower 0.35 ms to check and write, so that no turn of the event loop gets longer than 3 ms by them.
 */
export const PARTITION_BYTES_MAX = 1024 * 1024
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024
/** Where the network is so slow that answers come too late, smaller ones are asked for. */
const RESPONSE_BYTES_LEAST = 64 * 1024

export class LeaderLink {
  readonly leaderId: NodeId
  readonly #options: LeaderLinkOptions
  readonly #fetches = new PendingFetches()
  #connection: ClientConnection | null = null
  #dialling: { readonly endpoint: Endpoint; readonly attempt: AbortController } | null = null
  #backoffMs = 0
  #backoff: TimerId | null = null
  #requestsInFlight = 0
  #responseBytesMax = RESPONSE_BYTES_MAX
  #lastUsedMs: number
  /** When the leader's side ended the connection; null: it has been reached since, or nobody can tell. */
  #lostAtMs: number | null = null
  #isScheduled = false
  #isClosed = false

  constructor(options: LeaderLinkOptions) {
    this.leaderId = options.leaderId
    this.#options = options
    this.#lastUsedMs = options.env.clock.monoMs()
  }

  /** For how long nothing has been asked of this leader. */
  get idleMs(): number {
    return this.#fetches.isEmpty ? this.#options.env.clock.monoMs() - this.#lastUsedMs : 0
  }

  get isOpen(): boolean {
    return this.#connection !== null
  }

  /**
   * When the leader's side ended the connection, if whoever dials it is refused since: its process is most likely gone, and
   * the cluster about to say so. Null otherwise.
   */
  get lostAtMs(): number | null {
    return this.#lostAtMs
  }

  add(sent: SentFetch): void {
    this.#fetches.add(sent)
    this.#schedule()
  }

  remove(replica: FetchingReplica): void {
    this.#fetches.remove(replica)
    this.#schedule()
  }

  /** The leader may be somewhere else by now. @param isNewProcess it has registered since: no reason to wait any longer */
  onImage(isNewProcess: boolean): void {
    const endpoint = this.#options.endpoint()
    const current = this.#connection?.endpoint ?? this.#dialling?.endpoint
    const hasMoved = current !== undefined && endpoint !== null && !isSame(current, endpoint)
    if (hasMoved) {
      this.#dialling?.attempt.abort(new Error('the leader listens elsewhere'))
      this.#connection?.close()
    }
    if (isNewProcess) this.#lost(null)
    if (hasMoved || isNewProcess) this.#endBackoff()
  }

  /** What waits is not answered. */
  close(): void {
    this.#isClosed = true
    if (this.#backoff !== null) this.#options.env.timers.cancel(this.#backoff)
    this.#fetches.clear()
    this.#dialling?.attempt.abort(new Error('closed'))
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
    if (this.#isClosed || this.#dialling !== null || this.#backoff !== null) return
    const connection = this.#connection
    if (connection === null) {
      if (this.#fetches.hasUnsent) this.#dial()
      return
    }
    const news = this.#fetches.takeNews(Math.min(PARTITION_BYTES_MAX, this.#responseBytesMax))
    const needsRenewal = this.#requestsInFlight === 0 && !this.#fetches.isEmpty
    if (news.length === 0 && needsRenewal) news.push(NO_NEWS)
    for (const one of news) this.#request(connection, one)
  }

  #dial(): void {
    const { env, nodeId, pool } = this.#options
    const endpoint = this.#options.endpoint()
    if (endpoint === null) return this.#giveUp(`broker ${this.leaderId} is not registered`)
    const attempt = new AbortController()
    this.#dialling = { endpoint, attempt }
    connect({
      env,
      endpoint,
      pool,
      clientId: `broker-${nodeId}`,
      wire: 'native',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signal: attempt.signal,
    }).then(
      (connection) => this.#onConnected(connection),
      (error: unknown) => {
        this.#dialling = null
        // Whatever else it is says nothing about the process.
        if (!(error instanceof ConnectionError && error.reason === 'refused')) this.#lost(null)
        if (!this.#isClosed) this.#giveUp(String(error))
      },
    )
  }

  #onConnected(connection: ClientConnection): void {
    this.#dialling = null
    if (this.#isClosed) return connection.close()
    this.#connection = connection
    this.#requestsInFlight = 0
    this.#lost(null)
    connection.onceClosed((error) => {
      this.#connection = null
      if (error.reason === 'eof' || error.reason === 'reset') this.#lost(this.#options.env.clock.monoMs())
      if (!this.#isClosed) this.#giveUp(error.message)
    })
    this.#send()
  }

  #lost(atMs: number | null): void {
    if (atMs === this.#lostAtMs) return
    this.#lostAtMs = atMs
    if (!this.#isClosed) this.#options.onLostChanged()
  }

  /** All fetches come back unanswered; the next dial waits. */
  #giveUp(reason: string): void {
    const { env } = this.#options
    env.log.debug({ leader: this.leaderId, reason }, 'no connection to a leader')
    const unanswered = this.#fetches.takeAll()
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2))
    this.#backoff ??= env.timers.after(this.#backoffMs, () => {
      this.#backoff = null
      this.#send()
    })
    for (const sent of unanswered) this.#options.onAnswer(sent, null)
  }

  #endBackoff(): void {
    this.#backoffMs = 0
    if (this.#backoff === null) return
    this.#options.env.timers.cancel(this.#backoff)
    this.#backoff = null
    this.#schedule()
  }

  #request(connection: ClientConnection, { brokerEpoch, topics, forgottenTopicsData }: FetchNews): void {
    this.#requestsInFlight += 1
    connection
      .requestPooled(
        'Fetch',
        {
          replicaState: { replicaId: this.#options.nodeId, replicaEpoch: brokerEpoch },
          maxWaitMs: MAX_WAIT_MS,
          minBytes: 1,
          maxBytes: this.#responseBytesMax,
          topics,
          forgottenTopicsData,
        },
        { timeoutMs: SILENCE_MAX_MS },
      )
      .then(
        ({ body, release }) => {
          // Its fetches have been given up if the connection ended in between.
          if (connection === this.#connection) this.#onResponse(connection, body)
          release()
        },
        (error: unknown) => this.#onFailed(connection, error),
      )
  }

  /** Whatever it is, the connection is of no use any more; its end says so to all who wait. */
  #onFailed(connection: ClientConnection, error: unknown): void {
    if (connection === this.#connection && error instanceof RequestTimeoutError) {
      this.#responseBytesMax = Math.max(RESPONSE_BYTES_LEAST, this.#responseBytesMax / 4)
      this.#options.env.log.warn(
        { leader: this.leaderId, silenceMs: SILENCE_MAX_MS },
        'a leader does not answer',
      )
    }
    connection.close()
  }

  #onResponse(connection: ClientConnection, { errorCode, responses }: ResponseOf<'Fetch'>): void {
    this.#requestsInFlight -= 1
    if (errorCode !== ErrorCode.NONE) {
      this.#options.env.log.error({ leader: this.leaderId, errorCode }, 'a leader refuses fetches')
      return connection.close()
    }
    this.#lastUsedMs = this.#options.env.clock.monoMs()
    this.#backoffMs = 0
    this.#responseBytesMax = Math.min(RESPONSE_BYTES_MAX, this.#responseBytesMax * 2)
    for (const { topicId, partitions } of responses) {
      for (const response of partitions) {
        const sent = this.#fetches.takeAnswered(topicId, response.partitionIndex, response.fetchId)
        if (sent !== null) this.#options.onAnswer(sent, response)
      }
    }
    this.#schedule()
  }
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port
}
