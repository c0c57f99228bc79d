/**
 * Where recent reads ended: the next read of the same consumer starts exactly there. A hint is a batch boundary in a
 * segment; hints must be cleared when bytes of a segment go away.
 */
import type { Offset } from '@millrace/base'
import type { Segment } from './segment.ts'

/** Consumers of one log that are behind at the same time, at most; more of them cost index lookups. */
const CAPACITY = 8

interface Hint {
  offset: Offset
  segment: Segment
  position: number
}

export class ReadHints {
  readonly #hints: Hint[] = []
  #next = 0

  /** Reading from `offset` on starts at `position` of `segment`. */
  add(offset: Offset, segment: Segment, position: number): void {
    if (this.#hints.length < CAPACITY) {
      this.#hints.push({ offset, segment, position })
      return
    }
    const hint = this.#hints[this.#next]!
    hint.offset = offset
    hint.segment = segment
    hint.position = position
    this.#next = (this.#next + 1) % CAPACITY
  }

  /** @returns the position, −1 when unknown */
  find(offset: Offset, segment: Segment): number {
    for (const hint of this.#hints) {
      if (hint.offset === offset && hint.segment === segment) return hint.position
    }
    return -1
  }

  clear(): void {
    this.#hints.length = 0
    this.#next = 0
  }
}
