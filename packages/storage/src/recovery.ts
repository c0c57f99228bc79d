/**
 * What a partition's folder holds after a stop, clean or not, brought to a state that can be appended to.
 *
 * A bad batch at or above the recovery point is a torn tail, and cut with everything behind it; one below it is damage
 * to durable data: nothing is changed, the report says where. Checksums are compared above the recovery point only;
 * below it, headers behind the last index entry of each segment show that its end is there. What a process left whose
 * sync had failed is written again first: it may only look as if it were stored.
 * Must not know: open logs, replicas. Runs inline or in the maintenance pool (`recover-segments.job.ts`).
 */
import { assert, BufferPool } from '@millrace/base'
import type { Disk, Log as Logger, Offset } from '@millrace/base'
import type { RecordBatchView } from '@millrace/record'
import type { Corruption } from './corruption.ts'
import { FileSuffix, LEADER_EPOCH_CHECKPOINT, segmentFileName } from './file-name.ts'
import { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { EpochEntry } from './leader-epoch-cache.ts'
import { removeSyncFailedMark } from './failed-sync.ts'
import { clearLeftovers } from './leftover-file.ts'
import type { Leftovers } from './leftover-file.ts'
import { NO_PRODUCERS, recoverProducers } from './producer/producer-recovery.ts'
import type { RecoveredProducers } from './producer/producer-recovery.ts'
import { renewLogFolder } from './renewal.ts'
import { replaySegment } from './segment-replay.ts'
import { Segment } from './segment.ts'
import type { SegmentState } from './segment.ts'
import { readFile } from './transfer.ts'

export interface RecoveryInput {
  /** `DIR/<topic>-<partition>` */
  readonly directory: string
  /** Everything below it was durable. */
  readonly recoveryPoint: Offset
  /** Everything was durable. */
  readonly cleanShutdown: boolean
  /** As checkpointed, durably; null: never, the log starts with its first segment. */
  readonly logStartOffset: Offset | null
  readonly indexIntervalBytes: number
  /** Compacted topics have gaps between offsets. */
  readonly gapsAllowed: boolean
  /** False for a log that no producer appends to. Default true. */
  readonly tracksProducers?: boolean
}

export interface RecoveryReport {
  /** In order; the last one is active. Empty: a segment at `logEndOffset` is to be made. */
  readonly segments: readonly SegmentState[]
  readonly logStartOffset: Offset
  readonly logEndOffset: Offset
  readonly epochs: readonly EpochEntry[]
  /** The checkpoint says the same, and is on disk, or is as soon as its folder is synced. */
  readonly epochsSaved: boolean
  /** A sync had failed: everything above the recovery point, and every name, was written again, and is not synced. */
  readonly wasInDoubt: boolean
  /** Of a damaged log: none. */
  readonly producers: RecoveredProducers
  readonly corruption: Corruption | null
  /** Bytes looked at. */
  readonly scannedBytes: number
  /** Bytes of torn tail that were cut. */
  readonly cutBytes: number
  /** Why the tail was cut; null when it was not. */
  readonly cutReason: string | null
  /** Names of leftover files that were removed or renamed. */
  readonly clearedFiles: readonly string[]
  /** Paths of segment files that were removed: not synced. */
  readonly removedFiles: readonly string[]
  /** Base offsets of segments whose indexes were made anew. */
  readonly rebuiltIndexes: readonly Offset[]
  /** Base offsets of segments whose index files were written, and not synced. */
  readonly writtenIndexes: readonly Offset[]
}

/** Most memory that a recovery keeps between reads. */
const POOLED_BYTES_MAX = 4 * 2 ** 20

/** Throws a `DiskError` naming the file when the disk fails. */
export function recoverLog(disk: Disk, input: RecoveryInput): RecoveryReport {
  return new Recovery(disk, input).run()
}

/** Tells operators what they should know. */
export function reportRecovery(logger: Logger, directory: string, recovery: RecoveryReport): void {
  const { corruption, cutBytes, cutReason, rebuiltIndexes, clearedFiles, scannedBytes, logEndOffset } =
    recovery
  if (recovery.wasInDoubt)
    logger.warn({ directory }, 'the disk had failed to sync: the log was written again')
  if (corruption !== null) logger.error({ ...corruption }, 'the log is damaged below its recovery point')
  if (cutReason !== null) logger.warn({ directory, cutBytes, cutReason, logEndOffset }, 'a torn tail was cut')
  if (rebuiltIndexes.length > 0) logger.info({ directory, rebuiltIndexes }, 'indexes were rebuilt')
  if (clearedFiles.length > 0) logger.info({ directory, clearedFiles }, 'leftover files were cleared')
  if (scannedBytes > 0) logger.debug({ directory, scannedBytes, logEndOffset }, 'log recovered')
}

class Recovery {
  readonly #disk: Disk
  readonly #input: RecoveryInput
  readonly #pool = new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX })
  readonly #found: Leftovers
  readonly #segments: SegmentState[] = []
  readonly #removedFiles: string[] = []
  readonly #rebuiltIndexes: Offset[] = []
  readonly #writtenIndexes: Offset[] = []
  /** Null when the checkpoint is missing or damaged: every batch is looked at then. */
  readonly #savedEpochs: readonly EpochEntry[] | null
  #epochs: LeaderEpochCache
  #corruption: Corruption | null = null
  #cutReason: string | null = null
  #wasInDoubt = false
  #scannedBytes = 0
  #cutBytes = 0

  constructor(disk: Disk, input: RecoveryInput) {
    this.#disk = disk
    this.#input = input
    this.#found = clearLeftovers(disk, input.directory, this.#pool)
    const epochBytes = this.#found.names.has(LEADER_EPOCH_CHECKPOINT)
      ? readFile(disk, `${input.directory}/${LEADER_EPOCH_CHECKPOINT}`)
      : null
    this.#savedEpochs = epochBytes === null ? null : LeaderEpochCache.parse(epochBytes)
    this.#epochs = new LeaderEpochCache(this.#savedEpochs ?? [])
    // Above the recovery point the batches say which epochs there are: the checkpoint may be of a log cut meanwhile.
    if (!input.cleanShutdown) this.#epochs.truncateFromEnd(input.recoveryPoint)
  }

  run(): RecoveryReport {
    const { logStartOffset } = this.#input
    const { segments, cleared, isInDoubt } = this.#found
    if (isInDoubt) this.#renew()
    // Dropped before the stop, but still there: they need not even be sound.
    const kept = segments.findLastIndex((base) => base <= (logStartOffset ?? 0))
    const bases = segments.slice(Math.max(0, kept))
    this.#removeSegments(segments.slice(0, Math.max(0, kept)))
    const firstBase = bases[0] ?? (0 as Offset)
    const start = logStartOffset ?? (this.#wasNeverFlushed ? (0 as Offset) : firstBase)
    if (firstBase > start && this.#isTorn(start)) {
      this.#cutReason = `the segments from offset ${start} on are missing`
      this.#cutBytes += this.#removeSegments(bases.splice(0))
    } else if (firstBase > start) {
      this.#reportDamage(firstBase, 0, start, `the segments from offset ${start} on are missing`)
    }
    for (let index = 0; index < bases.length; index++) {
      const cut = this.#recoverSegment(bases, index)
      if (cut) {
        this.#removeSegments(bases.slice(index + 1))
        break
      }
    }
    return this.#report(cleared)
  }

  /** From here on nothing is in doubt: it is as if this process had written it, and waits for a flush. */
  #renew(): void {
    const { directory, recoveryPoint } = this.#input
    renewLogFolder(this.#disk, directory, recoveryPoint)
    removeSyncFailedMark(this.#disk, directory)
    this.#wasInDoubt = true
  }

  /** The first flush of a log writes the epochs' checkpoint. */
  get #wasNeverFlushed(): boolean {
    const { cleanShutdown, recoveryPoint } = this.#input
    return !cleanShutdown && recoveryPoint === 0 && !this.#found.names.has(LEADER_EPOCH_CHECKPOINT)
  }

  #report(clearedFiles: string[]): RecoveryReport {
    const { recoveryPoint } = this.#input
    const foundStart = this.#segments[0]?.baseOffset ?? (0 as Offset)
    const logStartOffset = this.#input.logStartOffset ?? foundStart
    const foundEnd = this.#segments.at(-1)?.endOffset ?? (0 as Offset)
    if (foundEnd < recoveryPoint && logStartOffset < recoveryPoint) {
      const last = this.#segments.at(-1)
      const reason = `it ends at offset ${foundEnd}, but everything below ${recoveryPoint} was durable`
      this.#reportDamage(last?.baseOffset ?? logStartOffset, last?.sizeBytes ?? 0, foundEnd, reason)
    }
    // Dropping the last segments needs no record of its own: a log that ends below its start is empty.
    if (this.#segments.length > 0 && foundEnd < logStartOffset && this.#corruption === null) {
      this.#removeSegments(this.#segments.splice(0).map(({ baseOffset }) => baseOffset))
    }
    const logEndOffset = Math.max(
      foundEnd,
      logStartOffset,
      this.#corruption === null ? 0 : recoveryPoint,
    ) as Offset
    this.#epochs.truncateFromEnd((logEndOffset + 1) as Offset)
    // An entry at the log's end is a leader's that had not written yet, or whose first batches were lost.
    const atEnd = this.#savedEpochs?.find(({ startOffset }) => startOffset === logEndOffset)
    if (atEnd !== undefined) this.#epochs.assign(atEnd.epoch, logEndOffset)
    this.#epochs.truncateFromStart(logStartOffset)
    const producers = this.#recoverProducers(logEndOffset)
    return {
      segments: this.#segments,
      logStartOffset,
      logEndOffset,
      epochs: this.#epochs.entries,
      epochsSaved: isSame(this.#epochs.entries, this.#savedEpochs) && this.#areEpochsFlushed(logEndOffset),
      wasInDoubt: this.#wasInDoubt,
      producers,
      corruption: this.#corruption,
      scannedBytes: this.#scannedBytes + producers.scannedBytes,
      cutBytes: this.#cutBytes,
      cutReason: this.#cutReason,
      clearedFiles,
      removedFiles: this.#removedFiles,
      rebuiltIndexes: this.#rebuiltIndexes,
      writtenIndexes: this.#writtenIndexes,
    }
  }

  /**
   * A checkpoint that was seen and not stored would be missed once the recovery point is above where its epochs start; the
   * mark that tells of it is best effort. An epoch without records is not missed.
   */
  #areEpochsFlushed(logEndOffset: Offset): boolean {
    const { cleanShutdown, recoveryPoint } = this.#input
    const isFlushed = ({ startOffset }: EpochEntry) =>
      startOffset < recoveryPoint || startOffset >= logEndOffset
    return !this.#wasInDoubt && (cleanShutdown || this.#epochs.entries.every(isFlushed))
  }

  #recoverProducers(logEndOffset: Offset): RecoveredProducers {
    const { directory, cleanShutdown, recoveryPoint, tracksProducers = true } = this.#input
    if (!tracksProducers) return NO_PRODUCERS
    return recoverProducers({
      disk: this.#disk,
      directory,
      names: this.#found.names,
      pool: this.#pool,
      segments: this.#segments,
      logEndOffset,
      cleanShutdown,
      recoveryPoint,
      isDamaged: this.#corruption !== null,
    })
  }

  /** @returns whether the log was cut here: nothing behind it counts */
  #recoverSegment(bases: readonly Offset[], index: number): boolean {
    const baseOffset = bases[index]!
    const nextBase = bases[index + 1] ?? null
    const previous = this.#segments.at(-1)
    if (previous !== undefined && this.#corruption === null) {
      // What is missing below the log's start is not missed.
      const expected = Math.max(previous.endOffset, this.#input.logStartOffset ?? 0) as Offset
      const gap = this.#gapProblem(expected, baseOffset)
      if (gap !== null && this.#isTorn(expected)) {
        this.#cutReason = gap
        this.#cutBytes += this.#removeSegments([baseOffset])
        return true
      }
      if (gap !== null) this.#reportDamage(previous.baseOffset, previous.sizeBytes, expected, gap)
    }
    const segment = Segment.open(this.#disk, this.#input.directory, baseOffset, {
      names: this.#found.names,
    })
    try {
      const fileBytes = this.#disk.size(segment.file)
      const problem = this.#replay(segment, nextBase, fileBytes)
      const cut = problem !== null && this.#corruption === null && this.#isTorn(segment.endOffset)
      if (cut) {
        this.#cutReason = `${problem} at byte ${segment.sizeBytes} of ${segment.logPath}`
        this.#cutBytes += fileBytes - segment.sizeBytes
        this.#disk.truncate(segment.file, segment.sizeBytes)
      } else if (problem !== null && this.#corruption === null) {
        this.#reportDamage(baseOffset, segment.sizeBytes, segment.endOffset, problem)
      }
      if (segment.offsetIndex.file.inMemory) {
        segment.persistIndexes()
        this.#writtenIndexes.push(baseOffset)
      }
      this.#segments.push(segment.state)
      return cut
    } finally {
      segment.close()
    }
  }

  #replay(segment: Segment, nextBase: Offset | null, fileBytes: number): string | null {
    const { cleanShutdown, recoveryPoint, indexIntervalBytes, gapsAllowed } = this.#input
    // A flush that reached into the next segment synced this one's indexes; one that only reached its end may have begun
    // before it was closed.
    const allDurable = cleanShutdown || (nextBase !== null && nextBase < recoveryPoint)
    const indexes = this.#savedEpochs === null ? 'rebuild' : allDurable ? 'trust' : 'distrust'
    const epochsBefore = this.#epochs.entries
    const replay = replaySegment(segment, {
      disk: this.#disk,
      pool: this.#pool,
      indexIntervalBytes,
      gapsAllowed,
      fileBytes,
      indexes,
      indexesBelow: allDurable ? Infinity : recoveryPoint,
      // With the last durable batch: a length in it that lies would make the rest of it look like a torn tail.
      verifyFrom: cleanShutdown ? Infinity : recoveryPoint - 1,
      stopOffset: Infinity,
      onStart: () => {
        this.#epochs = new LeaderEpochCache(epochsBefore)
      },
      onBatch: (batch) => this.#observeEpoch(batch),
    })
    this.#scannedBytes += replay.scannedBytes
    if (replay.indexesRebuilt && fileBytes > indexIntervalBytes) this.#rebuiltIndexes.push(segment.baseOffset)
    return replay.problem
  }

  /**
   * Above the recovery point, an epoch that goes back is the tail of a log that was truncated and written anew, of
   * which only some writes survived; the batch is whole, but not of this log.
   */
  #observeEpoch(batch: RecordBatchView): string | null {
    const { partitionLeaderEpoch: epoch, baseOffset } = batch
    const isAbove = !this.#input.cleanShutdown && baseOffset >= this.#input.recoveryPoint
    if (isAbove && epoch >= 0 && epoch < this.#epochs.latest) return `leader epoch ${epoch} goes back`
    if (isAbove || this.#savedEpochs === null) this.#epochs.assign(epoch, baseOffset)
    return null
  }

  #gapProblem(expected: Offset, baseOffset: Offset): string | null {
    if (baseOffset < expected) return `the next segment goes back to offset ${baseOffset}`
    if (baseOffset === expected || this.#input.gapsAllowed) return null
    return `offsets ${expected} to ${baseOffset - 1} are missing before the next segment`
  }

  #isTorn(offset: Offset): boolean {
    return !this.#input.cleanShutdown && offset >= this.#input.recoveryPoint
  }

  #reportDamage(baseOffset: Offset, position: number, offset: Offset, reason: string): void {
    if (this.#corruption !== null) return
    const path = `${this.#input.directory}/${segmentFileName(baseOffset, FileSuffix.log)}`
    this.#corruption = { path, position, offset, reason }
  }

  /** Last first: a stop in between leaves a shorter log, not one with a gap. @returns bytes of log removed */
  #removeSegments(bases: readonly Offset[]): number {
    let removedBytes = 0
    for (const baseOffset of bases.toReversed()) {
      assert(this.#corruption === null, 'a damaged log is left as it is')
      const segment = Segment.open(this.#disk, this.#input.directory, baseOffset)
      removedBytes += this.#disk.size(segment.file)
      segment.close()
      for (const suffix of [FileSuffix.log, FileSuffix.offsetIndex, FileSuffix.timeIndex]) {
        const path = segment.path + suffix
        if (!this.#disk.exists(path)) continue
        this.#removedFiles.push(path)
        this.#disk.unlink(path)
      }
    }
    return removedBytes
  }
}

function isSame(entries: readonly EpochEntry[], saved: readonly EpochEntry[] | null): boolean {
  const isAsSaved = ({ epoch, startOffset }: EpochEntry, index: number) =>
    saved?.[index]?.epoch === epoch && saved[index].startOffset === startOffset
  return entries.length === saved?.length && entries.every(isAsSaved)
}
