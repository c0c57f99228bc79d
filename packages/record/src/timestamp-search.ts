/**
 * Which record of a batch a ListOffsets request by time means: the exact one, not its batch's first (KIP-79, KIP-734).
 */
import type { Offset, TimestampMs } from '@millrace/base'
import type { BatchError } from './batch-error.ts'
import { isBatchError } from './batch-error.ts'
import { checkBatch } from './batch-check.ts'
import type { RecordCursor } from './record-cursor.ts'
import { openRecords } from './record-reader.ts'
import { RecordBatchView } from './record-batch-view.ts'

export interface TimestampSearchOptions {
  /** Where the batch starts in the bytes; 0 when left out. */
  readonly position?: number
  readonly maxDecompressedBytes: number
  /** Records before it do not count: the log start offset. */
  readonly startOffset?: Offset
}

export interface TimestampedOffset {
  readonly offset: Offset
  readonly timestamp: TimestampMs
}

/**
 * The first record of the batch whose timestamp is `target` or later. The checksum is not compared again.
 *
 * @returns null when there is none
 */
export function findByTimestamp(
  bytes: Buffer,
  target: TimestampMs,
  options: TimestampSearchOptions,
): TimestampedOffset | BatchError | null {
  return search(bytes, options, (timestamp) => timestamp >= target)
}

/**
 * The first of the records with the greatest timestamp. The checksum is not compared again.
 *
 * @returns null when the batch has no record from `startOffset` on
 */
export function findMaxTimestamp(
  bytes: Buffer,
  options: TimestampSearchOptions,
): TimestampedOffset | BatchError | null {
  let latest = -Infinity
  let found: TimestampedOffset | null = null
  const result = search(bytes, options, (timestamp, offset) => {
    if (timestamp > latest) {
      latest = timestamp
      found = { offset, timestamp }
    }
    return false
  })
  return result ?? found
}

function search(
  bytes: Buffer,
  options: TimestampSearchOptions,
  accepts: (timestamp: TimestampMs, offset: Offset) => boolean,
): TimestampedOffset | BatchError | null {
  const position = options.position ?? 0
  const error = checkBatch(bytes, position, bytes.length, false)
  if (error !== null) return error
  const batch = new RecordBatchView(bytes, position)
  const cursor = openRecords(batch, options.maxDecompressedBytes)
  if (isBatchError(cursor)) return cursor
  while (cursor.next()) {
    const offset = (batch.baseOffset + cursor.offsetDelta) as Offset
    const timestamp = timestampOf(batch, cursor)
    if (offset >= (options.startOffset ?? 0) && accepts(timestamp, offset)) return { offset, timestamp }
  }
  return cursor.error
}

function timestampOf(batch: RecordBatchView, cursor: RecordCursor): TimestampMs {
  if (batch.timestampType === 'LogAppendTime') return batch.maxTimestamp
  return (batch.baseTimestamp + cursor.timestampDelta) as TimestampMs
}
