/**
 * Splits a byte stream into frames of `u32 length · bytes`. Frames that lie whole in a received chunk are handed out
 * in place; one that spans reads is put together in a pooled buffer, and the rest of a large one is received straight
 * into that buffer (`receiveBuffer`).
 *
 * Owns: the pooled buffer of the frame that is arriving. Must not know: what a frame means, sockets.
 *
 * A round is `push` – `next` until it returns null or the caller has had enough – `settle`. Frames are views: valid
 * until `settle`, which takes their memory back, except one that was taken over by `detach`.
 * Invariant: no memory is taken because of a declared length alone. The buffer of a frame that is arriving has at most
 * four times the size of what has arrived, 64 KiB, or room for the largest frame that this peer has sent in full.
 */
import type { BufferPool } from '@millrace/base'
import { UNLIMITED_MEMORY, type MemoryBudget } from './memory-budget.ts'

const LENGTH_BYTES = 4
/** First size of the buffer for a frame that spans reads. */
const FIRST_BUFFER_BYTES = 64 * 1024
/** Missing bytes from which receiving them in place is worth a read of its own. */
const RECEIVE_IN_PLACE_BYTES = 32 * 1024

export interface FrameReaderOptions {
  readonly pool: BufferPool
  /** Longest acceptable frame, without its length field. */
  readonly frameBytesMax: number
  readonly memory?: MemoryBudget
}

export class FrameReader {
  /** May be raised between rounds. */
  frameBytesMax: number
  readonly #pool: BufferPool
  readonly #memory: MemoryBudget
  /** What `push` brought; parsed up to `#position`. */
  #chunk: Buffer | null = null
  #position = 0
  /** Bytes kept from earlier rounds: `#heldStart` ≤ parsed up to here < `#heldEnd`. */
  #held: Buffer | null = null
  #heldStart = 0
  #heldEnd = 0
  /** Buffers into which frames of this round point; given back by `settle`. */
  #retired: Buffer[] = []
  #detachable = false
  /** What a frame with its length may take in advance: the most that this peer has sent in one. */
  #trustedBytes = FIRST_BUFFER_BYTES
  #badLength: number | null = null

  constructor(options: FrameReaderOptions) {
    this.#pool = options.pool
    this.#memory = options.memory ?? UNLIMITED_MEMORY
    this.frameBytesMax = options.frameBytesMax
  }

  /** The length field that ended the stream: negative or above the cap. Nothing can be read after it. */
  get badLength(): number | null {
    return this.#badLength
  }

  /** Whether bytes of a frame that is not complete, or was not asked for yet, are kept. */
  get holdsBytes(): boolean {
    return this.#held !== null
  }

  /** Begins a round with bytes that stay valid until `settle`. */
  push(chunk: Buffer): void {
    const held = this.#held
    if (held !== null && chunk.buffer === held.buffer) {
      // Received in place: the bytes already are where they belong.
      this.#heldEnd += chunk.length
      return
    }
    this.#chunk = chunk
    this.#position = 0
  }

  /** @returns the next whole frame, or null: more bytes are needed, or `badLength` tells what is wrong */
  next(): Buffer | null {
    if (this.#badLength !== null) return null
    if (this.#held !== null) return this.#nextHeld()
    const chunk = this.#chunk
    if (chunk === null) return null
    const available = chunk.length - this.#position - LENGTH_BYTES
    if (available < 0) return null
    const length = chunk.readInt32BE(this.#position)
    if (!this.#accepts(length) || length > available) return null
    const start = this.#position + LENGTH_BYTES
    this.#position = start + length
    this.#detachable = false
    return chunk.subarray(start, this.#position)
  }

  /**
   * Takes over the memory under the frame that `next` returned last: the frame then stays valid until the caller
   * gives the buffer back to the pool.
   * @returns the whole pooled buffer, or null when the frame lies in the received chunk and has to be copied
   */
  detach(): Buffer | null {
    if (!this.#detachable) return null
    this.#detachable = false
    const buffer = this.#retired.pop()!
    this.#memory.give(buffer.length)
    return buffer
  }

  /** Ends a round: frames are no longer valid; bytes that were not asked for are kept. */
  settle(): void {
    if (this.#retired.length > 0) this.#giveRetired()
    const chunk = this.#chunk
    if (chunk === null) return
    const rest = chunk.length - this.#position
    if (rest > 0 && this.#badLength === null) {
      this.#keep(chunk, rest)
      if (this.#retired.length > 0) this.#giveRetired()
    }
    this.#chunk = null
  }

  /** Between rounds: where the next bytes should go, undefined for memory of the connection. */
  receiveBuffer(): Buffer | undefined {
    if (this.#held === null) return undefined
    const missing = this.#missingBytes()
    if (missing < RECEIVE_IN_PLACE_BYTES) return undefined
    if (this.#held.length - this.#heldEnd < RECEIVE_IN_PLACE_BYTES) {
      const have = this.#heldEnd - this.#heldStart
      // Over the budget a frame gets no room in advance; its connection is about to be paused anyway.
      if (!this.#memory.mayTake(this.#roomFor(have + missing))) return undefined
      this.#moveHeld(this.#roomFor(have + missing))
      this.#giveRetired()
    }
    return this.#held.subarray(this.#heldEnd, Math.min(this.#held.length, this.#heldEnd + missing))
  }

  /** Gives all memory back. */
  close(): void {
    if (this.#held !== null) this.#retireHeld()
    this.#giveRetired()
    this.#chunk = null
  }

  #nextHeld(): Buffer | null {
    if (!this.#completeHeld(LENGTH_BYTES)) return null
    const length = this.#held!.readInt32BE(this.#heldStart)
    if (!this.#accepts(length) || !this.#completeHeld(LENGTH_BYTES + length)) return null
    this.#trustedBytes = Math.max(this.#trustedBytes, LENGTH_BYTES + length)
    const start = this.#heldStart + LENGTH_BYTES
    const frame = this.#held!.subarray(start, start + length)
    this.#detachable = this.#heldStart === 0
    this.#heldStart = start + length
    if (this.#heldStart === this.#heldEnd) this.#retireHeld()
    else this.#detachable = false
    return frame
  }

  #accepts(length: number): boolean {
    if (length >= 0 && length <= this.frameBytesMax) return true
    this.#badLength = length
    return false
  }

  /** Moves bytes from the chunk until `bytes` are held. */
  #completeHeld(bytes: number): boolean {
    const missing = bytes - (this.#heldEnd - this.#heldStart)
    if (missing <= 0) return true
    if (this.#chunk === null) return false
    const available = Math.min(missing, this.#chunk.length - this.#position)
    if (available > 0) this.#hold(this.#chunk, available, bytes)
    return available === missing
  }

  /** Holds the unread rest of the chunk, in a buffer with room for the frame that it starts. */
  #keep(chunk: Buffer, rest: number): void {
    const startsFrame = this.#held === null && rest >= LENGTH_BYTES
    const frameBytes = startsFrame ? LENGTH_BYTES + chunk.readInt32BE(this.#position) : rest
    this.#hold(chunk, rest, Math.max(rest, Math.min(frameBytes, LENGTH_BYTES + this.frameBytesMax)))
  }

  /** @param frameBytes what the buffer may come to hold */
  #hold(chunk: Buffer, bytes: number, frameBytes: number): void {
    const end = this.#heldEnd + bytes
    if (this.#held === null || end > this.#held.length) {
      const needed = this.#heldEnd - this.#heldStart + bytes
      const room = this.#roomFor(Math.max(needed, frameBytes))
      this.#moveHeld(this.#memory.mayTake(room) ? Math.max(room, needed) : needed)
    }
    this.#held!.set(chunk.subarray(this.#position, this.#position + bytes), this.#heldEnd)
    this.#heldEnd += bytes
    this.#position += bytes
  }

  /** The trusted part of a declared size: twice what is there, or what this peer has sent before. */
  #roomFor(frameBytes: number): number {
    const have = this.#held === null ? 0 : this.#held.length
    return Math.min(frameBytes, Math.max(2 * have, this.#trustedBytes))
  }

  #moveHeld(capacity: number): void {
    const buffer = this.#pool.take(capacity)
    this.#memory.take(buffer.length)
    let bytes = 0
    if (this.#held !== null) {
      bytes = this.#heldEnd - this.#heldStart
      buffer.set(this.#held.subarray(this.#heldStart, this.#heldEnd))
      this.#retireHeld()
    }
    this.#held = buffer
    this.#heldStart = 0
    this.#heldEnd = bytes
  }

  /** Bytes that the first held frame still lacks; 0 while its length is unknown. */
  #missingBytes(): number {
    const have = this.#heldEnd - this.#heldStart
    if (have < LENGTH_BYTES) return 0
    const length = this.#held!.readInt32BE(this.#heldStart)
    return length < 0 || length > this.frameBytesMax ? 0 : Math.max(0, LENGTH_BYTES + length - have)
  }

  #retireHeld(): void {
    this.#retired.push(this.#held!)
    this.#held = null
    this.#heldStart = 0
    this.#heldEnd = 0
  }

  #giveRetired(): void {
    for (const buffer of this.#retired) {
      this.#memory.give(buffer.length)
      this.#pool.give(buffer)
    }
    this.#retired.length = 0
    this.#detachable = false
  }
}
