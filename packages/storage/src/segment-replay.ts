/**
 * Finds out what a segment holds: its size, end offset, largest timestamp and indexes, from its batches.
 *
 * Must not know: other segments, recovery points' meaning, what to do with a bad tail. Changes no log file; the indexes
 * are corrected in memory where they are wrong or short.
 */
import { NO_TIMESTAMP } from '@millrace/base'
import type { BufferPool, Disk, Offset } from '@millrace/base'
import type { RecordBatchView } from '@millrace/record'
import { scanBatches } from './batch-scan.ts'
import type { OffsetPosition } from './offset-index.ts'
import type { Segment } from './segment.ts'
import type { TimestampOffset } from './time-index.ts'

export interface ReplayOptions {
  readonly disk: Disk
  readonly pool: BufferPool
  readonly indexIntervalBytes: number
  /**
   * `trust`: the indexes were synced; look only behind their last entry. `distrust`: they may have lost a tail; look
   * behind the last entry of the time index. `rebuild`: read everything.
   */
  readonly indexes: 'trust' | 'distrust' | 'rebuild'
  /** Index entries at or above this offset are dropped first. */
  readonly indexesBelow: number
  /** Batches that end at or above this offset have their checksums compared. */
  readonly verifyFrom: number
  /** A batch that ends at or above this offset ends the replay, without being a problem. */
  readonly stopOffset: number
  /** Compaction leaves gaps between batches. */
  readonly gapsAllowed: boolean
  /** Bytes of the file to look at. */
  readonly fileBytes: number
  /** The segment is walked from here on: once more when its indexes turn out to be wrong. */
  onStart?(): void
  onBatch?(batch: RecordBatchView): string | null
}

export interface Replay {
  /** What is wrong with the batch at `segment.sizeBytes`; null when everything was good, or ended at `stopOffset`. */
  readonly problem: string | null
  readonly scannedBytes: number
  /** The indexes were not what the batches say, or not there, and were made anew. */
  readonly indexesRebuilt: boolean
}

const STOPPED = 'stopped'
const LYING_INDEX = 'index entry without a batch'

/** Sets the segment's facts and indexes to what `[0, segment.sizeBytes)` holds. */
export function replaySegment(segment: Segment, options: ReplayOptions): Replay {
  if (options.indexes !== 'rebuild' && indexesArePlausible(segment, options)) {
    const replay = replayFrom(segment, options, startOfDoubt(segment, options))
    if (replay !== null) return replay
  }
  return replayFrom(segment, options, 'beginning')!
}

function indexesArePlausible(segment: Segment, options: ReplayOptions): boolean {
  const { offsetIndex, timeIndex } = segment
  for (const { file } of [offsetIndex, timeIndex]) {
    if (!file.inMemory && (file.isRagged || file.isMissing)) return false
  }
  if (options.indexes === 'trust') {
    const last = offsetIndex.last()
    return last === null || (last.position > 0 && last.position < options.fileBytes)
  }
  segment.unseal()
  offsetIndex.keepValidPrefix(options.fileBytes)
  timeIndex.keepValidPrefix()
  offsetIndex.truncateTo(options.indexesBelow as Offset)
  timeIndex.truncateTo(options.indexesBelow as Offset)
  return true
}

interface Start {
  /** The offset index's entry for the batch to start at; null: the segment's beginning. */
  readonly entry: OffsetPosition | null
  /** An entry of the time index for a batch that will be passed. */
  readonly timeEntry: TimestampOffset | null
}

function startOfDoubt(segment: Segment, { indexes }: ReplayOptions): Start {
  const timeEntry = segment.timeIndex.last()
  if (indexes === 'trust') return { entry: segment.offsetIndex.last(), timeEntry: null }
  return { entry: timeEntry === null ? null : segment.offsetIndex.floor(timeEntry.offset), timeEntry }
}

/** @returns null when the indexes turned out to be wrong */
function replayFrom(segment: Segment, options: ReplayOptions, start: Start | 'beginning'): Replay | null {
  const fromBeginning = start === 'beginning'
  const entry = fromBeginning ? null : start.entry
  const timeEntry = fromBeginning ? null : start.timeEntry
  const from = entry?.position ?? 0
  resetFacts(segment, from, fromBeginning, options)
  options.onStart?.()
  let expected: Offset | null = from === 0 ? segment.baseOffset : null
  let isFirst = true
  let timeEntryFound = timeEntry === null

  const { disk, pool, verifyFrom, fileBytes: to } = options
  const scan = scanBatches({ disk, pool, file: segment.file, from, to, verifyFrom }, (batch) => {
    const { lastOffset } = batch
    if (isFirst && entry !== null && lastOffset !== entry.offset) return LYING_INDEX
    if (lastOffset === timeEntry?.offset) {
      if (batch.maxTimestamp !== timeEntry.timestamp) return LYING_INDEX
      timeEntryFound = true
    }
    const problem = orderProblem(segment, batch, expected, options.gapsAllowed)
    if (problem !== null) return problem
    if (lastOffset >= options.stopOffset) return STOPPED
    const refusal = options.onBatch?.(batch) ?? null
    if (refusal !== null) return refusal
    if (isFirst && entry !== null) keepIndexEntry(segment, batch)
    else addBatch(segment, batch, options.indexIntervalBytes)
    isFirst = false
    expected = segment.endOffset
    return null
  })
  // Nothing read where an index said a batch starts: either may be wrong, and the batches decide.
  if (scan.problem === LYING_INDEX || (entry !== null && isFirst && scan.problem !== null)) return null
  if (scan.problem === null && !timeEntryFound) return null
  segment.onWritten()
  const problem = scan.problem === STOPPED ? null : scan.problem
  return { problem, scannedBytes: scan.end - from, indexesRebuilt: fromBeginning }
}

function resetFacts(segment: Segment, from: number, fromBeginning: boolean, options: ReplayOptions): void {
  if (fromBeginning || options.indexes !== 'trust') {
    segment.unseal()
    segment.offsetIndex.truncateToPosition(from === 0 ? 0 : from + 1)
    if (fromBeginning) segment.timeIndex.truncateTo(segment.baseOffset)
  }
  segment.sizeBytes = from
  segment.endOffset = segment.baseOffset
  segment.bytesSinceIndexEntry = 0
  const last = segment.timeIndex.last()
  segment.maxTimestamp = last?.timestamp ?? NO_TIMESTAMP
  segment.maxTimestampOffset = last?.offset ?? segment.baseOffset
}

function orderProblem(
  segment: Segment,
  batch: RecordBatchView,
  expected: Offset | null,
  gapsAllowed: boolean,
): string | null {
  const { baseOffset, lastOffset } = batch
  if (baseOffset < (expected ?? segment.baseOffset)) return `offset ${baseOffset} goes back`
  if (expected !== null && baseOffset > expected && !gapsAllowed)
    return `offset ${baseOffset} instead of ${expected}`
  return lastOffset - segment.baseOffset > 0x7fffffff
    ? `offset ${lastOffset} too far from the segment's base`
    : null
}

/** The batch that the last kept index entry stands for: accounted for without making the entry again. */
function keepIndexEntry(segment: Segment, batch: RecordBatchView): void {
  addBatch(segment, batch, Infinity)
}

function addBatch(segment: Segment, batch: RecordBatchView, indexIntervalBytes: number): void {
  if (segment.bytesSinceIndexEntry > indexIntervalBytes) segment.unseal()
  segment.add(batch, indexIntervalBytes)
}
