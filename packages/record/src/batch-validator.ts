/**
 * What a partition leader demands of a batch before it appends it: whole, undamaged, from a client that keeps the
 * rules, and such that every consumer can read it.
 *
 * Uncompressed records are walked by their lengths alone, a few nanoseconds each. Compressed ones, and those that must
 * have keys, are walked field by field; where that takes long, it runs as the `batchValidation` job.
 * Must not know: the partition, its log, the clock.
 */
import type { TimestampMs } from '@millrace/base'
import { checkBatch } from './batch-check.ts'
import type { BatchError } from './batch-error.ts'
import { batchError, isBatchError } from './batch-error.ts'
import { CompressionType } from './compression-type.ts'
import { openRecords } from './record-reader.ts'
import { Attribute, batchSizeAt, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from './record-batch-view.ts'
import type { RecordCursor } from './record-cursor.ts'
import { walkLengths } from './record-cursor.ts'

export interface BatchLimits {
  /** `max.message.bytes`: of the batch as it came. */
  readonly maxBatchBytes: number
  /** Of the records when decompressed. */
  readonly maxDecompressedBytes: number
  /** Compacted topics: a record without key is refused. */
  readonly requireKey?: boolean
  /** Only the broker itself writes control batches. */
  readonly allowControl?: boolean
  /** Records with an earlier time are refused; for `message.timestamp.before.max.ms`. */
  readonly minTimestamp?: TimestampMs
  /** Records with a later time are refused; for `message.timestamp.after.max.ms`. */
  readonly maxTimestamp?: TimestampMs
}

const KNOWN_ATTRIBUTES =
  Attribute.compressionMask | Attribute.logAppendTime | Attribute.transactional | Attribute.control

const view = new RecordBatchView(Buffer.alloc(RECORD_BATCH_HEADER_BYTES))

/**
 * Checks what a client wants appended: `bytes[start, end)` must be exactly one batch (Produce v3 and later).
 *
 * For uncompressed records the latest time in the header stands for all; those of compressed ones are compared one by
 * one.
 */
export function validateBatch(
  bytes: Buffer,
  start: number,
  end: number,
  limits: BatchLimits,
): BatchError | null {
  if (end - start > limits.maxBatchBytes) {
    return batchError('too-large', `${end - start} bytes, where at most ${limits.maxBatchBytes} are allowed`)
  }
  if (batchSizeAt(bytes, start, end) === null) return invalid('not one whole batch')
  const error = checkBatch(bytes, start, end)
  if (error !== null) return error
  view.at(bytes, start)
  if (view.end !== end) return invalid('more than one batch, where exactly one is allowed')
  return checkAttributes(limits) ?? checkNumbers() ?? checkLatestTime(limits) ?? checkRecords(limits)
}

function checkAttributes(limits: BatchLimits): BatchError | null {
  const { attributes } = view
  if ((attributes & ~KNOWN_ATTRIBUTES) !== 0)
    return invalid(`unknown attributes 0x${(attributes & 0xffff).toString(16)}`)
  if (view.isControl && limits.allowControl !== true) return invalid('clients may not write control records')
  if (view.timestampType === 'LogAppendTime') {
    return batchError('invalid-timestamp', 'only the broker may set a log append time')
  }
  return null
}

function checkNumbers(): BatchError | null {
  const { recordCount, lastOffsetDelta } = view
  if (view.baseOffset !== 0) return invalid(`the base offset must be 0, not ${view.baseOffset}`)
  if (recordCount <= 0) return invalid('a batch without records')
  if (recordCount !== lastOffsetDelta + 1) {
    return invalid(`${recordCount} records for ${lastOffsetDelta + 1} offsets`)
  }
  if (view.producerId >= 0 && !view.isControl && (view.producerEpoch < 0 || view.baseSequence < 0)) {
    return invalid(
      `producer ${view.producerId} with epoch ${view.producerEpoch} and sequence ${view.baseSequence}`,
    )
  }
  if (!Number.isSafeInteger(view.producerId)) return invalid('a producer id beyond 2^53')
  if (view.isTransactional && view.producerId < 0) return invalid('a transaction without producer id')
  return null
}

/** The header's word for the latest record; where that is out of bounds, the record to blame is looked for. */
function checkLatestTime(limits: BatchLimits): BatchError | null {
  const error = checkTime(view.maxTimestamp, limits)
  if (error === null) return null
  const cursor = openRecords(view, limits.maxDecompressedBytes)
  return (isBatchError(cursor) ? null : walkFields(cursor, limits)) ?? error
}

/** @param recordIndex undefined: the header's own time */
function checkTime(timestamp: number, limits: BatchLimits, recordIndex?: number): BatchError | null {
  const { minTimestamp = -Infinity, maxTimestamp = Infinity } = limits
  // −1 is no time at all.
  if (timestamp === -1 || (timestamp >= minTimestamp && timestamp <= maxTimestamp)) return null
  const border = timestamp < minTimestamp ? `before ${minTimestamp}` : `after ${maxTimestamp}`
  return batchError('invalid-timestamp', `timestamp ${timestamp} is ${border}`, recordIndex)
}

function checkRecords(limits: BatchLimits): BatchError | null {
  const start = view.position + RECORD_BATCH_HEADER_BYTES
  const lengthsSuffice = limits.requireKey !== true && limits.minTimestamp === undefined
  if (view.compression === CompressionType.none && lengthsSuffice) {
    return walkLengths(view.bytes, start, view.end, view.recordCount)
  }
  const cursor = openRecords(view, limits.maxDecompressedBytes)
  if (!isBatchError(cursor)) return walkFields(cursor, limits)
  // The checksum is right: these are the bytes that the client meant, and sending them again would not help.
  return cursor.kind === 'corrupt' ? invalid(cursor.message) : cursor
}

function walkFields(cursor: RecordCursor, limits: BatchLimits): BatchError | null {
  const { baseTimestamp } = view
  while (cursor.next()) {
    if (limits.requireKey === true && cursor.keyLength < 0) {
      return batchError('invalid-record', 'a compacted topic takes no record without key', cursor.index)
    }
    const error = checkTime(baseTimestamp + cursor.timestampDelta, limits, cursor.index)
    if (error !== null) return error
  }
  return cursor.error
}

function invalid(problem: string): BatchError {
  return batchError('invalid-record', problem)
}
