/**
 * The server's side of one connection: finds out which wire it speaks, hands its requests to the dispatch, and sends
 * the answers: on Kafka's wire in the order of the requests, on the native one as they come.
 *
 * Owns: frame reader, requests in flight, output. Must not know: what an API does, other connections.
 * Invariants: no frame's memory is reused before `beforeReuse` has run; answers of one read callback, and those that
 * become ready within one turn, leave in one write; after `onClose` nothing is sent and every waiter has been told.
 */
import type { BufferPool, Clock, CloseReason, Conn, ConnEvents, Endpoint, Log } from '@millrace/base'
import {
  apis,
  encodeUnsupportedApiVersions,
  LateAnswer,
  NATIVE_PREAMBLE,
  NO_RESPONSE,
  type BadRequest,
  type DecodedRequest,
} from '@millrace/protocol'
import { badLengthText } from './bad-length.ts'
import { Exchange, ExchangeList, run } from './exchange.ts'
import { FrameReader } from './frame-reader.ts'
import type { MemoryAccount, RequestMemory } from './memory-budget.ts'
import { byteLength, Output } from './output.ts'
import type { Answer, Connection, Dispatch } from './request-context.ts'
import type { ServerLimits } from './server-limits.ts'
import { KAFKA_WIRE, NATIVE_WIRE, type Wire, type WireName } from './wire.ts'

/** Answers of one read callback are written early beyond this, so that their memory comes back. */
const FLUSH_BYTES = 256 * 1024

const NOTHING: readonly Uint8Array[] = []

/** What a server shares with its connections. */
export interface ConnectionHost {
  readonly limits: ServerLimits
  readonly clock: Clock
  readonly log: Log
  readonly pool: BufferPool
  readonly memory: RequestMemory
  readonly dispatch: Dispatch
  readonly beforeReuse: () => void
  /** Has `onTurnEnd` called at the end of this turn. */
  atTurnEnd(connection: ServerConnection): void
  onConnectionClosed(connection: ServerConnection): void
}

export class ServerConnection implements Connection, ConnEvents {
  readonly id: number
  readonly listener: string
  readonly remote: Endpoint
  readonly #conn: Conn
  readonly #host: ConnectionHost
  readonly #reader: FrameReader
  readonly #memory: MemoryAccount
  readonly #output: Output
  readonly #inFlight = new ExchangeList()
  readonly #openedAtMs: number
  /** First bytes, until they tell the wire. */
  readonly #opening = Buffer.alloc(NATIVE_PREAMBLE.length)
  #openingBytes = 0
  #wire: Wire | null = null
  #authenticated: boolean
  /** Bytes of answers that wait for an earlier one. */
  #parkedBytes = 0
  #processing = false
  #paused = false
  #draining = false
  /** `close` was called, or the connection is gone. */
  #closing = false
  #turnEndDue = false
  #requestSeen = false
  /** When the frame that is arriving began; null between frames and while this side does not read. */
  #frameStartedAtMs: number | null = null
  #lastActivityMs: number
  #lastPendingBytes = 0

  constructor(id: number, listener: string, conn: Conn, authenticated: boolean, host: ConnectionHost) {
    this.id = id
    this.listener = listener
    this.remote = conn.remote
    this.#conn = conn
    this.#host = host
    this.#authenticated = authenticated
    this.#openedAtMs = this.#lastActivityMs = host.clock.monoMs()
    this.#memory = host.memory.account(() => this.#process())
    this.#output = new Output(conn)
    this.#reader = new FrameReader({
      pool: host.pool,
      memory: this.#memory,
      frameBytesMax: authenticated ? host.limits.frameBytesMax : host.limits.unauthenticatedFrameBytesMax,
    })
  }

  get local(): Endpoint {
    return this.#conn.local
  }

  get wire(): WireName {
    return (this.#wire ?? KAFKA_WIRE).name
  }

  get authenticated(): boolean {
    return this.#authenticated
  }

  set authenticated(value: boolean) {
    this.#authenticated = value
    const { frameBytesMax, unauthenticatedFrameBytesMax } = this.#host.limits
    this.#reader.frameBytesMax = value ? frameBytesMax : unauthenticatedFrameBytesMax
  }

  get inFlightRequests(): number {
    return this.#inFlight.size
  }

  close(reason: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#host.log.warn({ connection: this.id, remote: this.remote, reason }, 'closing a connection')
    this.#conn.destroy()
  }

  /** Takes no more requests, and closes once those in flight are answered. */
  drain(): void {
    this.#draining = true
    this.#process()
  }

  /** Closes at once, without complaint. */
  destroy(): void {
    this.#closing = true
    this.#conn.destroy()
  }

  /** @returns which deadline has passed, or null */
  overdue(nowMs: number): string | null {
    const { handshakeTimeoutMs, frameTimeoutMs, idleTimeoutMs } = this.#host.limits
    if (!this.#requestSeen && nowMs - this.#openedAtMs > handshakeTimeoutMs)
      return `no whole request within ${handshakeTimeoutMs} ms`
    if (this.#frameStartedAtMs !== null && nowMs - this.#frameStartedAtMs > frameTimeoutMs)
      return `a request did not arrive whole within ${frameTimeoutMs} ms`
    const pendingBytes = this.#output.pendingBytes
    if (pendingBytes !== this.#lastPendingBytes) this.#lastActivityMs = nowMs
    this.#lastPendingBytes = pendingBytes
    // A parked request has its own deadline, but only a peer that takes its answers can be waited for.
    const idle = this.#inFlight.size === 0 || pendingBytes > 0
    return idle && nowMs - this.#lastActivityMs > idleTimeoutMs ? `idle for ${idleTimeoutMs} ms` : null
  }

  onData(chunk: Buffer): void {
    if (this.#closing) return
    this.#lastActivityMs = this.#host.clock.monoMs()
    const frames = this.#wire === null ? this.#detectWire(chunk) : chunk
    if (frames === null) return
    this.#reader.push(frames)
    this.#process()
  }

  receiveBuffer(): Buffer | undefined {
    return this.#reader.receiveBuffer()
  }

  onDrain(): void {
    this.#process()
  }

  onTurnEnd(): void {
    this.#turnEndDue = false
    this.#process()
  }

  onClose(reason: CloseReason): void {
    this.#closing = true
    this.#host.log.debug({ connection: this.id, remote: this.remote, reason }, 'connection closed')
    this.#reader.close()
    this.#memory.finish(true)
    for (let exchange = this.#inFlight.first; exchange !== null; exchange = exchange.next) {
      if (exchange.chunks === null) exchange.closed()
      else run(exchange.takeWritten())
    }
    this.#output.drop()
    this.#host.onConnectionClosed(this)
  }

  /** @returns what belongs to frames, or null while the wire is unknown */
  #detectWire(chunk: Buffer): Buffer | null {
    const taken = Math.min(NATIVE_PREAMBLE.length - this.#openingBytes, chunk.length)
    chunk.copy(this.#opening, this.#openingBytes, 0, taken)
    this.#openingBytes += taken
    if (this.#openingBytes < NATIVE_PREAMBLE.length) return null
    const rest = chunk.subarray(taken)
    this.#wire = this.#opening.equals(NATIVE_PREAMBLE) ? NATIVE_WIRE : KAFKA_WIRE
    if (this.#wire === NATIVE_WIRE) return rest
    return taken === this.#opening.length ? chunk : Buffer.concat([this.#opening, rest])
  }

  /** Serves the frames that are there, sends what is ready, and decides whether to go on reading. */
  #process(): void {
    if (this.#processing || this.#closing) return
    this.#processing = true
    const nowMs = this.#host.clock.monoMs()
    let frames = 0
    while (this.#mayDispatch()) {
      const frame = this.#reader.next()
      if (frame === null) break
      frames += 1
      this.#handle(frame, nowMs)
      if (this.#output.bytes >= FLUSH_BYTES) this.#output.flush()
    }
    if (this.#reader.badLength !== null) this.close(badLengthText(this.#reader.badLength))
    if (frames > 0) this.#host.beforeReuse()
    this.#reader.settle()
    this.#output.flush()
    this.#processing = false
    if (!this.#closing) this.#steer(nowMs, frames > 0)
  }

  #mayDispatch(): boolean {
    const { inFlightRequestsMax, outputBytesMax } = this.#host.limits
    return (
      !this.#closing &&
      !this.#draining &&
      this.#inFlight.size < inFlightRequestsMax &&
      this.#output.pendingBytes + this.#parkedBytes <= outputBytesMax
    )
  }

  /** Pauses or resumes reading, and keeps the time of the frame that is arriving. */
  #steer(nowMs: number, served: boolean): void {
    if (this.#draining && this.#inFlight.size === 0) {
      this.#closing = true
      this.#conn.end()
      return
    }
    const arriving = this.#reader.holdsBytes
    const paused = !this.#mayDispatch() || (arriving && !this.#memory.admits())
    if (!arriving && this.#frameStartedAtMs !== null) this.#memory.finish(false)
    if (!arriving || paused) this.#frameStartedAtMs = null
    else if (served || this.#frameStartedAtMs === null) this.#frameStartedAtMs = nowMs
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#conn.pause()
    else this.#conn.resume()
  }

  #handle(frame: Buffer, nowMs: number): void {
    const request = this.#wire!.decodeRequest(frame)
    if (request.kind !== 'request') {
      this.#refuse(request, nowMs)
      return
    }
    this.#requestSeen = true
    const exchange = new Exchange(this, request, nowMs)
    this.#inFlight.push(exchange)
    this.#dispatch(request, exchange)
  }

  #dispatch(request: DecodedRequest, exchange: Exchange): void {
    try {
      const answer = this.#host.dispatch(request, exchange)
      if (answer instanceof LateAnswer) answer.whenGiven((later) => this.#answer(exchange, later))
      else if (answer instanceof Promise)
        answer.then(
          (later) => this.#answer(exchange, later),
          (error: unknown) => this.#fail(exchange, error),
        )
      else this.#answer(exchange, answer)
    } catch (error) {
      this.#fail(exchange, error)
    }
  }

  #refuse(request: BadRequest, nowMs: number): void {
    switch (request.kind) {
      case 'corrupt':
        this.close(`a request can't be decoded: ${request.reason}`)
        return
      case 'unknown-api':
        this.close(`unknown API key ${request.apiKey}`)
        return
      case 'unsupported-version':
        if (request.apiKey === apis.ApiVersions.key && this.#wire === KAFKA_WIRE) {
          this.#requestSeen = true
          this.#refuseApiVersions(request.version, request.correlationId, nowMs)
        } else this.close(`API key ${request.apiKey} is not served in version ${request.version}`)
    }
  }

  /** The one API that clients call before they know the versions: told which ones there are (KIP-511). */
  #refuseApiVersions(version: number, correlationId: number, nowMs: number): void {
    const request = { api: 'ApiVersions', version, clientId: null, correlationId } as const
    const exchange = new Exchange(this, request, nowMs)
    this.#inFlight.push(exchange)
    this.#settle(exchange, encodeUnsupportedApiVersions(correlationId))
  }

  #answer(exchange: Exchange, answer: Answer): void {
    if (this.#closing) {
      run(exchange.takeWritten())
      return
    }
    let chunks = NOTHING
    if (answer !== NO_RESPONSE) {
      try {
        chunks = this.#wire!.encodeResponse(exchange.api, exchange.apiVersion, exchange.correlationId, answer)
      } catch (error) {
        this.#fail(exchange, error)
        return
      }
    }
    this.#settle(exchange, chunks)
  }

  /** The answer is there: sends it, or parks it behind earlier ones. */
  #settle(exchange: Exchange, chunks: readonly Uint8Array[]): void {
    exchange.chunks = chunks
    if (!this.#wire!.ordered) this.#send(exchange, byteLength(chunks))
    else if (exchange === this.#inFlight.first) this.#sendReady(exchange)
    else this.#parkedBytes += byteLength(chunks)
    if (!this.#processing && !this.#turnEndDue) {
      this.#turnEndDue = true
      this.#host.atTurnEnd(this)
    }
  }

  /** Sends the oldest answer and those that waited for it. */
  #sendReady(oldest: Exchange): void {
    this.#send(oldest, byteLength(oldest.chunks!))
    for (
      let next = this.#inFlight.first;
      next !== null && next.chunks !== null;
      next = this.#inFlight.first
    ) {
      const bytes = byteLength(next.chunks)
      this.#parkedBytes -= bytes
      this.#send(next, bytes)
    }
  }

  #send(exchange: Exchange, bytes: number): void {
    this.#inFlight.remove(exchange)
    const callbacks = exchange.takeWritten()
    if (bytes > 0) this.#output.add(exchange.chunks!, bytes, callbacks)
    else run(callbacks)
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { api, apiVersion, clientId } = exchange
    this.#host.log.error({ connection: this.id, api, apiVersion, clientId, error }, 'a handler failed')
    if (!this.#closing) this.close(`the handler of ${api} failed`)
    run(exchange.takeWritten())
  }
}
