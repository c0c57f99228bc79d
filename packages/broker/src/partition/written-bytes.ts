/**
 * Bytes that were written and can't be read yet, by the offsets at which writes ended: so that a fetch that waits for so many
 * bytes knows how many a new high watermark brings.
 */
import type { Offset } from '@millrace/base'

export class WrittenBytes {
  readonly #writes: { readonly endOffset: Offset; readonly bytes: number }[] = []
  #first = 0

  add(endOffset: Offset, bytes: number): void {
    this.#writes.push({ endOffset, bytes })
  }

  /** @returns bytes of the writes that end at or below `offset`, which count no more; at least 1: something is new */
  takeBelow(offset: Offset): number {
    const writes = this.#writes
    let bytes = 0
    while (this.#first < writes.length && writes[this.#first]!.endOffset <= offset) {
      bytes += writes[this.#first]!.bytes
      this.#first += 1
    }
    if (this.#first === writes.length) {
      writes.length = 0
      this.#first = 0
    } else if (this.#first * 2 > writes.length) {
      writes.splice(0, this.#first)
      this.#first = 0
    }
    return Math.max(1, bytes)
  }
}
