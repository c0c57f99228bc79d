/**
 * Sparse map from offsets to positions in one segment, in Kafka's format: 8 bytes an entry, offset relative to the
 * segment's base int32, position int32. An entry names the *last* offset of a batch and where that batch starts.
 *
 * Invariant: offsets and positions rise strictly.
 */
import { assert } from '@millrace/base'
import type { Disk, Offset } from '@millrace/base'
import { IndexFile } from './index-file.ts'

const ENTRY_BYTES = 8

export interface OffsetPosition {
  readonly offset: Offset
  readonly position: number
}

export class OffsetIndex {
  readonly file: IndexFile
  readonly #baseOffset: number

  private constructor(file: IndexFile, baseOffset: Offset) {
    this.file = file
    this.#baseOffset = baseOffset
  }

  static create(disk: Disk, path: string, baseOffset: Offset): OffsetIndex {
    return new OffsetIndex(IndexFile.create(disk, path, ENTRY_BYTES), baseOffset)
  }

  static open(disk: Disk, path: string, baseOffset: Offset, isThere?: boolean): OffsetIndex {
    return new OffsetIndex(IndexFile.open(disk, path, ENTRY_BYTES, isThere), baseOffset)
  }

  isFull(bytesMax: number): boolean {
    return this.file.entries >= Math.floor(bytesMax / ENTRY_BYTES)
  }

  append(lastOffset: Offset, position: number): void {
    const relative = lastOffset - this.#baseOffset
    assert(
      relative >= 0 && relative <= 0x7fffffff,
      `offset ${lastOffset} does not fit into ${this.file.path}`,
    )
    const at = this.file.append()
    this.file.bytes.writeInt32BE(relative, at)
    this.file.bytes.writeInt32BE(position, at + 4)
  }

  /** @returns where to start looking for `offset`: 0, or a batch that ends at or before it */
  lookup(offset: Offset): number {
    const entry = this.#floor(offset)
    return entry < 0 ? 0 : this.#position(entry)
  }

  /** The last entry at or before `offset`. */
  floor(offset: Offset): OffsetPosition | null {
    return this.#entry(this.#floor(offset))
  }

  last(): OffsetPosition | null {
    return this.#entry(this.file.entries - 1)
  }
  /** Drops the entries of batches that end at or behind `offset`. */
  truncateTo(offset: Offset): void {
    this.file.truncate(this.#floor((offset - 1) as Offset) + 1)
  }

  /** Drops the entries of batches that start at or behind `position`. */
  truncateToPosition(position: number): void {
    let entries = this.file.entries
    while (entries > 0 && this.#position(entries - 1) >= position) entries--
    this.file.truncate(entries)
  }

  /** Drops everything from the first entry on that breaks the order or points behind the log's end. */
  keepValidPrefix(logBytes: number): void {
    let offset = -1
    // A segment's first batch never has an entry, so that zeros are no valid one.
    let position = 0
    for (let entry = 0; entry < this.file.entries; entry++) {
      const entryOffset = this.#relativeOffset(entry)
      const entryPosition = this.#position(entry)
      if (entryOffset <= offset || entryPosition <= position || entryPosition >= logBytes) {
        return this.file.truncate(entry)
      }
      offset = entryOffset
      position = entryPosition
    }
  }

  #entry(entry: number): OffsetPosition | null {
    if (entry < 0) return null
    const at = this.file.locate(entry)
    const { bytes } = this.file
    return {
      offset: (this.#baseOffset + bytes.readInt32BE(at)) as Offset,
      position: bytes.readInt32BE(at + 4),
    }
  }

  /** Last entry at or before `offset`, −1 when none. */
  #floor(offset: Offset): number {
    const wanted = offset - this.#baseOffset
    let low = 0
    let high = this.file.entries
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#relativeOffset(middle) <= wanted) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #relativeOffset(entry: number): number {
    const at = this.file.locate(entry)
    return this.file.bytes.readInt32BE(at)
  }

  #position(entry: number): number {
    const at = this.file.locate(entry)
    return this.file.bytes.readInt32BE(at + 4)
  }
}
