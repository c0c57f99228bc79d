/**
 * What a failed try means for a batch with a sequence: whether it may be stored, is sent again as it is, or begins anew in
 * a higher epoch (KIP-98, KIP-360). Pure.
 */
import { BrokerError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'

/** Answers that a leader gives before it appends; any other may have come after. */
const SURELY_NOT_STORED: ReadonlySet<number> = new Set([
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.UNKNOWN_PRODUCER_ID,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.INVALID_RECORD,
  ErrorCode.INVALID_TIMESTAMP,
  ErrorCode.INVALID_REQUIRED_ACKS,
  ErrorCode.INVALID_TOPIC_EXCEPTION,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
])

/** Somebody else has the producer id: another one is needed. */
const IDENTITY_LOST: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
])

export interface SequencedFailure {
  readonly error: Error
  /** When it was sent, everything before it was done with: later is too late, its answer may be old. */
  readonly wasFirst: boolean
  /** One before it failed, so that its sequence can't follow. */
  readonly hasGap: boolean
  /** An earlier try may have stored it. */
  readonly isUncertain: boolean
}

/** `usual`: as for a batch without a sequence: by whether the error can pass. */
export type SequencedVerdict = 'usual' | 'again' | 'anew' | 'fail'

export function mayBeStored(error: Error): boolean {
  return !(error instanceof BrokerError && SURELY_NOT_STORED.has(error.errorCode))
}

export function losesIdentity(error: Error): boolean {
  return error instanceof BrokerError && IDENTITY_LOST.has(error.errorCode)
}

export function judgeSequenced({ error, wasFirst, hasGap, isUncertain }: SequencedFailure): SequencedVerdict {
  if (!(error instanceof BrokerError)) return 'usual'
  const isOutOfOrder = error.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  const isUnknown = error.errorCode === ErrorCode.UNKNOWN_PRODUCER_ID
  if (!isOutOfOrder && !isUnknown) return 'usual'
  // The one before it was not stored yet: its turn comes.
  if (!wasFirst) return 'again'
  // Nothing of this producer is left there, so no earlier try is either.
  if (isUnknown) return 'anew'
  // Out of order though everything before it is done with: because that failed, or because the log lost what it had.
  return hasGap && !isUncertain ? 'anew' : 'fail'
}
