/**
 * The client's side of one connection, on either wire: requests go out at once, any number in flight, and each answer
 * finds its request by the correlation id.
 *
 * Owns: the connection, requests in flight, the versions that the server serves. Must not know: retries, what an
 * answer means.
 * Invariants: each request is settled exactly once; after the connection closed all are rejected with its error; an
 * answer that nobody waits for any more is dropped, one that nobody asked for ends the connection.
 */
import type { BufferPool, ClientEnv, CloseReason, Conn, ConnEvents, Endpoint, TimerId } from '@millrace/base'
import {
  apiNameOf,
  apiOf,
  NATIVE_PREAMBLE,
  type ApiName,
  type RequestInputOf,
  type ResponseOf,
} from '@millrace/protocol'
import { ConnectionError, RequestTimeoutError, UnsupportedApiError } from './connection-error.ts'
import { FrameReader } from './frame-reader.ts'
import { NATIVE_WIRE, type Wire, type WireName } from './wire.ts'

const CORRELATION_ID_MAX = 2 ** 31 - 1

export interface RequestOptions {
  /** From now to the answer. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** The highest that both sides speak, when left out. */
  readonly version?: number | undefined
  /** Runs once the memory under the request may be reused, also when the request fails. */
  readonly onWritten?: (() => void) | undefined
}

/** An answer in pooled memory: its `bytes` and `records` are valid until `release`, which must be called once. */
export interface PooledResponse<Body> {
  readonly body: Body
  release(): void
}

export interface DialOptions {
  readonly env: Pick<ClientEnv, 'net' | 'timers'>
  readonly endpoint: Endpoint
  readonly clientId: string | null
  readonly pool: BufferPool
  readonly frameBytesMax: number
}

interface Pending {
  readonly api: ApiName
  readonly version: number
  readonly pooled: boolean
  readonly timer: TimerId
  readonly signal: AbortSignal | undefined
  onAbort: (() => void) | null
  /** Null once nobody waits any more. */
  waiter: Waiter | null
}

interface Waiter {
  /** Gets the body, and the pooled buffer under it if it has one. */
  resolve(body: ResponseOf<ApiName>, buffer: Buffer | null): void
  reject(error: unknown): void
}

export class ClientConnection implements ConnEvents {
  readonly endpoint: Endpoint
  readonly #wire: Wire
  readonly #options: DialOptions
  readonly #reader: FrameReader
  readonly #conn: Conn
  readonly #pending = new Map<number, Pending>()
  readonly #onOpen: () => void
  #versions: ReadonlyMap<ApiName, number> = new Map()
  #nextCorrelationId = 1
  #failure: ConnectionError | null = null
  #closeListeners: ((error: ConnectionError) => void)[] = []

  /** Begins to connect; `onOpen` or a close listener tells the outcome. */
  constructor(wire: Wire, options: DialOptions, onOpen: () => void) {
    this.endpoint = options.endpoint
    this.#wire = wire
    this.#options = options
    this.#onOpen = onOpen
    this.#reader = new FrameReader({ pool: options.pool, frameBytesMax: options.frameBytesMax })
    this.#conn = options.env.net.dial(options.endpoint, this)
  }

  get wire(): WireName {
    return this.#wire.name
  }

  /** Why it is closed; null while it is usable. */
  get failure(): ConnectionError | null {
    return this.#failure
  }

  /** Requests whose answer has not arrived. */
  get inFlightRequests(): number {
    return this.#pending.size
  }

  /** The address that this side has. */
  get local(): Endpoint {
    return this.#conn.local
  }

  /** @returns the highest version that both sides speak, or null */
  versionOf(api: ApiName): number | null {
    return this.#versions.get(api) ?? null
  }

  /** @param served as ApiVersions answers */
  useVersions(served: ResponseOf<'ApiVersions'>['apiKeys']): void {
    const versions = new Map<ApiName, number>()
    for (const { apiKey, minVersion, maxVersion } of served) {
      const name = apiNameOf(apiKey)
      if (name === undefined) continue
      const own = apiOf(name).versions
      const version = Math.min(own.max, maxVersion)
      if (version >= own.min && version >= minVersion) versions.set(name, version)
    }
    this.#versions = versions
  }

  /**
   * @returns the answer, whatever error codes it has inside; in memory of its own
   * @throws ConnectionError, RequestTimeoutError, UnsupportedApiError, EncodeError, or the signal's reason
   */
  request<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    options: RequestOptions,
  ): Promise<ResponseOf<N>> {
    return new Promise((resolve, reject) => {
      this.#start(api, body, options, false, { resolve: resolve as Waiter['resolve'], reject })
    })
  }

  /** Like `request`, for answers with much data: their memory is recycled when the caller says so. */
  requestPooled<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    options: RequestOptions,
  ): Promise<PooledResponse<ResponseOf<N>>> {
    return new Promise((resolve, reject) => {
      const answered: Waiter['resolve'] = (answer, buffer) =>
        resolve({
          body: answer as ResponseOf<N>,
          release: buffer === null ? () => {} : () => this.#options.pool.give(buffer),
        })
      this.#start(api, body, options, true, { resolve: answered, reject })
    })
  }

  /** Sends a request that gets no answer (Produce with acks 0); resolves once the operating system has taken it. */
  send<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    options: Pick<RequestOptions, 'version' | 'onWritten'> = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const onWritten = (): void => {
        options.onWritten?.()
        if (this.#failure === null) resolve()
        else reject(this.#failure)
      }
      this.#write(api, body, options.version, onWritten, reject)
    })
  }

  /** Closes at once; requests in flight are rejected. */
  close(): void {
    this.#end(new ConnectionError('local', this.endpoint))
  }

  /** Closes because of what only the caller knows, such as a deadline. */
  closeWith(error: ConnectionError): void {
    this.#end(error)
  }

  /** Runs `listener` when the connection is no longer usable; at once in the next turn if it already is not. */
  onceClosed(listener: (error: ConnectionError) => void): void {
    const failure = this.#failure
    if (failure === null) this.#closeListeners.push(listener)
    else this.#options.env.timers.endOfTurn(() => listener(failure))
  }

  /* ------------------------------------------------ events of the connection */

  onOpen(): void {
    if (this.#wire === NATIVE_WIRE) this.#conn.write([NATIVE_PREAMBLE])
    this.#onOpen()
  }

  onData(chunk: Buffer): void {
    if (this.#failure !== null) return
    this.#reader.push(chunk)
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) this.#receive(frame)
    const badLength = this.#reader.badLength
    this.#reader.settle()
    if (badLength !== null) this.#corrupt(`a response of ${badLength} bytes is not acceptable`)
  }

  receiveBuffer(): Buffer | undefined {
    return this.#reader.receiveBuffer()
  }

  onClose(reason: CloseReason): void {
    this.#reader.close()
    this.#end(new ConnectionError(reason, this.endpoint))
  }

  /* ------------------------------------------------ requests */

  #start<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    options: RequestOptions,
    pooled: boolean,
    waiter: Waiter,
  ): void {
    const { signal, timeoutMs, onWritten } = options
    if (signal?.aborted === true) {
      if (onWritten !== undefined) this.#options.env.timers.endOfTurn(onWritten)
      waiter.reject(signal.reason)
      return
    }
    const written = this.#write(api, body, options.version, onWritten, waiter.reject)
    if (written === null) return
    const { correlationId, version } = written
    const timer = this.#options.env.timers.after(timeoutMs, () =>
      this.#abandon(correlationId, new RequestTimeoutError(api, this.endpoint, timeoutMs)),
    )
    const pending: Pending = { api, version, pooled, timer, signal, onAbort: null, waiter }
    if (signal !== undefined) {
      pending.onAbort = () => this.#abandon(correlationId, signal.reason)
      signal.addEventListener('abort', pending.onAbort, { once: true })
    }
    this.#pending.set(correlationId, pending)
  }

  /** @returns null when the request could not be sent: `reject` has been called */
  #write<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    wantedVersion: number | undefined,
    onWritten: (() => void) | undefined,
    reject: (error: unknown) => void,
  ): { correlationId: number; version: number } | null {
    const version = wantedVersion ?? this.versionOf(api)
    try {
      if (this.#failure !== null) throw this.#failure
      if (version === null) throw new UnsupportedApiError(api, this.endpoint)
      const correlationId = this.#nextCorrelationId
      const header = { correlationId, clientId: this.#options.clientId }
      const chunks = this.#wire.encodeRequest(api, version, header, body)
      this.#nextCorrelationId = correlationId === CORRELATION_ID_MAX ? 1 : correlationId + 1
      this.#conn.write(chunks, onWritten)
      return { correlationId, version }
    } catch (error) {
      reject(error)
      if (onWritten !== undefined) this.#options.env.timers.endOfTurn(onWritten)
      return null
    }
  }

  /** Nobody waits for this answer any more; its place is kept so that the answer is recognized. */
  #abandon(correlationId: number, error: unknown): void {
    const pending = this.#pending.get(correlationId)
    if (pending === undefined) return
    const waiter = this.#takeWaiter(pending)
    waiter?.reject(error)
  }

  #takeWaiter(pending: Pending): Waiter | null {
    const waiter = pending.waiter
    if (waiter === null) return null
    pending.waiter = null
    this.#options.env.timers.cancel(pending.timer)
    if (pending.onAbort !== null) pending.signal?.removeEventListener('abort', pending.onAbort)
    return waiter
  }

  #receive(frame: Buffer): void {
    if (this.#failure !== null) return
    const correlationId = this.#wire.correlationId(frame)
    const pending = correlationId === null ? undefined : this.#pending.get(correlationId)
    if (pending === undefined) {
      this.#corrupt('a response that no request asked for')
      return
    }
    this.#pending.delete(correlationId!)
    if (pending.waiter === null) return
    // The frame's memory is about to be reused, but the answer has to live on: it is taken over, or copied.
    const buffer = this.#reader.detach()
    const response = this.#wire.decodeResponse(
      pending.api,
      pending.version,
      buffer === null ? Buffer.from(frame) : frame,
    )
    const waiter = this.#takeWaiter(pending)!
    if (response.kind === 'response') {
      waiter.resolve(response.body, pending.pooled ? buffer : null)
      return
    }
    const error = this.#corrupt(`a response to ${pending.api} can't be decoded: ${response.reason}`)
    waiter.reject(error)
  }

  #corrupt(detail: string): ConnectionError {
    const error = new ConnectionError('corrupt', this.endpoint, detail)
    this.#end(error)
    return error
  }

  /** The first cause counts; later calls, among them the connection's own report, change nothing. */
  #end(error: ConnectionError): void {
    if (this.#failure !== null) return
    this.#failure = error
    this.#conn.destroy()
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const request of pending) this.#takeWaiter(request)?.reject(error)
    const listeners = this.#closeListeners
    this.#closeListeners = []
    for (const listener of listeners) listener(error)
  }
}
