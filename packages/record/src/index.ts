export * from './batch-error.ts'
export { checkBatch } from './batch-check.ts'
export * from './compression-type.ts'
export { compress, decompress } from './compression.ts'
export { compressionProblem, UnsupportedCompressionError } from './optional-codec.ts'
export * from './record-batch-builder.ts'
export {
  batchSizeAt,
  LOG_OVERHEAD,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatchView,
  type TimestampType,
} from './record-batch-view.ts'
export {
  CorruptRecordError,
  type ReadOptions,
  readRecords,
  type RecordHeader,
  type RecordReader,
  type RecordView,
} from './record-reader.ts'
export { batchValidation, type BatchValidationInput } from './batch-validation.job.ts'
export { type BatchLimits, validateBatch } from './batch-validator.ts'
export { buildEndTxnBatch, type EndTxnBatch, type EndTxnMarker, parseEndTxnMarker } from './end-txn-marker.ts'
export { addToSequence, followsSequence, NO_SEQUENCE, subtractFromSequence } from './sequence.ts'
export {
  findByTimestamp,
  findMaxTimestamp,
  type TimestampedOffset,
  type TimestampSearchOptions,
} from './timestamp-search.ts'
