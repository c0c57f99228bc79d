/**
 * Where the last batches of the active segment start: a consumer at the end of the log is answered without looking into
 * the index, and without reading a byte before its offset.
 *
 * Invariant: holds a run of neighbouring batches that ends with the segment's last, or nothing.
 */
import type { Offset } from '@millrace/base'

const CAPACITY = 64

export class RecentBatches {
  /** Rings; made at the first append, because most logs of a large broker are idle. */
  #offsets: Float64Array | null = null
  #positions: Float64Array | null = null
  /** Batches ever added since `clear`. */
  #added = 0

  add(baseOffset: Offset, position: number): void {
    this.#offsets ??= new Float64Array(CAPACITY)
    this.#positions ??= new Float64Array(CAPACITY)
    const slot = this.#added % CAPACITY
    this.#offsets[slot] = baseOffset
    this.#positions[slot] = position
    this.#added++
  }

  clear(): void {
    this.#added = 0
  }

  /** @returns the position of the batch that holds `offset`, which is below the log's end; −1: too far back */
  find(offset: Offset): number {
    const oldest = Math.max(0, this.#added - CAPACITY)
    if (this.#added === 0 || offset < this.#offsets![oldest % CAPACITY]!) return -1
    let low = oldest
    let high = this.#added
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#offsets![middle % CAPACITY]! <= offset) low = middle
      else high = middle
    }
    return this.#positions![low % CAPACITY]!
  }
}
