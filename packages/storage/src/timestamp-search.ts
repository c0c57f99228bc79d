/**
 * From timestamps to offsets, for ListOffsets: the first record at or after a time, and the record with the greatest.
 *
 * Must not know: isolation levels. Records are decoded in one batch only, the one that the headers say has the answer.
 */
import { BufferPool, NO_TIMESTAMP } from '@millrace/base'
import type { Disk, LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import { findByTimestamp as findRecordByTimestamp, isBatchError, RecordBatchView } from '@millrace/record'
import { scanBatches } from './batch-scan.ts'
import type { Segment } from './segment.ts'
import type { TimestampOffset } from './time-index.ts'
import { readFully } from './transfer.ts'

export interface OffsetAndTimestamp {
  readonly offset: Offset
  readonly timestamp: TimestampMs
  readonly leaderEpoch: LeaderEpoch
}

export interface TimestampSearchRange {
  readonly logStartOffset: Offset
  /** Only records below it count. */
  readonly endOffset: Offset
}

/** Decompressed records of one batch beyond this are not searched. */
const DECOMPRESSED_BYTES_MAX = 256 * 2 ** 20
const POOLED_BYTES_MAX = 2 * 2 ** 20

const LYING_INDEX = Symbol('lying index')
const FOUND = 'found'
const BEHIND_END = 'behind the end'

const pool = new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX })

interface BatchPlace {
  readonly position: number
  readonly sizeInBytes: number
}

/** @returns the first record whose timestamp is `timestamp` or later; null: none. @throws DiskError */
export function findByTimestamp(
  disk: Disk,
  segments: readonly Segment[],
  timestamp: TimestampMs,
  range: TimestampSearchRange,
): OffsetAndTimestamp | null {
  for (const segment of segments) {
    if (segment.maxTimestamp < timestamp || segment.endOffset <= range.logStartOffset) continue
    if (segment.baseOffset >= range.endOffset) break
    const found = findInSegment(disk, segment, timestamp, range)
    if (found !== null) return found
  }
  return null
}

/** @returns the first record with the greatest timestamp; null in a log without timestamps. @throws DiskError */
export function findMaxTimestamp(
  disk: Disk,
  segments: readonly Segment[],
  range: TimestampSearchRange,
): OffsetAndTimestamp | null {
  let latest: Segment | null = null
  for (const segment of segments) {
    if (segment.maxTimestamp > (latest?.maxTimestamp ?? NO_TIMESTAMP)) latest = segment
  }
  return latest === null ? null : findByTimestamp(disk, segments, latest.maxTimestamp, range)
}

/** The indexes only say where to begin; where the batches there contradict them, all batches are looked at. */
function findInSegment(
  disk: Disk,
  segment: Segment,
  timestamp: TimestampMs,
  range: TimestampSearchRange,
): OffsetAndTimestamp | null {
  const entry = segment.timeIndex.lower(timestamp)
  const from = Math.max(entry?.offset ?? 0, range.logStartOffset, segment.baseOffset) as Offset
  const before = entry?.offset === from ? entry : null
  const position = segment.indexedPosition(from)
  const hinted =
    position > 0 ? scanForTimestamp(disk, segment, { position, from, before }, timestamp, range) : LYING_INDEX
  if (hinted !== LYING_INDEX) return hinted
  const found = scanForTimestamp(disk, segment, { position: 0, from, before: null }, timestamp, range)
  return found === LYING_INDEX ? null : found
}

interface SearchStart {
  /** Of a batch that starts at or before `from`. */
  readonly position: number
  readonly from: Offset
  /** An entry of the time index whose batch comes by. */
  readonly before: TimestampOffset | null
}

function scanForTimestamp(
  disk: Disk,
  segment: Segment,
  { position: start, from, before }: SearchStart,
  timestamp: TimestampMs,
  range: TimestampSearchRange,
): OffsetAndTimestamp | null | typeof LYING_INDEX {
  let found: OffsetAndTimestamp | null = null
  let beforeIsConfirmed = before === null
  const scan = { disk, file: segment.file, pool, from: start, to: segment.writtenBytes, verifyFrom: Infinity }
  const { problem } = scanBatches(scan, (batch, position) => {
    const { baseOffset, lastOffset, maxTimestamp } = batch
    if (start > 0 && position === start && baseOffset > from) return 'passed over'
    if (lastOffset === before?.offset) beforeIsConfirmed = maxTimestamp === before.timestamp
    if (baseOffset >= range.endOffset) return BEHIND_END
    if (maxTimestamp < timestamp || lastOffset < range.logStartOffset) return null
    found = findInBatch(disk, segment, { position, sizeInBytes: batch.sizeInBytes }, timestamp, range)
    return found === null ? null : FOUND
  })
  const isSound = problem === null || problem === FOUND || problem === BEHIND_END
  return start > 0 && !(isSound && beforeIsConfirmed) ? LYING_INDEX : found
}

/** A batch whose records can't be read answers with its first: an earlier offset loses nothing. */
function findInBatch(
  disk: Disk,
  segment: Segment,
  { position, sizeInBytes }: BatchPlace,
  timestamp: TimestampMs,
  { logStartOffset, endOffset }: TimestampSearchRange,
): OffsetAndTimestamp | null {
  const bytes = Buffer.allocUnsafe(sizeInBytes)
  readFully(disk, segment.file, bytes, position)
  const { baseOffset, maxTimestamp, partitionLeaderEpoch: leaderEpoch } = new RecordBatchView(bytes)
  const options = { maxDecompressedBytes: DECOMPRESSED_BYTES_MAX, startOffset: logStartOffset }
  const found = findRecordByTimestamp(bytes, timestamp, options)
  if (found === null) return null
  if (isBatchError(found)) {
    return { offset: Math.max(baseOffset, logStartOffset) as Offset, timestamp: maxTimestamp, leaderEpoch }
  }
  return found.offset < endOffset ? { ...found, leaderEpoch } : null
}
