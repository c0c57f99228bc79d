/**
 * What a client is told about a batch that was not accepted: the record package's reasons in the protocol's numbers.
 */
import { ErrorCode } from '@millrace/protocol'
import type { BatchError, BatchErrorKind } from '@millrace/record'
import type { Append } from './append.ts'

const CODES: Readonly<Record<BatchErrorKind, number>> = {
  corrupt: ErrorCode.CORRUPT_MESSAGE,
  'invalid-record': ErrorCode.INVALID_RECORD,
  'invalid-timestamp': ErrorCode.INVALID_TIMESTAMP,
  'too-large': ErrorCode.MESSAGE_TOO_LARGE,
  'unsupported-compression': ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  // Kafka, too, calls an old message set in a new request an invalid record.
  'unsupported-format': ErrorCode.INVALID_RECORD,
}

export function refuse(append: Append, error: BatchError): void {
  const refused =
    error.recordIndex === undefined ? [] : [{ batchIndex: error.recordIndex, message: error.message }]
  append.tellsLogStart = error.kind === 'invalid-record' || error.kind === 'invalid-timestamp'
  append.fail(CODES[error.kind], error.message, refused)
}
