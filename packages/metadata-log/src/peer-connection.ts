/**
 * The way to one other replica of the metadata log: one connection, opened when there is something to say.
 *
 * Owns: the connection, requests that wait for one, the pause before the next attempt. Must not know: roles, epochs.
 * Invariants: each request is answered exactly once, with null when there is no answer; nothing is called back after
 * `close`.
 */
import type { BufferPool, Endpoint, Log, TimerId } from '@millrace/base'
import {
  type ClientConnection,
  connect,
  ConnectionError,
  type ConnectionErrorReason,
  type ConnectOptions,
  RequestTimeoutError,
} from '@millrace/net'
import { ErrorCode, errorInfo } from '@millrace/protocol'
import type { RaftRequest, RaftResponse } from '@millrace/raft'
import { PeerProblems } from './peer-problems.ts'
import { raftApis, toWireRequest } from './wire-request.ts'
import { fromWireResponse } from './wire-response.ts'

export interface PeerOptions {
  readonly env: ConnectOptions['env']
  readonly log: Log
  readonly pool: BufferPool
  /** By which the peer's log knows us. */
  readonly clientId: string
  readonly clusterId: string
  readonly requestTimeoutMs: number
  /** Whether to find out at once if the peer is gone, when its connection ends. */
  isWatched(): boolean
  /** Its connection was lost, and it refuses new ones. */
  onGone(): void
}

export type Answered = (response: RaftResponse | null) => void

interface Waiting {
  readonly request: RaftRequest
  readonly answered: Answered
}

const BACKOFF_MS_MIN = 20
const BACKOFF_MS_MAX = 250
/** Attempts in a row that must be refused before a peer counts as gone, and the pause between them. */
const REFUSALS_NEEDED = 2
const PROBE_PAUSE_MS = 30
/**
 * A process that is killed closes its sockets one after another: while its port still accepts, the next connection is
 * reset, too, and says nothing yet. On a machine with too much to do that takes a while; whoever hangs up for longer is
 * something else, such as a proxy.
 */
const PROBES_MAX = 30
/** Unanswered requests in a row after which the connection is given up. */
const MISSES_MAX = 3

export class PeerConnection {
  readonly endpoint: Endpoint
  readonly #options: PeerOptions
  readonly #problems: PeerProblems
  readonly #aborted = new AbortController()
  #connection: ClientConnection | null = null
  #dialing = false
  #redialTimer: TimerId | null = null
  #waiting: Waiting[] = []
  #failures = 0
  #notBeforeMs = 0
  /** Attempts that may still be made to find out whether the peer is gone; 0: nobody asks. */
  #probesLeft = 0
  #refusals = 0
  #misses = 0
  #isRetired = false

  constructor(endpoint: Endpoint, options: PeerOptions) {
    this.endpoint = endpoint
    this.#options = options
    this.#problems = new PeerProblems({ clock: options.env.clock, log: options.log, endpoint })
  }

  /** @param answered runs later */
  request(request: RaftRequest, answered: Answered): void {
    if (this.#connection !== null) return this.#ask(this.#connection, { request, answered })
    this.#waiting.push({ request, answered })
    this.#maybeDial()
  }

  /** The peer has moved: what was asked here gets no answer. */
  retire(): void {
    const waiting = this.#takeWaiting()
    for (const { answered } of waiting) this.#options.env.timers.endOfTurn(() => answered(null))
    // Requests in flight hear of the end as of any other; a connection that is being opened finds nobody waiting.
    this.#connection?.close()
    this.#cancelRedial()
    this.#isRetired = true
  }

  /** Drops everything; requests in flight are not answered any more. */
  close(): void {
    this.#aborted.abort()
    this.#cancelRedial()
    this.#waiting = []
    this.#connection?.close()
  }

  get #isClosed(): boolean {
    return this.#aborted.signal.aborted
  }

  /* ------------------------------------------------------------ dialling */

  #maybeDial(): void {
    if (this.#dialing || this.#redialTimer !== null) return
    const pauseMs = this.#notBeforeMs - this.#options.env.clock.monoMs()
    if (pauseMs <= 0) this.#dial()
    else this.#dialLater(pauseMs)
  }

  #dialLater(pauseMs: number): void {
    this.#redialTimer = this.#options.env.timers.after(pauseMs, () => {
      this.#redialTimer = null
      this.#dial()
    })
  }

  #cancelRedial(): void {
    if (this.#redialTimer !== null) this.#options.env.timers.cancel(this.#redialTimer)
    this.#redialTimer = null
  }

  #dial(): void {
    const { env, clientId, requestTimeoutMs, pool } = this.#options
    this.#dialing = true
    const { signal } = this.#aborted
    const attempt = connect({
      env,
      endpoint: this.endpoint,
      clientId,
      wire: 'native',
      connectTimeoutMs: requestTimeoutMs,
      signal,
      pool,
    })
    attempt.then(
      (connection) => this.#onOpen(connection),
      (error: unknown) => {
        if (!this.#isClosed && !this.#isRetired) this.#onDialFailed(error)
      },
    )
  }

  #onOpen(connection: ClientConnection): void {
    if (this.#isClosed || this.#isRetired) return connection.close()
    this.#dialing = false
    this.#failures = 0
    this.#misses = 0
    this.#probesLeft = 0
    this.#refusals = 0
    this.#connection = connection
    connection.onceClosed((error) => this.#onClosed(connection, error))
    for (const waiting of this.#takeWaiting()) this.#ask(connection, waiting)
  }

  #onDialFailed(error: unknown): void {
    this.#dialing = false
    const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#failures)
    this.#failures += 1
    this.#notBeforeMs = this.#options.env.clock.monoMs() + backoffMs
    const isGone = this.#wasLastProbe(this.#explained(error))
    // Who asks need not wait until it is certain: that nobody answers is an answer.
    for (const { answered } of this.#takeWaiting()) answered(null)
    if (isGone && !this.#isClosed) this.#options.onGone()
  }

  /** @param reason of a failed dial. @returns whether the peer is gone; else the next attempt may be under way */
  #wasLastProbe(reason: ConnectionErrorReason | null): boolean {
    if (this.#probesLeft === 0) return false
    this.#refusals = reason === 'refused' ? this.#refusals + 1 : 0
    const isGone = this.#refusals === REFUSALS_NEEDED
    const isTelling = reason === 'refused' || reason === 'reset' || reason === 'eof'
    this.#probesLeft = isGone || !isTelling ? 0 : this.#probesLeft - 1
    if (this.#probesLeft > 0) this.#dialLater(PROBE_PAUSE_MS)
    else this.#refusals = 0
    return isGone
  }

  /** Whatever a dial fails with, this peer is not reached; what nobody foresaw is a defect that others must hear of. */
  #explained(error: unknown): ConnectionErrorReason | null {
    if (error instanceof ConnectionError) {
      this.#problems.onSilence(error.message)
      return error.reason
    }
    this.#problems.onWrongAnswer(String(error))
    return null
  }

  #onClosed(connection: ClientConnection, error: ConnectionError): void {
    if (this.#connection !== connection || this.#isClosed) return
    this.#connection = null
    const isLost = error.reason === 'eof' || error.reason === 'reset'
    if (!isLost || !this.#options.isWatched()) return
    this.#probesLeft = PROBES_MAX
    this.#refusals = 0
    if (!this.#dialing) {
      this.#cancelRedial()
      this.#dial()
    }
  }

  #takeWaiting(): Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  /* ------------------------------------------------------------ asking */

  #ask(connection: ClientConnection, { request, answered }: Waiting): void {
    const { requestTimeoutMs, clusterId } = this.#options
    const waitMs = request.kind === 'fetch' ? request.maxWaitMs : 0
    const body = toWireRequest(request, clusterId)
    connection.request(raftApis[request.kind], body, { timeoutMs: requestTimeoutMs + waitMs }).then(
      (answer) => {
        if (this.#isClosed) return
        const response = fromWireResponse(request, answer)
        if (response === null || 'reason' in response || 'errorCode' in response) {
          this.#onBadAnswer(response)
          return answered(null)
        }
        this.#misses = 0
        this.#problems.onAnswer()
        answered(response)
      },
      (error: unknown) => {
        if (this.#isClosed) return
        this.#onNoAnswer(connection, error)
        answered(null)
      },
    )
  }

  #onNoAnswer(connection: ClientConnection, error: unknown): void {
    if (error instanceof RequestTimeoutError) {
      this.#misses += 1
      if (this.#misses < MISSES_MAX) return
      // Half-open, or stuck: a new connection tells.
      this.#problems.onSilence(error.message)
      this.#connection = null
      connection.close()
    } else if (error instanceof ConnectionError) this.#problems.onSilence(error.message)
    // It speaks no version of what is asked, or this is a defect of ours: either way somebody has to see to it.
    else this.#problems.onWrongAnswer(String(error))
  }

  #onBadAnswer(answer: { readonly reason: string } | { readonly errorCode: number } | null): void {
    if (answer === null) this.#problems.onWrongAnswer('an answer that fits no request')
    else if ('reason' in answer) this.#problems.onWrongAnswer(`damaged records: ${answer.reason}`)
    else if (answer.errorCode === ErrorCode.INCONSISTENT_CLUSTER_ID) {
      this.#problems.onWrongAnswer(
        `this node belongs to cluster ${this.#options.clusterId}, the peer to another: check controller.quorum.voters ` +
          'and cluster.id, or give the node that was set up wrongly an empty data folder',
      )
    } else this.#problems.onWrongAnswer(`error ${errorInfo(answer.errorCode).name}`)
  }
}
