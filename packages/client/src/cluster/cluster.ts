/**
 * A cluster as producer, consumer and admin client see it: requests by broker, leadership by partition, retries.
 * Owns the connection pool and the metadata; knows no records and no API's meaning beyond Metadata's.
 */
import { type ClientEnv, type Endpoint, NO_NODE } from '@millrace/base'
import { nodeClientEnv } from '@millrace/base/node'
import { ErrorCode } from '@millrace/protocol'
import type { ApiName, RequestInputOf, ResponseOf } from '@millrace/protocol'
import { formatEndpoint, parseBootstrap } from '../bootstrap.ts'
import { resolveClientOptions } from '../client-options.ts'
import type { ClientOptions, ResolvedClientOptions } from '../client-options.ts'
import { BrokerError, ClosedError, ConnectionError } from '../errors.ts'
import { abortable, callScope, delay } from '../retry/call-scope.ts'
import type { CallOptions, CallScope } from '../retry/call-scope.ts'
import { retrying } from '../retry/retrying.ts'
import { ConnectionPool } from './connection-pool.ts'
import { firstReached } from './first-reached.ts'
import type { Link, Wire } from './link.ts'
import { MetadataCache } from './metadata-cache.ts'
import type { TopicMetadata } from './metadata-cache.ts'
import { MetadataRefresher } from './metadata-refresher.ts'
import { netDial } from './net-dial.ts'

export interface ClusterOptions extends ClientOptions {
  /** Whether asking for an unknown topic may create it, where the broker allows that too. */
  readonly allowAutoTopicCreation: boolean
}

export interface ClusterRequestOptions {
  /** Requests of different lanes never wait for each other; default: the lane that all share. */
  readonly lane?: string | undefined
  /** Default: `requestTimeoutMs` of the client. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const SHARED_LANE = 'shared'
const AVOID_MS = 60_000
/** Any broker can answer it: one that takes longer is not worth waiting for. */
const METADATA_TIMEOUT_MS = 3000

export class Cluster {
  readonly env: ClientEnv
  readonly options: ResolvedClientOptions
  readonly metadata = new MetadataCache()
  readonly #bootstrap: readonly Endpoint[]
  readonly #allowAutoTopicCreation: boolean
  readonly #pool: ConnectionPool
  readonly #refresher: MetadataRefresher
  /** Direct ports of broker threads that could not be reached. */
  readonly #avoidUntilMs = new Map<string, number>()
  /** Who knew no leader of a partition when it was asked last: the others may have heard by now. */
  #knowsTooLittle: string | null = null
  #closed = false

  /** Nothing is connected before the first request. */
  constructor(options: ClusterOptions) {
    this.#bootstrap = parseBootstrap(options.bootstrap)
    this.options = resolveClientOptions(options)
    this.env = options.env ?? nodeClientEnv()
    this.#allowAutoTopicCreation = options.allowAutoTopicCreation
    const { clientId, wire, connectTimeoutMs } = this.options
    this.#pool = new ConnectionPool({
      env: this.env,
      dial: options.dial ?? netDial(this.env),
      reconnectBackoff: {
        initialMs: this.options.reconnectBackoffMs,
        maxMs: this.options.reconnectBackoffMaxMs,
      },
      clientId,
      wire,
      connectTimeoutMs,
      onSilent: (endpoint) => void this.#onSilent(endpoint),
    })
    this.#refresher = new MetadataRefresher({
      env: this.env,
      cache: this.metadata,
      minIntervalMs: this.options.retryBackoffMs,
      maxAgeMs: this.options.metadataMaxAgeMs,
      fetch: (topics) => this.#fetchMetadata(topics),
    })
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Null before the first connection. */
  get wire(): Wire | null {
    return this.#pool.wire
  }

  scope(options: CallOptions = {}): CallScope {
    return callScope(this.env, options, this.options.apiTimeoutMs)
  }

  /** Reaches any broker and learns about the others. */
  connect(scope: CallScope): Promise<void> {
    return this.retrying('connect to the cluster', scope, () => this.refresh())
  }

  /** Fetches metadata of all topics of interest, `topics` from now on among them. One try. */
  refresh(topics: readonly string[] = []): Promise<void> {
    if (this.#closed) return Promise.reject(new ClosedError('client'))
    return this.#refresher.refresh(topics)
  }

  /**
   * Refreshes in the background; a failure is logged, because whoever needs the answer asks again.
   * @returns resolves when that is over, whatever came of it
   */
  async refreshSoon(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#refresher.refresh()
    } catch (error) {
      this.env.log.debug({ error }, 'metadata refresh failed')
    }
  }

  refreshIfStale(): void {
    if (this.#refresher.isStale()) void this.refreshSoon()
  }

  /**
   * @returns the topic, from the cache when it is there
   * @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION when it has not appeared within `unknownTopicTimeoutMs`
   */
  async topic(name: string, scope: CallScope): Promise<TopicMetadata> {
    const cached = this.metadata.topic(name)
    if (cached !== undefined) return cached
    const what = `look up topic ${name}`
    const { unknownTopicTimeoutMs, retryBackoffMs } = this.options
    const giveUpMs = this.env.clock.monoMs() + unknownTopicTimeoutMs
    for (;;) {
      await this.retrying(what, scope, () => this.refresh([name]))
      const found = this.metadata.topic(name)
      if (found !== undefined) return found
      const error = this.#missingTopic(name)
      if (!error.retriable || this.env.clock.monoMs() + retryBackoffMs >= giveUpMs) {
        this.#refresher.forget(name)
        throw error
      }
      await delay(this.env.timers, retryBackoffMs, scope.signal)
    }
  }

  /** Where requests for a partition go; undefined while it has no leader as far as is known. */
  route(topic: string, partition: number): Endpoint | undefined {
    const known = this.metadata.partition(topic, partition)
    const broker = known === undefined ? undefined : this.metadata.broker(known.leader)
    if (known === undefined || broker === undefined) return undefined
    const direct = { host: broker.host, port: known.shardPort }
    return known.shardPort === 0 || this.#isAvoided(direct) ? broker : direct
  }

  /** One try at one address. */
  async request<Name extends ApiName>(
    endpoint: Endpoint,
    api: Name,
    body: RequestInputOf<Name>,
    options: ClusterRequestOptions = {},
  ): Promise<ResponseOf<Name>> {
    const link = await this.link(endpoint, options)
    const timeoutMs = options.timeoutMs ?? this.options.requestTimeoutMs
    return await link.request(api, body, { timeoutMs, signal: options.signal })
  }

  /** An open connection to one address. */
  async link(endpoint: Endpoint, { lane = SHARED_LANE, signal }: ClusterRequestOptions = {}): Promise<Link> {
    try {
      return await abortable(this.#pool.acquire(lane, endpoint), signal)
    } catch (error) {
      if (error instanceof ConnectionError) this.#avoidIfDirect(endpoint)
      throw error
    }
  }

  /** One try at whichever broker can be reached, open connections first. */
  async requestAny<Name extends ApiName>(
    api: Name,
    body: RequestInputOf<Name>,
    { signal, timeoutMs = this.options.requestTimeoutMs }: Omit<ClusterRequestOptions, 'lane'> = {},
  ): Promise<ResponseOf<Name>> {
    const link = await abortable(
      this.#first((endpoint) => this.#pool.acquire(SHARED_LANE, endpoint)),
      signal,
    )
    return await link.request(api, body, { timeoutMs, signal })
  }

  /** One try at the active controller, or at any broker (which forwards) while it is not known. */
  async requestController<Name extends ApiName>(
    api: Name,
    body: RequestInputOf<Name>,
    signal: AbortSignal,
  ): Promise<ResponseOf<Name>> {
    if (this.metadata.brokers.length === 0) await this.refresh()
    const controller = this.metadata.broker(this.metadata.controllerId)
    if (controller === undefined) return await this.requestAny(api, body, { signal })
    return await this.request(controller, api, body, { signal })
  }

  /**
   * Runs `attempt` until it succeeds, fails for good, runs out of time or is aborted; errors that ask for it refresh the
   * metadata. The signal that it gets aborts for any of these reasons.
   */
  retrying<T>(what: string, scope: CallScope, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { retryBackoffMs, retryBackoffMaxMs, noControllerTimeoutMs } = this.options
    const backoff = { initialMs: retryBackoffMs, maxMs: retryBackoffMaxMs }
    const context = { env: this.env, backoff, noControllerTimeoutMs }
    return retrying(context, what, scope, async (signal) => {
      if (this.#closed) throw new ClosedError('client')
      try {
        return await attempt(signal)
      } catch (error) {
        if (needsRefresh(error)) void this.refreshSoon()
        throw error
      }
    })
  }

  /** Closes the connections that were opened for `lane`. */
  closeLane(lane: string): void {
    this.#pool.closeLane(lane)
  }

  /** Closes all connections; requests in flight reject. */
  close(): void {
    this.#closed = true
    this.#pool.close()
  }

  async #fetchMetadata(topics: readonly string[]): Promise<ResponseOf<'Metadata'>> {
    const timeoutMs = Math.min(this.options.requestTimeoutMs, METADATA_TIMEOUT_MS)
    const request = {
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: this.#allowAutoTopicCreation,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
    // Asked of the next broker as well where one that stands still, or is cut off, takes the request and says nothing.
    return await this.#first(async (endpoint) => {
      const link = await this.#pool.acquire(SHARED_LANE, endpoint)
      const response = await link.request('Metadata', request, { timeoutMs })
      this.#knowsTooLittle = lacksLeaders(response) ? formatEndpoint(endpoint) : null
      return response
    })
  }

  /**
   * A broker that the cluster does not count on any more answers nobody, although its connections stay open: what waits
   * there is asked elsewhere, long before its time is up.
   */
  async #onSilent(endpoint: Endpoint): Promise<void> {
    if (this.#closed) return
    try {
      await this.refresh()
    } catch (error) {
      this.env.log.debug({ error }, 'metadata refresh failed')
      return
    }
    if (!this.metadata.isAt(endpoint)) this.#pool.drop(endpoint)
  }

  /** Of whichever broker is the first to answer: each gets a head start before the next is asked, too. */
  async #first<T>(reach: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    const candidates = this.#candidates()
    try {
      return await firstReached(this.env.timers, candidates, reach)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      const others = candidates.length === 1 ? '' : ` (tried ${candidates.map(formatEndpoint).join(', ')})`
      const message = `no broker answers: ${error.message}${others}. Is one running there?`
      throw new ConnectionError(message, error)
    }
  }

  /** Open connections first, then others, then who knew too little, and last those that keep our requests waiting. */
  #candidates(): Endpoint[] {
    const { brokers } = this.metadata
    const all = rotated(brokers.length > 0 ? [...brokers, ...this.#bootstrap] : this.#bootstrap, this.env)
    const distinct = [...new Map(all.map((endpoint) => [formatEndpoint(endpoint), endpoint])).values()]
    const rank = (endpoint: Endpoint): number => {
      if (this.#pool.isSilent(endpoint)) return 3
      if (formatEndpoint(endpoint) === this.#knowsTooLittle) return 2
      return this.#pool.peek(SHARED_LANE, endpoint) === null ? 1 : 0
    }
    return distinct.toSorted((one, other) => rank(one) - rank(other))
  }

  /** A port that only the cluster's own network reaches (containers, firewalls) is not tried again for a while. */
  #avoidIfDirect(endpoint: Endpoint): void {
    const { host, port } = endpoint
    if (this.metadata.brokers.some((broker) => broker.host === host && broker.port === port)) return
    this.#avoidUntilMs.set(formatEndpoint(endpoint), this.env.clock.monoMs() + AVOID_MS)
  }

  #isAvoided(endpoint: Endpoint): boolean {
    if (this.#avoidUntilMs.size === 0) return false
    const untilMs = this.#avoidUntilMs.get(formatEndpoint(endpoint))
    return untilMs !== undefined && this.env.clock.monoMs() < untilMs
  }

  #missingTopic(name: string): BrokerError {
    const errorCode = this.metadata.topicError(name) || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const unknown = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return new BrokerError(
      errorCode,
      `topic ${name}`,
      unknown ? `it does not exist: create it first, or check the name` : null,
    )
  }
}

/** A broken connection is a reason too: its broker may have died and its partitions moved. */
export function needsRefresh(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof BrokerError && error.refreshMetadata)
}

function lacksLeaders({ topics }: ResponseOf<'Metadata'>): boolean {
  return topics.some(({ partitions }) => partitions.some(({ leaderId }) => leaderId === NO_NODE))
}

function rotated<T>(items: readonly T[], env: Pick<ClientEnv, 'rng'>): T[] {
  const start = items.length < 2 ? 0 : env.rng.below(items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}
