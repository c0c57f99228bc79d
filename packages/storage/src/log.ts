/**
 * One partition's log: batches in order, in segments, with everything needed to read, cut, shorten and flush them.
 *
 * Owns: the files of `DIR/<topic>-<partition>/`. Must not know: leadership, high watermarks (callers pass them), other
 * partitions, the data folder's checkpoints (it asks `LogCheckpoints`).
 * Invariants: recoveryPoint ≤ logEndOffset in a sound log, logStartOffset too; offsets rise by one; a log whose sync or write
 * failed appends no more, but reads; a damaged one neither appends nor reads from the damage on.
 *
 * All calls act at once, except where they take a callback; callbacks never run inside the call.
 */
import { assert, BufferPool, DiskError, NO_OFFSET } from '@millrace/base'
import type { Disk, LeaderEpoch, Offset, TimestampMs, Uuid } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'
import { CorruptLogError } from './corruption.ts'
import type { Corruption } from './corruption.ts'
import { cutSegment } from './cut-segment.ts'
import { type DiskDone, diskErrorOf, step } from './disk-step.ts'
import { DroppedSegments } from './dropped-segments.ts'
import { leaveSyncFailedMark } from './failed-sync.ts'
import { deletedFolderPath, FileSuffix } from './file-name.ts'
import { Flusher } from './flusher.ts'
import { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { EpochEndOffset, EpochEntry } from './leader-epoch-cache.ts'
import { LogAppender } from './log-appender.ts'
import type { AppendInfo } from './log-appender.ts'
import type { LogConfig } from './log-config.ts'
import type { LogOptions } from './log-options.ts'
import { LogReader } from './log-reader.ts'
import type { LogRead, ReadOptions, ReadRange } from './log-reader.ts'
import { isOutOfSpace } from './out-of-space.ts'
import { readPartitionMetadata, TopicIdMismatchError, writePartitionMetadata } from './partition-metadata.ts'
import { recoverLog, reportRecovery } from './recovery.ts'
import type { RecoveryReport } from './recovery.ts'
import { LogProducers } from './producer/log-producers.ts'
import type { ProducerEntry } from './producer/producer-entry.ts'
import type { ProducerVerdict } from './producer/producer-table.ts'
import { countDeletable } from './retention.ts'
import { SegmentList } from './segment-list.ts'
import { Segment } from './segment.ts'
import { DirtyTailError } from './staged-batches.ts'
import { findByTimestamp, findMaxTimestamp } from './timestamp-search.ts'
import type { OffsetAndTimestamp } from './timestamp-search.ts'
import { markUnsynced } from './unsynced.ts'

export class Log {
  readonly directory: string
  readonly topicId: Uuid
  readonly #options: LogOptions
  readonly #disk: Disk
  readonly #segments: SegmentList
  readonly #epochs: LeaderEpochCache
  readonly #flusher: Flusher
  readonly #reader: LogReader
  readonly #appender: LogAppender
  readonly #dropped: DroppedSegments
  readonly #producers: LogProducers
  #config: LogConfig
  #logStartOffset: Offset
  /** Of a damaged log, whose segments may not reach as far as what was durable. */
  #leastEndOffset: Offset
  #corruption: Corruption | null
  #failure: DiskError | null = null
  #isClosed = false

  private constructor(options: LogOptions, recovery: RecoveryReport) {
    const { disk, directory, clock } = options
    this.#options = options
    this.#disk = disk
    this.directory = directory
    this.topicId = options.topicId
    this.#config = options.config
    this.#logStartOffset = recovery.logStartOffset
    this.#corruption = recovery.corruption
    this.#leastEndOffset = recovery.corruption === null ? NO_OFFSET : recovery.logEndOffset
    this.#segments = SegmentList.open(disk, directory, recovery)
    this.#epochs = new LeaderEpochCache(recovery.epochs)
    this.#dropped = new DroppedSegments(disk)
    this.#reader = new LogReader(disk, this.#segments)
    this.#flusher = new Flusher({
      disk,
      directory,
      epochs: this.#epochs,
      epochsSaved: recovery.epochsSaved,
      recoveryPoint: options.cleanShutdown
        ? recovery.logEndOffset
        : (Math.min(
            Math.max(options.recoveryPoint, recovery.logStartOffset),
            recovery.logEndOffset,
          ) as Offset),
      writtenEndOffset: () => this.#segments.active.writtenEndOffset,
      active: () => this.#segments.active,
      onFailure: (error) => this.#onFailure(error),
    })
    this.#producers = new LogProducers(
      {
        disk,
        clock,
        directory,
        flusher: this.#flusher,
        expirationMs: options.producerIdExpirationMs,
        isTracking: options.tracksProducers ?? true,
      },
      recovery.producers,
    )
    this.#appender = new LogAppender({
      disk,
      clock,
      directory,
      segments: this.#segments,
      epochs: this.#epochs,
      recentBatches: this.#reader.recentBatches,
      flusher: this.#flusher,
      producers: this.#producers,
      config: () => this.#config,
      onWriteError: (error) => this.#onWriteError(error),
    })
    if (options.isClaimed !== true) this.#claimFolder()
    const { cleanShutdown } = options
    markUnsynced({ directory, cleanShutdown, segments: this.#segments, flusher: this.#flusher }, recovery)
  }

  /**
   * Recovers what is in the folder; makes the folder when there is none.
   * @throws DiskError naming the file; TopicIdMismatchError. Damage does not throw: see `corruption`
   */
  static open(options: LogOptions): Log {
    const { disk, directory } = options
    if (!disk.exists(directory)) disk.mkdir(directory)
    const recovery =
      options.recovery ??
      recoverLog(disk, {
        directory,
        recoveryPoint: options.recoveryPoint,
        cleanShutdown: options.cleanShutdown,
        logStartOffset: options.logStartOffset ?? null,
        indexIntervalBytes: options.config.indexIntervalBytes,
        gapsAllowed: options.config.cleanupPolicy.includes('compact'),
        tracksProducers: options.tracksProducers ?? true,
      })
    const log = new Log(options, recovery)
    reportRecovery(options.log, directory, recovery)
    return log
  }

  /* ------------------------------------------------------------ what it is */

  get config(): LogConfig {
    return this.#config
  }

  get logStartOffset(): Offset {
    return this.#logStartOffset
  }

  /** The next offset, counting what is staged. */
  get logEndOffset(): Offset {
    return Math.max(this.#segments.active.endOffset, this.#leastEndOffset) as Offset
  }

  /** Everything below is durable. */
  get recoveryPoint(): Offset {
    return this.#flusher.recoveryPoint
  }

  get sizeBytes(): number {
    return this.#segments.sizeBytes
  }

  get segmentCount(): number {
    return this.#segments.all.length
  }

  get leaderEpochs(): readonly EpochEntry[] {
    return this.#epochs.entries
  }

  /** Why nothing can be appended any more: a write or a sync failed. Reading goes on. */
  get failure(): DiskError | null {
    return this.#failure
  }

  /** Damage found at opening or by a read; the log must not lead. `truncateTo` at or below it clears it. */
  get corruption(): Corruption | null {
    return this.#corruption
  }

  /** Whose batches are known, counting what is staged. */
  get producers(): readonly ProducerEntry[] {
    return this.#producers.table.entries
  }

  /* ------------------------------------------------------------ appending and flushing */

  /**
   * Whether a leader may append these validated batches (KIP-98): ask right before `append`, in the same turn. Staged
   * batches count. Changes nothing.
   */
  checkProducers(batches: Buffer): ProducerVerdict {
    return this.#producers.table.check(batches)
  }

  /**
   * Stages validated batches as leader: stamps base offsets, epoch and, where the topic says so, the time, in place. They
   * count in `logEndOffset` at once; the bytes must stay as they are until `writeStaged`.
   * @throws DiskError when the log has failed or no segment can be started; CorruptLogError
   */
  append(batches: Buffer, leaderEpoch: LeaderEpoch): AppendInfo {
    this.#assertAppendable()
    return this.#appender.append(batches, leaderEpoch)
  }

  /** The same for a follower: offsets and epochs stay as the leader gave them, and must continue the log. */
  appendAsFollower(batches: Buffer): AppendInfo {
    this.#assertAppendable()
    return this.#appender.appendAsFollower(batches)
  }

  /**
   * Writes everything staged since the last call, in one system call as a rule.
   * @throws DiskError naming the file: everything appended since the last call is void then, whether its own append threw
   * or not. After ENOSPC the log can be appended to again; after any other error it can't
   */
  writeStaged(): void {
    this.#appender.writeStaged()
  }

  /**
   * Makes everything written before the call durable, with the names of new files and the epochs' checkpoint. Calls made
   * while a flush runs share the next one.
   * @param done gets null, or why the log must be taken for not flushed: it has failed then, unless the disk was full, when
   * it may be flushed again
   */
  flush(done: DiskDone): void {
    assert(!this.#isClosed, `flush of closed log ${this.directory}`)
    this.#flusher.request(done)
  }

  /** Starts a new segment when the active one began `segment.ms` ago by its first timestamp. @throws DiskError */
  maybeRoll(nowWallMs: number): boolean {
    const { active } = this.#segments
    if (!this.#isSound || active.sizeBytes === 0) return false
    const firstTimestamp = active.firstTimestamp()
    if (firstTimestamp < 0 || nowWallMs - firstTimestamp <= this.#config.segmentMs) return false
    this.#appender.roll()
    return true
  }

  /* ------------------------------------------------------------ reading */

  /** @throws DiskError naming the file */
  read(options: ReadOptions): LogRead {
    assert(!this.#isClosed, `read of closed log ${this.directory}`)
    const damage = this.#corruption
    const { logStartOffset, logEndOffset } = this
    const isInRange = options.offset >= logStartOffset && options.offset <= logEndOffset
    if (damage !== null && isInRange && options.offset >= damage.offset)
      return { kind: 'corrupt', corruption: damage }
    const endOffset = Math.min(options.endOffset, this.#readableEnd()) as Offset
    const read = this.#reader.read({ ...options, endOffset }, this.#readRange)
    if (read.kind === 'corrupt') this.#onDamage(read.corruption)
    return read
  }

  /** The first record at or after a time, below `endOffset`. @throws DiskError */
  findByTimestamp(timestamp: TimestampMs, endOffset: Offset): OffsetAndTimestamp | null {
    return findByTimestamp(this.#disk, this.#segments.all, timestamp, {
      logStartOffset: this.#logStartOffset,
      endOffset: Math.min(endOffset, this.#readableEnd()) as Offset,
    })
  }

  /** The first record with the greatest timestamp of the log. @throws DiskError */
  maxTimestamp(): OffsetAndTimestamp | null {
    return findMaxTimestamp(this.#disk, this.#segments.all, {
      logStartOffset: this.#logStartOffset,
      endOffset: this.#readableEnd(),
    })
  }

  /* ------------------------------------------------------------ epochs and truncation */

  /** A leader's epoch begins at the log's end, before its first record; durable with the next flush. */
  assignEpochStart(epoch: LeaderEpoch): void {
    this.#epochs.assign(epoch, this.logEndOffset)
  }

  endOffsetForEpoch(epoch: LeaderEpoch): EpochEndOffset {
    return this.#epochs.endOffsetFor(epoch, this.logEndOffset)
  }

  /**
   * Drops every batch that ends at or behind `offset`. Below the recovery point this must be followed by a `flush` before
   * the next append. A damaged log ends before the damage afterwards, and is sound again.
   */
  truncateTo(targetOffset: Offset): void {
    this.#assertCuttable()
    // An epoch without records that begins at the end is another log's by now.
    if (targetOffset >= this.logEndOffset && this.#corruption === null)
      return this.#epochs.truncateFromEnd(targetOffset)
    if (targetOffset < this.#logStartOffset) return this.truncateFullyAndStartAt(targetOffset)
    const soundEnd = Math.max(this.#corruption?.offset ?? Infinity, this.#logStartOffset)
    const offset = Math.min(targetOffset, soundEnd) as Offset
    if (this.#cutsBatchOfStart(offset)) return this.truncateFullyAndStartAt(this.#logStartOffset)
    const removed = this.#segments.removeFrom(offset)
    const { active } = this.#segments
    active.unseal()
    cutSegment(active, offset, { disk: this.#disk, log: this.#options.log, config: this.#config })
    // Damaged below the log start.
    if (active.endOffset < this.#logStartOffset) {
      this.#orFail(() => this.#unlinkSegments(removed))
      return this.truncateFullyAndStartAt(this.#logStartOffset)
    }
    this.#reader.forgetPositions()
    const { endOffset } = active
    this.#epochs.truncateFromEnd(endOffset)
    this.#clearDamage()
    this.#orFail(() => this.#producers.onTruncated(endOffset, this.#segments.all))
    const wasDurable = endOffset < this.recoveryPoint
    this.#flusher.onTruncated(endOffset)
    const cutFiles = () => {
      this.#unlinkSegments(removed)
      this.#disk.truncate(active.file, active.writtenBytes)
      this.#flusher.markSegment(active)
    }
    if (!wasDurable) return this.#orFail(cutFiles)
    // A crash before the lower recovery point is durable must find the old bytes: they were durable.
    this.#flusher.hold((done) => {
      this.#options.checkpoints.persistRecoveryPoint(this, (error) => {
        if (error === null) this.#orFail(cutFiles)
        done(error)
      })
    })
  }

  /** Drops everything; the next offset is `offset`. To be followed by a `flush` before the next append. */
  truncateFullyAndStartAt(offset: Offset): void {
    this.#assertCuttable()
    const fresh = Segment.create(this.#disk, this.directory, offset)
    const removed = this.#segments.replaceAll(fresh)
    this.#reader.forgetPositions()
    this.#epochs.truncateFromEnd(0 as Offset)
    this.#clearDamage()
    this.#orFail(() => this.#producers.onRestarted(offset))
    const isForward = offset > this.#logStartOffset
    this.#logStartOffset = offset
    this.#flusher.onRestarted(offset)
    this.#flusher.markSegment(fresh)
    this.#flusher.markDirectory(this.directory)
    this.#persistStartAndRecoveryPoint(isForward, () => this.#unlinkSegments(removed, offset))
  }

  /** In the order in which a crash in between leaves the old log or an empty one, never one that looks damaged. */
  #persistStartAndRecoveryPoint(startFirst: boolean, then: () => void): void {
    const { checkpoints } = this.#options
    const persistStart = (done: DiskDone) => checkpoints.persistLogStartOffset(this, done)
    const persistRecoveryPoint = (done: DiskDone) => checkpoints.persistRecoveryPoint(this, done)
    const [first, second] = startFirst
      ? [persistStart, persistRecoveryPoint]
      : [persistRecoveryPoint, persistStart]
    this.#flusher.hold((done) => {
      first((error) => {
        if (error !== null) return done(error)
        second((secondError) => {
          if (secondError === null) this.#orFail(then)
          done(secondError)
        })
      })
    })
  }

  /* ------------------------------------------------------------ the log's start */

  /**
   * Raises the log start offset (DeleteRecords, or a leader's), at once for readers.
   * @param offset at most the high watermark
   * @param done runs when a crash can't bring the old start back
   */
  advanceLogStart(offset: Offset, done?: DiskDone): void {
    assert(offset <= this.logEndOffset, `log start ${offset} behind the log's end ${this.logEndOffset}`)
    if (offset > this.#logStartOffset) this.#logStartOffset = offset
    const { all } = this.#segments
    const kept = all.findIndex(
      (segment, index) => segment.endOffset > this.#logStartOffset || index === all.length - 1,
    )
    this.#dropFirst(kept, done)
  }

  /**
   * Drops whole segments by time, size and log start offset, none above the high watermark, and unlinks those that were
   * dropped `file.delete.delay.ms` ago. A log that failed or is damaged keeps everything.
   * @returns segments dropped. @throws DiskError
   */
  applyRetention(nowWallMs: number, highWatermark: Offset): number {
    if (!this.#isSound || this.#flusher.isHeld) return 0
    this.#dropped.purge(this.#options.clock.monoMs())
    this.#producers.expire()
    const limits = { config: this.#config, nowWallMs, highWatermark, logStartOffset: this.#logStartOffset }
    const count = countDeletable(this.#segments.all, limits)
    if (count === 0 && this.#dropped.waiting.length === 0) return 0
    if (count === this.#segments.all.length) this.#appender.roll()
    const start = this.#segments.all[count]!.baseOffset
    if (start > this.#logStartOffset) this.#logStartOffset = start
    this.#dropFirst(count)
    return count
  }

  updateConfig(config: LogConfig): void {
    this.#config = config
  }

  /* ------------------------------------------------------------ the end */

  /**
   * Flushes, writes the indexes and closes all files. Nothing else may be called afterwards.
   * @param done gets why the log can't count as cleanly closed, or null
   */
  close(done: DiskDone): void {
    assert(!this.#isClosed && !this.#appender.hasStaged, `close of log ${this.directory} in use`)
    const finish = (error: DiskError | null) => this.#closeFiles(error, done)
    const onIndexSynced = (error: DiskError | null) => {
      if (error !== null) this.#flusher.fail(error)
      finish(error)
    }
    const { active } = this.#segments
    // Before the flush, which makes the names of index files durable that are made here.
    if (this.#failure === null) this.#orFail(() => active.persistIndexes())
    if (this.#isSound) {
      this.#orFail(() => this.#producers.takeSnapshot(active.endOffset, this.#segments.all))
    }
    this.#flusher.markDirectory(this.directory)
    this.#flusher.request((error) => {
      if (error !== null) return finish(error)
      step(finish, () => {
        active.offsetIndex.file.sync((indexError) => {
          if (indexError !== null) return onIndexSynced(indexError)
          step(finish, () => active.timeIndex.file.sync(onIndexSynced))
        })
      })
    })
    this.#isClosed = true
  }

  /**
   * Closes the log and gives its folder the name of one to be deleted; flushes that wait get an error. The files are
   * still there.
   * @returns the folder's new path. @throws DiskError
   */
  remove(): string {
    this.#isClosed = true
    this.#flusher.cancel(new DiskError('ECANCELED', this.directory, 'flush removed log'))
    for (const segment of this.#segments.all) segment.close()
    const topicIdHex = Buffer.from(this.topicId, 'base64url').toString('hex')
    const path = deletedFolderPath(this.directory, topicIdHex, (taken) => this.#disk.exists(taken))
    this.#disk.rename(this.directory, path)
    return path
  }

  /* ------------------------------------------------------------ inside */

  get #isSound(): boolean {
    return !this.#isClosed && this.#failure === null && this.#corruption === null
  }

  get #readRange(): ReadRange {
    const { logStartOffset, logEndOffset } = this
    return { logStartOffset, logEndOffset, gapsAllowed: this.#config.cleanupPolicy.includes('compact') }
  }

  #readableEnd(): Offset {
    const { writtenEndOffset } = this.#segments.active
    return this.#corruption === null ? writtenEndOffset : this.#corruption.offset
  }

  #assertAppendable(): void {
    assert(!this.#isClosed, `append to closed log ${this.directory}`)
    if (this.#failure !== null) throw this.#failure
    if (this.#corruption !== null) throw new CorruptLogError(this.#corruption)
    assert(!this.#flusher.isHeld, `append to ${this.directory} before the truncation was flushed`)
  }

  #assertCuttable(): void {
    assert(!this.#isClosed && !this.#appender.hasStaged, `truncation of log ${this.directory} in use`)
    assert(!this.#flusher.isHeld, `truncation of ${this.directory} before the last one was flushed`)
    if (this.#failure !== null) throw this.#failure
  }

  /** The folder says whose it is; one without a word is new, or was cut off before its first flush. */
  #claimFolder(): void {
    const { topicId } = this.#options
    const found = readPartitionMetadata(this.#disk, this.directory)
    if (found !== null && found !== topicId) throw new TopicIdMismatchError(this.directory, found, topicId)
    if (found === null) this.#flusher.markFile(writePartitionMetadata(this.#disk, this.directory, topicId))
  }

  /** The log start lies inside a batch that goes: what is left would end below it. */
  #cutsBatchOfStart(offset: Offset): boolean {
    const { logStartOffset } = this
    const limits = {
      offset: logStartOffset,
      endOffset: this.#readableEnd(),
      maxBytes: 1,
      atLeastOneBatch: true,
    }
    const pool = new BufferPool({ maxPooledBytes: 0 })
    const read = this.#reader.read({ ...limits, pool }, this.#readRange)
    if (read.kind !== 'ok' || read.records.length === 0) return false
    const { baseOffset, lastOffset } = new RecordBatchView(read.records)
    read.release()
    return baseOffset < logStartOffset && lastOffset >= offset
  }

  /** Takes segments out at the start; their files go once the start is durable. */
  #dropFirst(count: number, done: DiskDone = () => undefined): void {
    if (count > 0) {
      const dropped = this.#segments.removeFirst(count)
      for (const segment of dropped) this.#flusher.forgetSegment(segment)
      this.#dropped.add(dropped)
      this.#reader.forgetPositions()
      this.#orFail(() => this.#producers.onFirstDropped(this.#segments.first.baseOffset))
    }
    const startOffset = this.#logStartOffset
    const renameable = [...this.#dropped.waiting]
    this.#options.checkpoints.persistLogStartOffset(this, (error) => {
      if (error !== null)
        this.#options.log.error({ error }, 'the log start offset was not written: segments stay')
      else if (!this.#isClosed) this.#orFail(() => this.#onStartDurable(startOffset, renameable))
      done(error)
    })
  }

  /** What lies below it, nobody needs any more. */
  #onStartDurable(startOffset: Offset, dropped: readonly Segment[]): void {
    this.#epochs.truncateFromStart(startOffset)
    this.#dropped.rename(dropped, this.#options.clock.monoMs() + this.#config.fileDeleteDelayMs)
    this.#flusher.markDirectory(this.directory)
  }

  /** Last first, so that a crash in between leaves no gap. */
  #unlinkSegments(segments: readonly Segment[], keptBase?: Offset): void {
    for (const segment of segments.toReversed()) {
      this.#flusher.forgetSegment(segment)
      segment.close()
      if (segment.baseOffset === keptBase) continue
      const suffixes = [FileSuffix.log, FileSuffix.offsetIndex, FileSuffix.timeIndex]
      const paths = suffixes.map((suffix) => segment.path + suffix).filter((path) => this.#disk.exists(path))
      this.#flusher.markRemoved(paths)
      for (const path of paths) this.#disk.unlink(path)
    }
    this.#flusher.markDirectory(this.directory)
  }

  /** For changes of files that nobody waits for: an error makes the log fail. */
  #orFail(change: () => void): void {
    const error = diskErrorOf(change)
    if (error !== null) this.#flusher.fail(error)
  }

  #onWriteError(error: DiskError): void {
    if (isOutOfSpace(error) && !(error instanceof DirtyTailError)) {
      this.#options.log.error({ error, directory: this.directory }, 'no space left for the log')
    } else {
      this.#flusher.fail(error)
    }
  }

  #onFailure(error: DiskError): void {
    this.#failure = error
    const markError = leaveSyncFailedMark(this.#disk, this.directory, this.#flusher.removedNames)
    if (markError !== null) this.#options.log.error({ error: markError }, 'the next start is not told of it')
    this.#options.onFailed?.(error)
    if (this.#isClosed) return
    this.#options.log.error(
      { error, directory: this.directory },
      'the disk failed: the log takes no more appends',
    )
  }

  #onDamage(corruption: Corruption): void {
    if (this.#corruption !== null && this.#corruption.offset <= corruption.offset) return
    this.#leastEndOffset = this.logEndOffset
    this.#corruption = corruption
    this.#options.log.error(
      { ...corruption },
      'the log is damaged: it takes no appends and is not read from there on',
    )
  }

  #clearDamage(): void {
    this.#corruption = null
    this.#leastEndOffset = NO_OFFSET
  }

  #closeFiles(error: DiskError | null, done: DiskDone): void {
    const closeError = diskErrorOf(() => {
      for (const segment of this.#segments.all) segment.close()
    })
    done(error ?? closeError)
  }
}
