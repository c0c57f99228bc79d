/**
 * A log's segments by rising base offset; the last one is active.
 *
 * Invariants: never empty; neighbours touch, except where compaction left gaps.
 */
import { assert } from '@millrace/base'
import type { Disk, Offset } from '@millrace/base'
import type { RecoveryReport } from './recovery.ts'
import { Segment } from './segment.ts'

export class SegmentList {
  #segments: Segment[]

  private constructor(segments: readonly Segment[]) {
    assert(segments.length > 0, 'a log has at least one segment')
    this.#segments = [...segments]
  }

  /** As recovery found them; the last one becomes active. */
  static open(disk: Disk, directory: string, { segments, logStartOffset }: RecoveryReport): SegmentList {
    // Even where data is missing, so that it stays missing: the next start finds the same.
    if (segments.length === 0) return new SegmentList([Segment.create(disk, directory, logStartOffset)])
    const opened = segments.map((state) => Segment.open(disk, directory, state.baseOffset, { state }))
    for (const segment of opened.slice(0, -1)) segment.close()
    opened.at(-1)!.unseal()
    return new SegmentList(opened)
  }

  get active(): Segment {
    return this.#segments.at(-1)!
  }

  get first(): Segment {
    return this.#segments[0]!
  }

  get all(): readonly Segment[] {
    return this.#segments
  }

  get sizeBytes(): number {
    let sum = 0
    for (const segment of this.#segments) sum += segment.sizeBytes
    return sum
  }

  add(segment: Segment): void {
    assert(
      segment.baseOffset >= this.active.endOffset,
      `segment ${segment.baseOffset} overlaps the active one`,
    )
    this.#segments.push(segment)
  }

  /** Index of the last segment that starts at or before `offset`; 0 when all start behind it. */
  floorIndex(offset: Offset): number {
    // Most reads and all appends are at the end.
    if (offset >= this.active.baseOffset) return this.#segments.length - 1
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Takes the first `count` out; at least one segment stays. */
  removeFirst(count: number): Segment[] {
    assert(count < this.#segments.length, 'the active segment stays')
    return this.#segments.splice(0, count)
  }

  /** Takes out all segments that start at or behind `offset`, except the first of all. */
  removeFrom(offset: Offset): Segment[] {
    const from = this.#segments.findIndex((segment, index) => index > 0 && segment.baseOffset >= offset)
    return from < 0 ? [] : this.#segments.splice(from)
  }

  /** @returns what was there before */
  replaceAll(segment: Segment): Segment[] {
    const replaced = this.#segments
    this.#segments = [segment]
    return replaced
  }
}
