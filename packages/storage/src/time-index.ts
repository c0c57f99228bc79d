/**
 * Sparse map from timestamps to offsets in one segment, in Kafka's format: 12 bytes an entry, timestamp int64, offset
 * relative to the segment's base int32. An entry says: up to this offset no record is younger than this timestamp, and
 * the batch that ends here has it.
 *
 * Invariant: timestamps rise strictly, offsets rise.
 */
import { assert, readInt64, writeInt64 } from '@millrace/base'
import type { Disk, Offset, TimestampMs } from '@millrace/base'
import { IndexFile } from './index-file.ts'

const ENTRY_BYTES = 12

export interface TimestampOffset {
  readonly timestamp: TimestampMs
  readonly offset: Offset
}

export class TimeIndex {
  readonly file: IndexFile
  readonly #baseOffset: number

  private constructor(file: IndexFile, baseOffset: Offset) {
    this.file = file
    this.#baseOffset = baseOffset
  }

  static create(disk: Disk, path: string, baseOffset: Offset): TimeIndex {
    return new TimeIndex(IndexFile.create(disk, path, ENTRY_BYTES), baseOffset)
  }

  static open(disk: Disk, path: string, baseOffset: Offset, isThere?: boolean): TimeIndex {
    return new TimeIndex(IndexFile.open(disk, path, ENTRY_BYTES, isThere), baseOffset)
  }

  /** One entry stays free for the segment's last timestamp, written when it is closed. */
  isFull(bytesMax: number): boolean {
    return this.file.entries >= Math.floor(bytesMax / ENTRY_BYTES) - 1
  }

  /** Only a timestamp above all before it makes an entry. */
  maybeAppend(timestamp: TimestampMs, offset: Offset): void {
    const last = this.file.entries - 1
    if (timestamp < 0 || (last >= 0 && timestamp <= this.#timestamp(last))) return
    const relative = offset - this.#baseOffset
    assert(relative >= 0 && relative <= 0x7fffffff, `offset ${offset} does not fit into ${this.file.path}`)
    const at = this.file.append()
    writeInt64(this.file.bytes, timestamp, at)
    this.file.bytes.writeInt32BE(relative, at + 8)
  }

  /** The last entry before `timestamp`: no record up to its offset is that young. Null: no entry says so. */
  lower(timestamp: TimestampMs): TimestampOffset | null {
    let low = 0
    let high = this.file.entries
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timestamp(middle) < timestamp) low = middle + 1
      else high = middle
    }
    return this.#entry(low - 1)
  }

  last(): TimestampOffset | null {
    return this.#entry(this.file.entries - 1)
  }

  /** Drops the entries of offsets at or behind `offset`. */
  truncateTo(offset: Offset): void {
    let entries = this.file.entries
    while (entries > 0 && this.#offset(entries - 1) >= offset) entries--
    this.file.truncate(entries)
  }

  /** Drops everything from the first entry on that breaks the order. */
  keepValidPrefix(): void {
    let timestamp = -1
    let offset = this.#baseOffset - 1
    for (let entry = 0; entry < this.file.entries; entry++) {
      const entryTimestamp = this.#timestamp(entry)
      const entryOffset = this.#offset(entry)
      if (entryTimestamp <= timestamp || entryOffset <= offset) return this.file.truncate(entry)
      timestamp = entryTimestamp
      offset = entryOffset
    }
  }

  #entry(entry: number): TimestampOffset | null {
    return entry < 0 ? null : { timestamp: this.#timestamp(entry), offset: this.#offset(entry) }
  }

  #timestamp(entry: number): TimestampMs {
    const at = this.file.locate(entry)
    return readInt64(this.file.bytes, at) as TimestampMs
  }

  #offset(entry: number): Offset {
    const at = this.file.locate(entry)
    return (this.#baseOffset + this.file.bytes.readInt32BE(at + 8)) as Offset
  }
}
