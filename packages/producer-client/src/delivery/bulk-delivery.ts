/**
 * All records of one `sendMany`: counts what is stored, merges neighbours into ranges, remembers the first failure.
 *
 * Invariant: `accepted` = records that were handed over; each of them ends as delivered or failed.
 */
import type { Offset } from '@millrace/base'
import { MillraceError } from '@millrace/client'
import type { Delivered, DeliverySink } from '../accumulator/delivery-sink.ts'
import type { SendManyResult, StoredRange } from '../producer-record.ts'

/** Some records of a `sendMany` were not stored, or it is unknown whether they were; `stored` tells which were. */
export class SendManyError extends MillraceError {
  override readonly name = 'SendManyError'
  readonly stored: SendManyResult
  readonly failedCount: number

  /** @param cause of the first failure */
  constructor(stored: SendManyResult, failedCount: number, cause: Error) {
    const code = cause instanceof MillraceError ? cause.code : 'SEND_MANY'
    const retriable = cause instanceof MillraceError && cause.retriable
    const counts = `${stored.recordCount} records were stored and acknowledged, ${failedCount} failed`
    super(code, `${cause.message} (${counts})`, retriable, cause)
    this.stored = stored
    this.failedCount = failedCount
  }
}

export class BulkDelivery implements DeliverySink {
  readonly #topic: string
  readonly #ranges: StoredRange[] = []
  /** Index in `#ranges` of the last range of a partition. */
  readonly #lastRange = new Map<number, number>()
  #accepted = 0
  #delivered = 0
  #failed = 0
  #error: Error | null = null
  #settled: PromiseWithResolvers<SendManyResult> | null = null

  constructor(topic: string) {
    this.#topic = topic
  }

  /** The first failure; null while all goes well. */
  get error(): Error | null {
    return this.#error
  }

  onAccepted(): void {
    this.#accepted++
  }

  onDelivered({ partition, baseOffset }: Delivered, firstIndex: number, count: number): void {
    this.#delivered += count
    this.#addRange(partition, (baseOffset < 0 ? baseOffset : baseOffset + firstIndex) as Offset, count)
    this.#maybeSettle()
  }

  onFailed(error: Error, count: number): void {
    this.#failed += count
    this.#error ??= error
    this.#maybeSettle()
  }

  /**
   * No more records follow.
   *
   * @param error why the caller stopped before the end of its input
   */
  finish(error: Error | null): Promise<SendManyResult> {
    this.#error ??= error
    this.#settled = Promise.withResolvers<SendManyResult>()
    this.#maybeSettle()
    return this.#settled.promise
  }

  #maybeSettle(): void {
    if (this.#settled === null || this.#delivered + this.#failed < this.#accepted) return
    const result = { topic: this.#topic, recordCount: this.#delivered, ranges: this.#ranges }
    if (this.#error === null) this.#settled.resolve(result)
    else this.#settled.reject(new SendManyError(result, this.#failed, this.#error))
  }

  #addRange(partition: number, baseOffset: Offset, recordCount: number): void {
    const index = this.#lastRange.get(partition)
    const last = index === undefined ? undefined : this.#ranges[index]!
    const isNeighbour =
      last !== undefined && (baseOffset < 0 || last.baseOffset + last.recordCount === baseOffset)
    if (isNeighbour) this.#ranges[index!] = { ...last, recordCount: last.recordCount + recordCount }
    else this.#lastRange.set(partition, this.#ranges.push({ partition, baseOffset, recordCount }) - 1)
  }
}
