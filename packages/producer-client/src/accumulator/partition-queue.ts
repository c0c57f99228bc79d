/**
 * The batches of one partition in the order in which they must be stored: some closed, the last one still open. Pure:
 * times are arguments.
 *
 * Invariant: at most one batch is in flight, always the first. Without idempotence that is what keeps the order when a
 * batch has to be sent again.
 */
import { assert } from '@millrace/base'
import type { ProducerBatch } from './producer-batch.ts'

export interface QueueLimits {
  readonly lingerMs: number
  /** An open batch of this size does not wait for more. */
  readonly batchBytes: number
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly #limits: QueueLimits
  readonly #batches: ProducerBatch[] = []
  /** Whether the last of `#batches` may take more records. */
  #isOpen = false
  #inFlight = false
  /** Not before this, after a failed try. */
  #retryAtMs = 0

  constructor(topic: string, partition: number, limits: QueueLimits) {
    this.topic = topic
    this.partition = partition
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  get inFlight(): boolean {
    return this.#inFlight
  }

  get batches(): readonly ProducerBatch[] {
    return this.#batches
  }

  /** The batch that takes the next record, if there is one. */
  get open(): ProducerBatch | null {
    return this.#isOpen ? this.#batches[this.#batches.length - 1]! : null
  }

  /** Starts a new open batch; the present one takes no more records. */
  push(batch: ProducerBatch): void {
    this.#batches.push(batch)
    this.#isOpen = true
  }

  /**
   * When the first batch may be sent; Infinity while one is in flight or there is none.
   *
   * @param isUrgent nobody may linger: a flush waits, or memory is full
   */
  readyAtMs(isUrgent: boolean): number {
    const first = this.#batches[0]
    if (first === undefined || this.#inFlight) return Infinity
    const isComplete =
      this.#batches.length > 1 || !this.#isOpen || first.sizeInBytes >= this.#limits.batchBytes
    const lingersUntilMs = isComplete || isUrgent ? 0 : first.createdMs + this.#limits.lingerMs
    return Math.max(this.#retryAtMs, lingersUntilMs)
  }

  /** Whether the first batch may be sent along with others although it could wait. */
  canSend(nowMs: number): boolean {
    return this.#batches.length > 0 && !this.#inFlight && nowMs >= this.#retryAtMs
  }

  /** The first batch goes on its way. */
  take(): ProducerBatch {
    const first = this.#batches[0]
    assert(first !== undefined && !this.#inFlight, 'one batch of a partition is in flight at a time')
    if (this.#batches.length === 1) this.#isOpen = false
    this.#inFlight = true
    first.attempts++
    return first
  }

  /** The batch in flight is done with: delivered or failed for good. */
  onDone(): void {
    this.#inFlight = false
    this.#batches.shift()
  }

  /** The batch in flight goes out again, before all others. */
  onRetry(atMs: number): void {
    this.#inFlight = false
    this.#retryAtMs = atMs
  }

  /** The batch in flight was too large: `parts` take its place. */
  onSplit(parts: readonly ProducerBatch[]): void {
    this.#inFlight = false
    this.#batches.splice(0, 1, ...parts)
  }

  /** Takes out the batches that may not be tried any more, except one in flight. */
  takeExpired(nowMs: number): ProducerBatch[] {
    const start = this.#inFlight ? 1 : 0
    let end = start
    while (end < this.#batches.length && this.#batches[end]!.deadlineMs <= nowMs) end++
    if (end === this.#batches.length && end > start) this.#isOpen = false
    return this.#batches.splice(start, end - start)
  }

  /** Takes out everything, a batch in flight included. */
  takeAll(): ProducerBatch[] {
    this.#isOpen = false
    this.#inFlight = false
    return this.#batches.splice(0)
  }
}
