/**
 * The writing end of a log: gives batches their offsets, puts them behind each other, starts new segments.
 *
 * Owns: what is staged in this turn. Must not know: who may append, what is durable.
 * Invariants: offsets rise by one from batch to batch; either everything appended since the last `writeStaged` is in the
 * file after it, or nothing, and it throws; bytes of callers are not held beyond it.
 */
import { assert, DiskError, NO_TIMESTAMP, timestampMs } from '@millrace/base'
import type { Clock, Disk, LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import { RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import type { Flusher } from './flusher.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LogProducers } from './producer/log-producers.ts'
import type { RecentBatches } from './recent-batches.ts'
import type { SegmentList } from './segment-list.ts'
import { Segment } from './segment.ts'
import { StagedBatches } from './staged-batches.ts'

export interface AppendInfo {
  readonly baseOffset: Offset
  readonly lastOffset: Offset
  /** The time given to all records; −1 unless the topic says LogAppendTime. */
  readonly logAppendTime: TimestampMs
}

export interface LogAppenderOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly directory: string
  readonly segments: SegmentList
  readonly epochs: LeaderEpochCache
  readonly recentBatches: RecentBatches
  readonly flusher: Flusher
  readonly producers: LogProducers
  config(): LogConfig
  /** A write failed with the file as it was before, unless it is a `DirtyTailError`. */
  onWriteError(error: DiskError): void
}

/** Offsets are stored relative to the segment's base, positions as they are: both as int32. */
const INT32_MAX = 0x7fffffff
const NO_BYTES = Buffer.alloc(0)

export class LogAppender {
  readonly #options: LogAppenderOptions
  readonly #segments: SegmentList
  readonly #staged: StagedBatches
  readonly #view = new RecordBatchView(NO_BYTES)
  /** Why everything appended since the last `writeStaged` is void. */
  #voided: Error | null = null
  /** Of the batches at hand, found by `#measure`. */
  #offsetSpan = 0
  #largestTimestamp: TimestampMs = NO_TIMESTAMP
  /** For segments whose first batch has no timestamp. */
  #activeSinceMs: number

  constructor(options: LogAppenderOptions) {
    this.#options = options
    this.#segments = options.segments
    this.#staged = new StagedBatches(options.disk)
    this.#activeSinceMs = options.clock.monoMs()
  }

  get hasStaged(): boolean {
    return !this.#staged.isEmpty
  }

  /** As leader: stamps offsets and epoch, and time where the topic says so. @throws DiskError from starting a segment */
  append(batches: Buffer, leaderEpoch: LeaderEpoch): AppendInfo {
    const { config, clock, epochs } = this.#options
    const settings = config()
    // Recovery takes an epoch that goes back for the rest of a log that was truncated, and cuts it.
    assert(leaderEpoch >= epochs.latest, `append in leader epoch ${leaderEpoch} after epoch ${epochs.latest}`)
    this.#measure(batches, null)
    this.#rollFor(batches.length, settings)
    const byBroker = settings.messageTimestampType === 'LogAppendTime'
    const logAppendTime = byBroker ? timestampMs(clock.wallMs()) : NO_TIMESTAMP
    const baseOffset = this.#segments.active.endOffset
    epochs.assign(leaderEpoch, baseOffset)
    const view = this.#view
    for (let position = 0; position < batches.length; position = view.end) {
      view.at(batches, position)
      view.stampBaseOffset(this.#segments.active.endOffset)
      view.stampLeaderEpoch(leaderEpoch)
      if (byBroker) view.stampLogAppendTime(logAppendTime)
      this.#add(settings)
    }
    return this.#stage(batches, baseOffset, logAppendTime)
  }

  /** As follower: keeps what the leader stamped. @throws DiskError from starting a segment */
  appendAsFollower(batches: Buffer): AppendInfo {
    const { config, epochs } = this.#options
    const settings = config()
    this.#measure(batches, this.#segments.active.endOffset)
    this.#rollFor(batches.length, settings)
    const baseOffset = this.#view.at(batches, 0).baseOffset
    const view = this.#view
    for (let position = 0; position < batches.length; position = view.end) {
      view.at(batches, position)
      epochs.assign(view.partitionLeaderEpoch, view.baseOffset)
      this.#add(settings)
    }
    return this.#stage(batches, baseOffset, NO_TIMESTAMP)
  }

  /** @throws DiskError when it, or a write on the way here, failed: then everything since the last call is void */
  writeStaged(): void {
    const { active } = this.#segments
    const { flusher, producers } = this.#options
    if (this.#voided !== null) {
      const error = this.#voided
      this.#rollBack()
      this.#voided = null
      throw error
    }
    if (this.#staged.isEmpty) return
    try {
      this.#staged.write(active)
    } catch (error) {
      this.#rollBack()
      if (error instanceof DiskError) this.#options.onWriteError(error)
      throw error
    }
    producers.table.onWritten()
    flusher.markSegment(active)
  }

  /**
   * Starts a new segment at the log's end, unless the active one is empty.
   * @throws DiskError with the active segment still active
   */
  roll(): void {
    const { directory, flusher, clock, recentBatches } = this.#options
    const previous = this.#segments.active
    if (previous.sizeBytes === 0) return
    this.#writeBeforeRoll()
    const next = this.#startSegment(previous)
    previous.seal()
    this.#segments.add(next)
    recentBatches.clear()
    flusher.markSegment(previous)
    flusher.markSegment(next)
    flusher.markDirectory(directory)
    this.#activeSinceMs = clock.monoMs()
  }

  /** The indexes go first: a closed segment's are believed after an unclean stop. */
  #startSegment(previous: Segment): Segment {
    const { disk, directory, producers, onWriteError } = this.#options
    try {
      previous.persistIndexes()
      producers.takeSnapshot(previous.endOffset, this.#segments.all)
      return Segment.create(disk, directory, previous.endOffset)
    } catch (error) {
      if (error instanceof DiskError) onWriteError(error)
      throw error
    }
  }

  /** Callers of earlier appends in this turn hear of a failure here from their `writeStaged`. */
  #writeBeforeRoll(): void {
    try {
      this.writeStaged()
    } catch (error) {
      this.#voided = error as Error
      throw error
    }
  }

  /**
   * Looks at all batches before anything changes, so that an append can't stop half way.
   * @param expected the offset that the first batch must have; null: they get theirs here
   */
  #measure(batches: Buffer, expected: Offset | null): void {
    const view = this.#view
    let next: number = expected ?? 0
    let position = 0
    this.#largestTimestamp = NO_TIMESTAMP
    while (position < batches.length) {
      assert(position + RECORD_BATCH_HEADER_BYTES <= batches.length, 'half a batch appended')
      const { sizeInBytes, lastOffsetDelta, maxTimestamp } = view.at(batches, position)
      assert(sizeInBytes >= RECORD_BATCH_HEADER_BYTES && lastOffsetDelta >= 0, 'a batch appended unvalidated')
      if (expected !== null) next = this.#followerOffset(next)
      if (maxTimestamp > this.#largestTimestamp) this.#largestTimestamp = maxTimestamp
      next += lastOffsetDelta + 1
      position += sizeInBytes
    }
    assert(position === batches.length && position > 0, 'half a batch appended')
    this.#offsetSpan = next - (expected ?? 0)
  }

  /** Only a compacted log has gaps. */
  #followerOffset(expected: number): number {
    const { baseOffset } = this.#view
    const gapsAllowed = this.#options.config().cleanupPolicy.includes('compact')
    assert(
      baseOffset === expected || (gapsAllowed && baseOffset > expected),
      `append at offset ${baseOffset} to a log that ends at ${expected}`,
    )
    return baseOffset
  }

  /** Kafka's conditions: size, time between the first and this batch, full indexes, offsets too far from the base. */
  #rollFor(bytes: number, settings: LogConfig): void {
    const { active } = this.#segments
    if (active.sizeBytes === 0) return
    const isFull =
      active.sizeBytes + bytes > Math.min(settings.segmentBytes, INT32_MAX) ||
      active.endOffset - active.baseOffset + this.#offsetSpan - 1 > INT32_MAX ||
      active.offsetIndex.isFull(settings.segmentIndexBytes) ||
      active.timeIndex.isFull(settings.segmentIndexBytes) ||
      this.#spannedMs(active) > settings.segmentMs
    if (isFull) this.roll()
  }

  #spannedMs(active: Segment): number {
    const first = active.firstTimestamp()
    return first >= 0 ? this.#largestTimestamp - first : this.#options.clock.monoMs() - this.#activeSinceMs
  }

  #add({ indexIntervalBytes }: LogConfig): void {
    const { active } = this.#segments
    this.#options.recentBatches.add(this.#view.baseOffset, active.sizeBytes)
    active.add(this.#view, indexIntervalBytes)
    this.#options.producers.onStaged(this.#view)
  }

  #stage(batches: Buffer, baseOffset: Offset, logAppendTime: TimestampMs): AppendInfo {
    this.#staged.add(batches)
    this.#view.at(NO_BYTES, 0)
    return { baseOffset, lastOffset: (this.#segments.active.endOffset - 1) as Offset, logAppendTime }
  }

  #rollBack(): void {
    const { active } = this.#segments
    this.#staged.clear()
    active.rollBack()
    this.#options.producers.table.rollBack()
    this.#options.recentBatches.clear()
    // An epoch that starts at the end still does.
    this.#options.epochs.truncateFromEnd((active.endOffset + 1) as Offset)
  }
}
