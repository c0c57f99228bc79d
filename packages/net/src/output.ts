/**
 * What one side of a connection is about to send: the answers of a turn, written together.
 *
 * Owns: chunks that are not written yet, and whom to tell once they are. Must not know: requests, their order.
 * Invariant: each callback runs exactly once, after its chunks left or after the connection closed.
 */
import type { Conn } from '@millrace/base'
import { run, type Callbacks } from './exchange.ts'

export class Output {
  readonly #conn: Conn
  #chunks: Uint8Array[] = []
  #callbacks: Callbacks[] = []
  #bytes = 0

  constructor(conn: Conn) {
    this.#conn = conn
  }

  /** Bytes that `flush` would write. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes that have not reached the operating system. */
  get pendingBytes(): number {
    return this.#bytes + this.#conn.pendingBytes
  }

  add(chunks: readonly Uint8Array[], bytes: number, callbacks: Callbacks): void {
    for (const chunk of chunks) this.#chunks.push(chunk)
    this.#bytes += bytes
    if (callbacks !== null) this.#callbacks.push(callbacks)
  }

  flush(): void {
    if (this.#bytes === 0) return
    const callbacks = this.#callbacks
    if (callbacks.length === 0) this.#conn.write(this.#chunks)
    else {
      this.#callbacks = []
      this.#conn.write(this.#chunks, () => callbacks.forEach(run))
    }
    this.#chunks = []
    this.#bytes = 0
  }

  /** The connection closed: nothing of this will be written. */
  drop(): void {
    const callbacks = this.#callbacks
    this.#callbacks = []
    this.#chunks = []
    this.#bytes = 0
    callbacks.forEach(run)
  }
}

export function byteLength(chunks: readonly Uint8Array[]): number {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  return bytes
}
