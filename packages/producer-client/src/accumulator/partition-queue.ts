/**
 * The batches of one partition in the order in which they must be stored: some on their way, some closed, the last one
 * still open. Pure: times are arguments.
 *
 * Invariants: batches are sent for the first time in order; one that failed goes again only as the first of all, and
 * nothing new is sent while one waits to go again. Without idempotence one batch is in flight at a time: that is what
 * keeps the order then.
 */
import { assert } from '@millrace/base'
import { PartitionSequence } from '../idempotence/partition-sequence.ts'
import type { ProducerIdentity } from '../idempotence/producer-ids.ts'
import type { ProducerBatch } from './producer-batch.ts'

export interface QueueLimits {
  readonly lingerMs: number
  /** An open batch of this size does not wait for more. */
  readonly batchBytes: number
  /** Batches on their way at the same time. More than one needs idempotence. */
  readonly partitionInFlightMax: number
}

const NONE = -1
const UNKNOWN_LEADER_EPOCH = -1

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly sequence = new PartitionSequence()
  readonly #limits: QueueLimits
  readonly #batches: ProducerBatch[] = []
  readonly #inFlight = new Set<ProducerBatch>()
  /** Whether the last of `#batches` may take more records. */
  #isOpen = false
  /** Not before this, after a failed try. */
  #retryAtMs = 0
  /** Of the leader that batches go to now. */
  #leaderEpoch = UNKNOWN_LEADER_EPOCH

  constructor(topic: string, partition: number, limits: QueueLimits) {
    this.topic = topic
    this.partition = partition
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  get batches(): readonly ProducerBatch[] {
    return this.#batches
  }

  /** The batch that takes the next record, if there is one. */
  get open(): ProducerBatch | null {
    return this.#isOpen ? this.#batches[this.#batches.length - 1]! : null
  }

  /** The batch that `take` would give, whatever the time; null: none may be sent now. */
  get next(): ProducerBatch | null {
    const index = this.#nextIndex()
    return index === NONE ? null : this.#batches[index]!
  }

  isInFlight(batch: ProducerBatch): boolean {
    return this.#inFlight.has(batch)
  }

  /** Batches go to this leader from now on: what has failed at another one has no reason to wait. */
  onLeaderEpoch(leaderEpoch: number): void {
    if (leaderEpoch === this.#leaderEpoch) return
    this.#leaderEpoch = leaderEpoch
    this.#retryAtMs = 0
  }

  /** Starts a new open batch; the present one takes no more records. */
  push(batch: ProducerBatch): void {
    this.#batches.push(batch)
    this.#isOpen = true
  }

  /**
   * When the next batch may be sent; Infinity while none may. Behind others that are on their way, a batch grows until it
   * is full: fewer and larger requests are worth more than an early one.
   *
   * @param isUrgent nobody may linger: a flush waits, or memory is full
   */
  readyAtMs(isUrgent: boolean): number {
    const index = this.#nextIndex()
    if (index === NONE) return Infinity
    const isClosed = index < this.#batches.length - 1 || !this.#isOpen
    if (index > 0) return isClosed ? this.#retryAtMs : Infinity
    const next = this.#batches[index]!
    const isComplete = isClosed || next.sizeInBytes >= this.#limits.batchBytes
    const lingersUntilMs = isComplete || isUrgent ? 0 : next.createdMs + this.#limits.lingerMs
    return Math.max(this.#retryAtMs, lingersUntilMs)
  }

  /** Whether the next batch may be sent along with others although it could wait. */
  canSend(nowMs: number): boolean {
    const index = this.#nextIndex()
    if (index === NONE || nowMs < this.#retryAtMs) return false
    return index === 0 || index < this.#batches.length - 1 || !this.#isOpen
  }

  /**
   * The next batch goes on its way.
   * @param identity whose sequences the batches get; null: none, the producer is not idempotent
   */
  take(identity: ProducerIdentity | null): ProducerBatch {
    const index = this.#nextIndex()
    assert(index !== NONE, 'no batch of the partition may be sent')
    const batch = this.#batches[index]!
    if (index === this.#batches.length - 1) this.#isOpen = false
    if (identity !== null) this.#prepare(batch, identity)
    this.#inFlight.add(batch)
    batch.wasFirst = index === 0
    batch.leaderEpoch = this.#leaderEpoch
    batch.attempts++
    return batch
  }

  /** A batch in flight is done with: delivered or failed for good. */
  onDone(batch: ProducerBatch): void {
    this.#inFlight.delete(batch)
    this.#batches.splice(this.#batches.indexOf(batch), 1)
  }

  /** A batch in flight goes out again, before all later ones. @param atMs not before, unless another leader is known */
  onRetry(batch: ProducerBatch, atMs: number): void {
    this.#inFlight.delete(batch)
    if (batch.leaderEpoch === this.#leaderEpoch) this.#retryAtMs = atMs
  }

  /** A batch in flight was too large: `parts` take its place, and its sequence. */
  onSplit(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    this.#inFlight.delete(batch)
    this.#batches.splice(this.#batches.indexOf(batch), 1, ...parts)
  }

  /** Takes out the batches that may not be tried any more, except those in flight. */
  takeExpired(nowMs: number): ProducerBatch[] {
    const isExpired = (batch: ProducerBatch): boolean =>
      batch.deadlineMs <= nowMs && !this.#inFlight.has(batch)
    const expired = this.#batches.filter(isExpired)
    if (expired.length === 0) return expired
    if (expired.at(-1) === this.#batches.at(-1)) this.#isOpen = false
    this.#batches.splice(0, this.#batches.length, ...this.#batches.filter((batch) => !isExpired(batch)))
    // One that was sent leaves a gap, or may have been stored: nobody can tell.
    if (expired.some((batch) => batch.sequence !== null)) this.sequence.onGap()
    return expired
  }

  /** Takes out everything, batches in flight included. */
  takeAll(): ProducerBatch[] {
    this.#isOpen = false
    this.#inFlight.clear()
    return this.#batches.splice(0)
  }

  #nextIndex(): number {
    const count = this.#batches.length
    if (this.#inFlight.size >= this.#limits.partitionInFlightMax) return NONE
    let index = 0
    while (index < count && this.#inFlight.has(this.#batches[index]!)) index++
    if (index === count) return NONE
    // A new epoch begins when the last batch of the old one has come back.
    if (index === 0) return this.sequence.hasGap && this.#inFlight.size > 0 ? NONE : 0
    const isNew = this.#batches[index]!.attempts === 0
    return isNew && this.sequence.isProven ? index : NONE
  }

  #prepare(batch: ProducerBatch, identity: ProducerIdentity): void {
    if (batch.sequence !== null && !(this.sequence.hasGap && !batch.isUncertain)) return
    if (this.sequence.hasGap) {
      // Nothing behind it is stored, because it is not: all begin anew.
      for (const later of this.#batches) later.sequence = null
    }
    batch.sequence = this.sequence.assign(batch.recordCount, identity)
  }
}
