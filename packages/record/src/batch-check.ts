/**
 * Is this a whole, undamaged RecordBatch v2? The check that everyone makes who takes a batch from a disk or a peer.
 *
 * Must not know: who wrote it, what the records say.
 */
import type { BatchError } from './batch-error.ts'
import { batchError } from './batch-error.ts'
import { LOG_OVERHEAD, Position, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from './record-batch-view.ts'

/** Shared, because every call points it at its own batch and is done with it before it returns. */
const view = new RecordBatchView(Buffer.alloc(RECORD_BATCH_HEADER_BYTES))

/**
 * Checks that `bytes[start, end)` begins with a whole batch of version 2 whose header is coherent and, when `withCrc`,
 * whose checksum is right. A cleaned batch may have fewer records than offsets, even none.
 */
export function checkBatch(bytes: Buffer, start: number, end: number, withCrc = true): BatchError | null {
  const available = end - start
  if (available <= Position.magic) return corrupt(`${available} bytes are too few for a record batch`)
  const magic = view.at(bytes, start).magic
  if (magic === 0 || magic === 1) {
    return batchError(
      'unsupported-format',
      `message format v${magic}: only record batches (v2) are supported`,
    )
  }
  if (magic !== 2) return corrupt(`unknown message format ${magic}`)
  if (available < RECORD_BATCH_HEADER_BYTES)
    return corrupt(`${available} bytes are too few for a record batch`)
  const size = view.sizeInBytes
  if (size < RECORD_BATCH_HEADER_BYTES)
    return corrupt(`a batch length of ${size - LOG_OVERHEAD} is impossible`)
  if (size > available) return corrupt(`the batch has ${size} bytes, of which ${available} are here`)
  if (withCrc && view.crc !== view.computeCrc())
    return corrupt(`wrong checksum of the batch at offset ${view.baseOffset}`)
  return checkNumbers()
}

function checkNumbers(): BatchError | null {
  const { recordCount, lastOffsetDelta } = view
  if (lastOffsetDelta < 0 || !Number.isSafeInteger(view.lastOffset) || view.baseOffset < 0) {
    return batchError(
      'invalid-record',
      `invalid offset range: ${view.baseOffset} and ${lastOffsetDelta} more`,
    )
  }
  if (recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    return batchError('invalid-record', `${recordCount} records for ${lastOffsetDelta + 1} offsets`)
  }
  if (!Number.isSafeInteger(view.baseTimestamp) || !Number.isSafeInteger(view.maxTimestamp)) {
    return batchError('invalid-timestamp', 'a timestamp beyond 2^53 milliseconds')
  }
  return null
}

function corrupt(problem: string): BatchError {
  return batchError('corrupt', problem)
}
