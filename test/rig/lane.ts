/**
 * One direction of a proxied connection. Passes bytes on as fast as the receiver takes them, unless the link is cut, when
 * they are held, or slow, when each arrives later and fewer of them in a second. The sender's end is held like its bytes.
 *
 * Must not know: whose connection it is.
 */
import type { Socket } from 'node:net'

export interface Slowness {
  /** Added to the way of each byte. */
  readonly latencyMs: number
  readonly bytesPerSecond: number
}

interface HeldBytes {
  readonly bytes: Buffer
  /** Of `performance.now()`. */
  readonly dueMs: number
}

/** Beyond it the sender is not read from, as when the network's own buffers are full. */
const HELD_BYTES_MAX = 256 << 10

export class Lane {
  readonly #from: Socket
  readonly #to: Socket
  #isCut = false
  #slowness: Slowness | null = null
  readonly #held: HeldBytes[] = []
  #heldBytes = 0
  /** When the slow link has carried everything that was given to it. */
  #freeAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.on('end', () => {
      this.#hasEnded = true
      this.#drain()
    })
    to.on('drain', () => this.#drain())
  }

  /** From now on; what is held leaves when it may. */
  become(isCut: boolean, slowness: Slowness | null): void {
    this.#isCut = isCut
    this.#slowness = slowness
    this.#drain()
  }

  pass(bytes: Buffer): void {
    this.#held.push({ bytes, dueMs: this.#dueMs(bytes.length) })
    this.#heldBytes += bytes.length
    this.#drain()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #dueMs(length: number): number {
    if (this.#slowness === null) return 0
    const { latencyMs, bytesPerSecond } = this.#slowness
    const carriedMs = (length / bytesPerSecond) * 1000
    this.#freeAtMs = Math.max(performance.now(), this.#freeAtMs) + carriedMs
    return this.#freeAtMs + latencyMs
  }

  #drain(): void {
    clearTimeout(this.#timer)
    if (!this.#isCut) this.#deliver()
    const isFull = this.#isCut || this.#heldBytes > HELD_BYTES_MAX || this.#to.writableNeedDrain
    if (isFull) this.#from.pause()
    else this.#from.resume()
  }

  #deliver(): void {
    const nowMs = performance.now()
    while (this.#held.length > 0 && !this.#to.writableNeedDrain) {
      const { bytes, dueMs } = this.#held[0]!
      if (this.#slowness !== null && dueMs > nowMs) {
        this.#timer = setTimeout(() => this.#drain(), dueMs - nowMs)
        return
      }
      this.#held.shift()
      this.#heldBytes -= bytes.length
      this.#to.write(bytes)
    }
    if (this.#held.length === 0 && this.#hasEnded) this.#to.end()
  }
}
