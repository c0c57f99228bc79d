/**
 * One partition's part of a produce request, from arrival to the moment it may be answered.
 *
 * Invariant: settles exactly once: by its partition, or by its deadline, after which the partition's word no longer
 * counts (the batch may still become part of the log: for the client the outcome is unknown).
 */
import { NO_OFFSET, NO_TIMESTAMP } from '@millrace/base'
import type { Offset, TimestampMs } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'

/** Kafka's `acks`: 0 no answer, 1 after the leader's write, −1 when every in-sync replica has it. */
export type RequiredAcks = -1 | 0 | 1

/** One record that was refused, by its place in the batch. */
export interface RefusedRecord {
  readonly batchIndex: number
  readonly message: string
}

export class Append {
  readonly requiredAcks: RequiredAcks
  readonly #onSettled: (append: Append) => void
  #settled = false

  /** Set when the batch is staged; stays −1 when it is refused. */
  baseOffset: Offset = NO_OFFSET
  /** One past the batch's last record: what the high watermark must reach. */
  endOffset: Offset = NO_OFFSET
  /** −1 unless the topic stamps append times. */
  logAppendTimeMs: TimestampMs = NO_TIMESTAMP
  errorCode: number = ErrorCode.NONE
  errorMessage: string | null = null
  /** Refused for a reason with which Kafka, too, tells where the log starts. */
  tellsLogStart = false
  refusedRecords: readonly RefusedRecord[] = []

  constructor(requiredAcks: RequiredAcks, onSettled: (append: Append) => void) {
    this.requiredAcks = requiredAcks
    this.#onSettled = onSettled
  }

  get settled(): boolean {
    return this.#settled
  }

  succeed(): void {
    if (this.#settled) return
    this.#settled = true
    this.#onSettled(this)
  }

  fail(errorCode: number, message: string | null, refusedRecords: readonly RefusedRecord[] = []): void {
    if (this.#settled) return
    this.#settled = true
    this.baseOffset = NO_OFFSET
    this.logAppendTimeMs = NO_TIMESTAMP
    this.errorCode = errorCode
    this.errorMessage = message
    this.refusedRecords = refusedRecords
    this.#onSettled(this)
  }
}
