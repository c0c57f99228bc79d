/**
 * One stretch of a log: a file of batches with its two indexes, and what is known about them.
 *
 * Owns: the segment's files, its size, end offset and largest timestamp. Must not know: other segments, when to roll,
 * what is durable.
 * Invariants: `writtenBytes` ≤ `sizeBytes` (the rest is staged); the facts describe exactly the batches in
 * `[0, sizeBytes)`; only an active segment has its indexes in memory.
 */
import { NO_TIMESTAMP } from '@millrace/base'
import type { Disk, FileId, Offset, TimestampMs } from '@millrace/base'
import { RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import { FileSuffix, segmentFileName } from './file-name.ts'
import { OffsetIndex } from './offset-index.ts'
import { TimeIndex } from './time-index.ts'
import { readFully } from './transfer.ts'

/** Plain data, so that a recovery in another thread can hand it over. */
export interface SegmentState {
  readonly baseOffset: Offset
  readonly sizeBytes: number
  /** Next offset after the last batch. */
  readonly endOffset: Offset
  /** −1 without any. */
  readonly maxTimestamp: TimestampMs
  /** Last offset of the batch that has it. */
  readonly maxTimestampOffset: Offset
  readonly bytesSinceIndexEntry: number
}

/** Of a segment that is opened. */
export interface KnownSegment {
  /** As recovery found it; without it, the facts are to be found by `replaySegment`. */
  readonly state?: SegmentState
  /** Of all files in the folder; without them each is looked for. */
  readonly names?: ReadonlySet<string>
}

type Indexes = 'new' | Pick<KnownSegment, 'names'>

export class Segment {
  readonly baseOffset: Offset
  /** Without suffix. */
  readonly path: string
  readonly offsetIndex: OffsetIndex
  readonly timeIndex: TimeIndex
  sizeBytes = 0
  endOffset: Offset
  maxTimestamp: TimestampMs = NO_TIMESTAMP
  maxTimestampOffset: Offset
  bytesSinceIndexEntry = 0
  /** The same facts about what is in the file: where a failed write returns to. */
  writtenBytes = 0
  writtenEndOffset: Offset
  #writtenMaxTimestamp: TimestampMs = NO_TIMESTAMP
  #writtenMaxTimestampOffset: Offset
  /** Largest timestamp of the first batch; undefined until asked for. */
  #firstTimestamp: TimestampMs | undefined
  readonly #disk: Disk
  #file: FileId | null = null

  private constructor(disk: Disk, directory: string, baseOffset: Offset, indexes: Indexes) {
    this.#disk = disk
    this.baseOffset = baseOffset
    this.path = `${directory}/${segmentFileName(baseOffset, '')}`
    this.endOffset = baseOffset
    this.writtenEndOffset = baseOffset
    this.maxTimestampOffset = baseOffset
    this.#writtenMaxTimestampOffset = baseOffset
    const offsetPath = this.path + FileSuffix.offsetIndex
    const timePath = this.path + FileSuffix.timeIndex
    if (indexes === 'new') {
      this.offsetIndex = OffsetIndex.create(disk, offsetPath, baseOffset)
      this.timeIndex = TimeIndex.create(disk, timePath, baseOffset)
    } else {
      const isThere = (suffix: string) => indexes.names?.has(segmentFileName(baseOffset, suffix))
      this.offsetIndex = OffsetIndex.open(disk, offsetPath, baseOffset, isThere(FileSuffix.offsetIndex))
      this.timeIndex = TimeIndex.open(disk, timePath, baseOffset, isThere(FileSuffix.timeIndex))
    }
  }

  /** Empty and active, whatever files of its name are there. */
  static create(disk: Disk, directory: string, baseOffset: Offset): Segment {
    const segment = new Segment(disk, directory, baseOffset, 'new')
    const file = disk.open(segment.logPath, 'create')
    segment.#file = file
    try {
      disk.truncate(file, 0)
    } catch (error) {
      segment.close()
      throw error
    }
    return segment
  }

  static open(disk: Disk, directory: string, baseOffset: Offset, known: KnownSegment = {}): Segment {
    const { state } = known
    // Nothing points into an empty log: most partitions of a large cluster are, and opening them is what a start consists of.
    const indexes = state?.sizeBytes === 0 ? 'new' : known
    const segment = new Segment(disk, directory, baseOffset, indexes)
    if (state !== undefined) {
      segment.sizeBytes = state.sizeBytes
      segment.endOffset = state.endOffset
      segment.maxTimestamp = state.maxTimestamp
      segment.maxTimestampOffset = state.maxTimestampOffset
      segment.bytesSinceIndexEntry = state.bytesSinceIndexEntry
      segment.onWritten()
    }
    return segment
  }

  get logPath(): string {
    return this.path + FileSuffix.log
  }

  /** Opened at first use. */
  get file(): FileId {
    this.#file ??= this.#disk.open(this.logPath, 'write')
    return this.#file
  }

  get state(): SegmentState {
    const { baseOffset, sizeBytes, endOffset, maxTimestamp, maxTimestampOffset, bytesSinceIndexEntry } = this
    return { baseOffset, sizeBytes, endOffset, maxTimestamp, maxTimestampOffset, bytesSinceIndexEntry }
  }

  /** Accounts for a batch behind the last one; indexes it when the last entry is far enough back. */
  add(batch: RecordBatchView, indexIntervalBytes: number): void {
    const size = batch.sizeInBytes
    const { lastOffset, maxTimestamp } = batch
    if (this.bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsetIndex.append(lastOffset, this.sizeBytes)
      this.timeIndex.maybeAppend(this.maxTimestamp, this.maxTimestampOffset)
      this.bytesSinceIndexEntry = 0
    }
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp
      this.maxTimestampOffset = lastOffset
    }
    if (this.sizeBytes === 0) this.#firstTimestamp = maxTimestamp
    this.sizeBytes += size
    this.bytesSinceIndexEntry += size
    this.endOffset = (lastOffset + 1) as Offset
  }

  /** What was staged is in the file now. */
  onWritten(): void {
    this.writtenBytes = this.sizeBytes
    this.writtenEndOffset = this.endOffset
    this.#writtenMaxTimestamp = this.maxTimestamp
    this.#writtenMaxTimestampOffset = this.maxTimestampOffset
  }

  /** What was staged will not be written. */
  rollBack(): void {
    this.sizeBytes = this.writtenBytes
    this.endOffset = this.writtenEndOffset
    this.maxTimestamp = this.#writtenMaxTimestamp
    this.maxTimestampOffset = this.#writtenMaxTimestampOffset
    this.offsetIndex.truncateToPosition(this.writtenBytes)
    this.timeIndex.truncateTo(this.writtenEndOffset)
    this.bytesSinceIndexEntry = this.writtenBytes - (this.offsetIndex.last()?.position ?? 0)
  }

  /** Where the index says that a search for `offset` may start; 0 when it says something impossible. */
  indexedPosition(offset: Offset): number {
    const position = this.offsetIndex.lookup(offset)
    return position > 0 && position < this.writtenBytes ? position : 0
  }

  /** Kafka's base for rolling by time: the largest timestamp of the first batch; −1 without any. */
  firstTimestamp(): TimestampMs {
    if (this.#firstTimestamp === undefined) {
      if (this.writtenBytes < RECORD_BATCH_HEADER_BYTES) return NO_TIMESTAMP
      const header = Buffer.alloc(RECORD_BATCH_HEADER_BYTES)
      readFully(this.#disk, this.file, header, 0)
      this.#firstTimestamp = new RecordBatchView(header).maxTimestamp
    }
    return this.#firstTimestamp
  }

  /** Gives the time index its last entry and writes both indexes out. The segment stays active. */
  persistIndexes(): void {
    this.timeIndex.maybeAppend(this.maxTimestamp, this.maxTimestampOffset)
    this.writeIndexes()
  }

  writeIndexes(): void {
    this.offsetIndex.file.persist()
    this.timeIndex.file.persist()
  }

  /** No batch follows: gives back the memory of the indexes, after `persistIndexes`. */
  seal(): void {
    this.offsetIndex.file.seal()
    this.timeIndex.file.seal()
  }

  /** Active again. */
  unseal(): void {
    this.offsetIndex.file.load()
    this.timeIndex.file.load()
  }

  close(): void {
    this.offsetIndex.file.close()
    this.timeIndex.file.close()
    if (this.#file === null) return
    const file = this.#file
    this.#file = null
    this.#disk.close(file)
  }
}
