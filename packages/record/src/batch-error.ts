/**
 * Why bytes were refused as a record batch. Symbolic, because the numbers of Kafka's error codes belong to the
 * protocol: `corrupt` CORRUPT_MESSAGE (damaged: sending again may help), `invalid-record` INVALID_RECORD, `invalid-timestamp` INVALID_TIMESTAMP,
 * `too-large` MESSAGE_TOO_LARGE, `unsupported-compression` UNSUPPORTED_COMPRESSION_TYPE, `unsupported-format` (message
 * sets v0 and v1) what the API at hand prescribes; Produce: INVALID_RECORD.
 */
export type BatchErrorKind =
  | 'corrupt'
  | 'invalid-record'
  | 'invalid-timestamp'
  | 'too-large'
  | 'unsupported-compression'
  | 'unsupported-format'

export interface BatchError {
  readonly kind: BatchErrorKind
  /** One sentence for people. */
  readonly message: string
  /** Which record is to blame, counted from 0, where it is one of them. */
  readonly recordIndex?: number
}

export function batchError(kind: BatchErrorKind, message: string, recordIndex?: number): BatchError {
  return recordIndex === undefined ? { kind, message } : { kind, message, recordIndex }
}

export function isBatchError(value: object): value is BatchError {
  return 'kind' in value
}
