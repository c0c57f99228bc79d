/** Bytes that a process has written and its kernel has not taken yet; and who waits to hear that it did. */

/** From here on `write` asks to wait: Node's high-water mark of a socket. */
const HIGH_WATER_BYTES = 64 * 1024

interface Pending {
  readonly chunk: Uint8Array
  taken: number
  readonly onWritten: (() => void) | undefined
}

const EMPTY = new Uint8Array(0)

export class Outbox {
  #pending: Pending[] = []
  #bytes = 0
  #written: (() => void)[] = []
  #needsDrain = false

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0
  }

  /** Somebody is to be told something by `takeWritten`. */
  get hasWritten(): boolean {
    return this.#written.length > 0 || (this.#needsDrain && this.isEmpty)
  }

  /** @returns false when the writer shall wait for a drain */
  add(chunks: readonly Uint8Array[], onWritten: (() => void) | undefined): boolean {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue
      this.#pending.push({ chunk, taken: 0, onWritten: undefined })
      this.#bytes += chunk.length
    }
    if (onWritten !== undefined) this.#pending.push({ chunk: EMPTY, taken: 0, onWritten })
    const ready = this.#bytes < HIGH_WATER_BYTES
    this.#needsDrain ||= !ready
    return ready
  }

  /** @returns a copy of up to `room` bytes; null when nothing waits or nothing fits */
  take(room: number): Buffer | null {
    const bytes = Math.min(room, this.#bytes)
    if (bytes <= 0 && this.#bytes > 0) return null
    const copy = Buffer.allocUnsafe(bytes)
    let filled = 0
    let done = 0
    for (const pending of this.#pending) {
      const { chunk, taken } = pending
      const part = Math.min(chunk.length - taken, bytes - filled)
      // Most chunks go as a whole, and a view costs more than the copy of a small one.
      copy.set(part === chunk.length ? chunk : chunk.subarray(taken, taken + part), filled)
      filled += part
      pending.taken += part
      if (pending.taken < chunk.length) break
      if (pending.onWritten !== undefined) this.#written.push(pending.onWritten)
      done += 1
    }
    this.#pending.splice(0, done)
    this.#bytes -= bytes
    return copy
  }

  takeWritten(): { readonly callbacks: readonly (() => void)[]; readonly drained: boolean } {
    const callbacks = this.#written
    this.#written = []
    const drained = this.#needsDrain && this.isEmpty
    if (drained) this.#needsDrain = false
    return { callbacks, drained }
  }

  /** The connection closed. @returns who waits, in order */
  dropAll(): readonly (() => void)[] {
    const callbacks = [...this.#written, ...this.#pending.flatMap(({ onWritten }) => onWritten ?? [])]
    this.#written = []
    this.#pending = []
    this.#bytes = 0
    return callbacks
  }
}
