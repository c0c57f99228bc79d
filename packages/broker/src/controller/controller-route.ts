/**
 * The way to whoever is the active controller: the one of this process, or another node's over one connection.
 *
 * Owns: that connection. Must not know: what is asked, and whether it may be asked again.
 * Invariants: every request settles within its time; new requests go to the newest leader that the quorum names; a
 * connection on which an answer did not come in time is given up, because one that was cut in the middle can stay
 * silent for minutes after the network has healed.
 */
import { NO_NODE } from '@millrace/base'
import type { Endpoint, Env, NodeId } from '@millrace/base'
import { connect, ConnectionError, RequestTimeoutError } from '@millrace/net'
import type { ClientConnection } from '@millrace/net'
import type { RequestInputOf, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ControllerApi, ControllerChannel } from '../controller-channel.ts'
import type { QuorumView } from '../quorum-view.ts'

export interface ControllerRouteOptions {
  readonly env: Pick<Env, 'clock' | 'timers' | 'net' | 'log'>
  readonly nodeId: NodeId
  readonly quorum: QuorumView
  readonly localController: ControllerChannel | null
  readonly connectTimeoutMs: number
  /** How long requests that wait for an old leader's answer may go on waiting when there is a new one. */
  readonly retireMs: number
}

export interface AskOptions {
  readonly clientId: string | null
  /** Newest that may be used. */
  readonly version: number
  /** From now to the answer. */
  readonly timeoutMs: number
}

/** `not-sent`: nothing was asked. `unknown`: it may or may not have been carried out. Reasons are for people. */
export type Outcome<N extends ControllerApi> =
  | { readonly kind: 'answered'; readonly response: ResponseInputOf<N> }
  | { readonly kind: 'not-sent'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string }

interface Link {
  readonly endpoint: Endpoint
  readonly connected: Promise<ClientConnection>
  /** Once it is there. */
  connection: ClientConnection | null
  /** Gives up dialling, or closes. */
  drop(): void
}

export class ControllerRoute {
  readonly #options: ControllerRouteOptions
  readonly #links = new Set<Link>()
  readonly #unsubscribe: () => void
  /** The one in use. */
  #link: Link | null = null
  #closed = false

  constructor(options: ControllerRouteOptions) {
    this.#options = options
    this.#unsubscribe = options.quorum.onLeaderChange(() => this.#onLeaderChange())
  }

  async request<N extends ControllerApi>(
    api: N,
    body: RequestOf<N>,
    options: AskOptions,
  ): Promise<Outcome<N>> {
    const { quorum, nodeId, localController } = this.#options
    const { id, endpoint } = quorum.leader
    if (this.#closed) return notSent('this broker is stopping')
    if (id === nodeId && localController !== null) return this.#askLocal(localController, api, body, options)
    if (id === NO_NODE || endpoint === null) return notSent('no controller is known')
    const deadlineMs = this.#options.env.clock.monoMs() + options.timeoutMs
    const connection = await this.#connection(endpoint, options.timeoutMs)
    if (typeof connection === 'string') return notSent(connection)
    const served = connection.versionOf(api)
    if (served === null) return notSent(`controller ${id} does not serve ${api}`)
    const version = Math.min(served, options.version)
    return this.#askRemote(connection, api, body, version, deadlineMs)
  }

  /** Gives up everything that is under way. */
  close(): void {
    this.#closed = true
    this.#unsubscribe()
    for (const link of this.#links) link.drop()
  }

  async #askLocal<N extends ControllerApi>(
    controller: ControllerChannel,
    api: N,
    body: RequestOf<N>,
    { clientId, version: apiVersion, timeoutMs }: AskOptions,
  ): Promise<Outcome<N>> {
    try {
      const answer = controller.request(api, body, { clientId, apiVersion })
      const response = await this.#within(answer, timeoutMs)
      if (response === null) return unknown(`no answer within ${timeoutMs} ms`)
      return { kind: 'answered', response }
    } catch (error) {
      // Its refusals are answers; whatever this is, the request's outcome is not known.
      this.#options.env.log.error({ api, error }, 'the controller of this process failed')
      return unknown(String(error))
    }
  }

  async #askRemote<N extends ControllerApi>(
    connection: ClientConnection,
    api: N,
    body: RequestOf<N>,
    version: number,
    deadlineMs: number,
  ): Promise<Outcome<N>> {
    const timeoutMs = Math.max(1, deadlineMs - this.#options.env.clock.monoMs())
    try {
      // A decoded request is a complete one, which the compiler can't follow through the generics.
      const input = body as RequestInputOf<N>
      const response = await connection.request(api, input, { timeoutMs, version })
      return { kind: 'answered', response: response as ResponseInputOf<N> }
    } catch (error) {
      if (error instanceof RequestTimeoutError) connection.close()
      // Nobody foresaw it, and who asked has to get an answer all the same.
      else if (!(error instanceof ConnectionError)) {
        this.#options.env.log.error({ api, error }, 'a request to the controller failed')
      }
      return unknown(error instanceof Error ? error.message : String(error))
    }
  }

  /** @returns why there is none, as a text */
  async #connection(endpoint: Endpoint, timeoutMs: number): Promise<ClientConnection | string> {
    const link = this.#linkTo(endpoint)
    try {
      const connection = await this.#within(link.connected, timeoutMs)
      if (connection === null) return `${endpoint.host}:${endpoint.port} could not be reached in time`
      return connection.failure === null ? connection : connection.failure.message
    } catch (error) {
      // Dialling fails in many ways, and all mean the same here: nothing was sent.
      return (error as Error).message
    }
  }

  #linkTo(endpoint: Endpoint): Link {
    const current = this.#link
    if (current !== null && sameEndpoint(current.endpoint, endpoint)) return current
    this.#retire()
    const link = this.#dial(endpoint)
    this.#link = link
    return link
  }

  #dial(endpoint: Endpoint): Link {
    const { env, connectTimeoutMs, nodeId } = this.#options
    const abort = new AbortController()
    const { signal } = abort
    const connecting = connect({
      env,
      endpoint,
      clientId: `broker-${nodeId}`,
      wire: 'native',
      connectTimeoutMs,
      signal,
    })
    const link: Link = {
      endpoint,
      connected: connecting,
      connection: null,
      drop: () => {
        abort.abort(new ConnectionError('local', endpoint))
        link.connection?.close()
      },
    }
    this.#links.add(link)
    connecting.then(
      (connection) => {
        link.connection = connection
        connection.onceClosed(() => this.#forget(link))
        if (signal.aborted) connection.close()
      },
      // Who waits for the connection is told why there is none.
      () => this.#forget(link),
    )
    return link
  }

  #forget(link: Link): void {
    this.#links.delete(link)
    if (this.#link === link) this.#link = null
  }

  #onLeaderChange(): void {
    const { id, endpoint } = this.#options.quorum.leader
    if (this.#link === null || id === NO_NODE) return
    if (endpoint === null || !sameEndpoint(this.#link.endpoint, endpoint)) this.#retire()
  }

  /** Answers of an old leader still count, for a while. */
  #retire(): void {
    const link = this.#link
    this.#link = null
    if (link === null) return
    if (this.#options.retireMs === 0 || (link.connection?.inFlightRequests ?? 0) === 0) link.drop()
    else this.#options.env.timers.after(this.#options.retireMs, () => link.drop())
  }

  /** @returns null when it takes longer */
  #within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | null> {
    const { timers } = this.#options.env
    return new Promise((resolve, reject) => {
      const timer = timers.after(timeoutMs, () => resolve(null))
      promise.then(resolve, reject).finally(() => timers.cancel(timer))
    })
  }
}

function notSent<N extends ControllerApi>(reason: string): Outcome<N> {
  return { kind: 'not-sent', reason }
}

function unknown<N extends ControllerApi>(reason: string): Outcome<N> {
  return { kind: 'unknown', reason }
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port
}
