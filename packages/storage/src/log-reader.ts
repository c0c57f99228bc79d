/**
 * Whole batches from any offset of a log, as a rule with one read.
 *
 * Owns: hints where recent reads ended, recent batches of the active segment. Must not know: high watermarks, fetch
 * sessions, records. Invariant: never returns a byte that is staged, at or above `endOffset`, or behind damage.
 *
 * How: the position comes from the recent batches, a hint or the offset index; one read of `maxBytes` from there; both
 * ends are trimmed by walking the headers.
 */
import { assert, NO_OFFSET, readInt64 } from '@millrace/base'
import type { BufferPool, Disk, Offset } from '@millrace/base'
import { RECORD_BATCH_HEADER_BYTES } from '@millrace/record'
import { findExtent } from './batch-extent.ts'
import type { Corruption } from './corruption.ts'
import { ReadHints } from './read-hints.ts'
import { RecentBatches } from './recent-batches.ts'
import type { SegmentList } from './segment-list.ts'
import type { Segment } from './segment.ts'
import { readFully } from './transfer.ts'

export interface ReadOptions {
  /** May lie inside a batch: the whole batch is returned. */
  readonly offset: Offset
  readonly maxBytes: number
  /** Only batches that end below it: high watermark, last stable offset or log end offset. */
  readonly endOffset: Offset
  /** The first batch is returned even when it is larger than `maxBytes`. */
  readonly atLeastOneBatch: boolean
  readonly pool: BufferPool
  /** Compares the checksum of every batch, as for a replica that fetches. Default false. */
  readonly verifyChecksums?: boolean
}

/** `records` is empty when nothing can be read yet. It is pooled memory: `release` once, when it is no longer used. */
export type LogRead =
  | { readonly kind: 'ok'; readonly records: Buffer; release(): void }
  | { readonly kind: 'out-of-range' }
  | { readonly kind: 'corrupt'; readonly corruption: Corruption }

/** Read ahead of small requests: enough for what lies between two index entries and a header. */
const READ_BYTES_MIN = 16 * 1024

const OUT_OF_RANGE: LogRead = { kind: 'out-of-range' }
const NOTHING_READ: LogRead = { kind: 'ok', records: Buffer.alloc(0), release: () => undefined }

class PooledRead {
  readonly kind = 'ok'
  readonly records: Buffer
  readonly #pool: BufferPool
  #buffer: Buffer | null

  constructor(pool: BufferPool, buffer: Buffer, start: number, end: number) {
    this.records = buffer.subarray(start, end)
    this.#pool = pool
    this.#buffer = buffer
  }

  release(): void {
    assert(this.#buffer !== null, 'a read is released once')
    this.#pool.give(this.#buffer)
    this.#buffer = null
  }
}

/** No good batch where one should be: damage, or an index entry that points into the middle of one. */
interface BadBatch {
  readonly kind: 'bad'
  readonly position: number
  readonly offset: Offset
  readonly reason: string
}

interface ReadStart {
  /** A batch boundary, as far as known. */
  readonly position: number
  /** Where the batch there may start: one that starts behind it would mean that batches are passed over. */
  readonly baseOffsetMax: number
  readonly gapsAllowed: boolean
}

export interface ReadRange {
  readonly logStartOffset: Offset
  readonly logEndOffset: Offset
  /** Compaction leaves gaps between batches; elsewhere they are damage. */
  readonly gapsAllowed: boolean
}

export class LogReader {
  readonly recentBatches = new RecentBatches()
  readonly #disk: Disk
  readonly #segments: SegmentList
  readonly #hints = new ReadHints()

  constructor(disk: Disk, segments: SegmentList) {
    this.#disk = disk
    this.#segments = segments
  }

  /** Bytes went away: nothing that was known about positions holds. */
  forgetPositions(): void {
    this.#hints.clear()
    this.recentBatches.clear()
  }

  /** @throws DiskError naming the file */
  read(options: ReadOptions, range: ReadRange): LogRead {
    const { offset, endOffset } = options
    if (offset < range.logStartOffset || offset > range.logEndOffset) return OUT_OF_RANGE
    const { all } = this.#segments
    for (let index = this.#segments.floorIndex(offset); index < all.length; index++) {
      const segment = all[index]!
      if (offset >= endOffset || segment.baseOffset >= endOffset) break
      const read = this.#readSegment(segment, options, range.gapsAllowed)
      // Compaction may have taken the last batches of a segment: the offset is then in the next one.
      if (read !== null) return read
    }
    return NOTHING_READ
  }

  /** @returns null when all batches of the segment end before the offset */
  #readSegment(segment: Segment, options: ReadOptions, gapsAllowed: boolean): LogRead | null {
    if (options.offset >= segment.writtenEndOffset) return null
    const known = this.#knownPosition(segment, options.offset)
    const position = known >= 0 ? known : segment.indexedPosition(options.offset)
    const baseOffsetMax = known >= 0 && gapsAllowed ? Infinity : options.offset
    let read = this.#readFrom(segment, { position, baseOffsetMax, gapsAllowed }, options)
    // An index is only a hint: what looks like damage is judged by the batches from the segment's beginning on.
    if (read?.kind === 'bad' && position > 0) {
      read = this.#readFrom(segment, { position: 0, baseOffsetMax: Infinity, gapsAllowed }, options)
    }
    if (read?.kind !== 'bad') return read
    const { offset, reason } = read
    return { kind: 'corrupt', corruption: { path: segment.logPath, position: read.position, offset, reason } }
  }

  /** @returns a batch boundary at or before the batch that holds `offset`, −1 when only the index can tell */
  #knownPosition(segment: Segment, offset: Offset): number {
    if (segment === this.#segments.active) {
      const recent = this.recentBatches.find(offset)
      if (recent >= 0) return recent
    }
    return this.#hints.find(offset, segment)
  }

  #readFrom(segment: Segment, start: ReadStart, options: ReadOptions): LogRead | BadBatch | null {
    const { pool, maxBytes } = options
    const { gapsAllowed } = start
    let { position } = start
    let windowBytes = Math.max(maxBytes, READ_BYTES_MIN)
    let expected = position === 0 ? segment.baseOffset : NO_OFFSET
    for (;;) {
      const available = segment.writtenBytes - position
      if (available <= 0) return null
      const wanted = Math.min(windowBytes, available)
      const buffer = pool.take(wanted)
      const length = this.#fill(buffer, wanted, segment, position, pool)
      if (position === start.position && isBehind(buffer, length, start.baseOffsetMax)) {
        pool.give(buffer)
        return bad(position, options.offset, 'its first batch starts behind the offset')
      }
      const span = { startOffset: expected, endOffset: segment.writtenEndOffset, gapsAllowed }
      const extent = findExtent(buffer, length, span, options)
      const { start: first, end, nextOffset } = extent
      if (end > first) {
        this.#hints.add(nextOffset, segment, position + end)
        return new PooledRead(pool, buffer, first, end)
      }
      pool.give(buffer)
      const offset = nextOffset > 0 ? nextOffset : options.offset
      if (extent.problem !== null) return bad(position + end, offset, extent.problem)
      if (extent.isComplete) return NOTHING_READ
      position += first
      // A batch before the offset may reach beyond the window; one that answers it must fit into the next window.
      const left = segment.writtenBytes - position
      if (left !== 0 && (left < extent.neededBytes || length < wanted))
        return bad(position, offset, 'a batch is cut off')
      windowBytes = Math.max(extent.neededBytes, READ_BYTES_MIN)
      expected = nextOffset
    }
  }

  #fill(buffer: Buffer, wanted: number, segment: Segment, position: number, pool: BufferPool): number {
    try {
      return readFully(this.#disk, segment.file, buffer.subarray(0, wanted), position)
    } catch (error) {
      pool.give(buffer)
      throw error
    }
  }
}

function isBehind(bytes: Buffer, length: number, baseOffsetMax: number): boolean {
  return length >= RECORD_BATCH_HEADER_BYTES && readInt64(bytes, 0) > baseOffsetMax
}

function bad(position: number, offset: Offset, reason: string): BadBatch {
  return { kind: 'bad', position, offset, reason }
}
