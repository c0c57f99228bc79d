/**
 * One request between its arrival and its answer. A link of its connection's list of requests in flight, in order of
 * arrival.
 *
 * Invariants: each callback runs at most once; `onClosed` only while the answer is missing, `afterWritten` only once
 * the answer has been given or is known never to come.
 */
import type { ApiName } from '@millrace/protocol'
import type { Connection, RequestContext } from './request-context.ts'

export type Callbacks = (() => void) | (() => void)[] | null

export class Exchange implements RequestContext {
  readonly connection: Connection
  readonly api: ApiName
  readonly apiVersion: number
  readonly clientId: string | null
  readonly correlationId: number
  readonly receivedAtMs: number
  /** The encoded answer, while it waits for earlier ones; empty when there is none to send. */
  chunks: readonly Uint8Array[] | null = null
  next: Exchange | null = null
  previous: Exchange | null = null
  #written: Callbacks = null
  #closed: Callbacks = null
  #gone = false

  constructor(
    connection: Connection,
    request: { api: ApiName; version: number; clientId: string | null; correlationId: number },
    receivedAtMs: number,
  ) {
    this.connection = connection
    this.api = request.api
    this.apiVersion = request.version
    this.clientId = request.clientId
    this.correlationId = request.correlationId
    this.receivedAtMs = receivedAtMs
  }

  afterWritten(callback: () => void): void {
    this.#written = added(this.#written, callback)
  }

  onClosed(callback: () => void): void {
    if (!this.#gone) this.#closed = added(this.#closed, callback)
    // A handler that went on after the connection had closed; not inside its call, as for everybody else.
    else void Promise.resolve().then(callback)
  }

  /** @returns what must run once the answer has left, and forgets it */
  takeWritten(): Callbacks {
    const callbacks = this.#written
    this.#written = null
    return callbacks
  }

  /** The connection is gone while the answer is missing. */
  closed(): void {
    this.#gone = true
    const callbacks = this.#closed
    this.#closed = null
    run(callbacks)
  }
}

/** Requests in flight, oldest first. */
export class ExchangeList {
  first: Exchange | null = null
  #last: Exchange | null = null
  size = 0

  push(exchange: Exchange): void {
    exchange.previous = this.#last
    if (this.#last === null) this.first = exchange
    else this.#last.next = exchange
    this.#last = exchange
    this.size += 1
  }

  remove(exchange: Exchange): void {
    if (exchange.previous === null) this.first = exchange.next
    else exchange.previous.next = exchange.next
    if (exchange.next === null) this.#last = exchange.previous
    else exchange.next.previous = exchange.previous
    exchange.next = null
    exchange.previous = null
    this.size -= 1
  }
}

export function run(callbacks: Callbacks): void {
  if (callbacks === null) return
  if (typeof callbacks === 'function') callbacks()
  else for (const callback of callbacks) callback()
}

function added(callbacks: Callbacks, callback: () => void): Callbacks {
  if (callbacks === null) return callback
  if (typeof callbacks === 'function') return [callbacks, callback]
  callbacks.push(callback)
  return callbacks
}
