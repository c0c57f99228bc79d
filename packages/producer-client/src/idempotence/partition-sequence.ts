/**
 * Where the sequence of one partition stands, and when it must begin anew in a higher epoch (KIP-360). Every partition
 * goes through epochs of its own: the brokers compare them by partition, and nobody else has the producer id.
 *
 * Must not know: batches' content, requests, time.
 * Invariant: sequences are given in the order in which batches are first sent; after a gap, none until the epoch is new.
 */
import { addToSequence } from '@millrace/record'
import type { BatchSequence } from './batch-sequence.ts'
import type { ProducerIdentity } from './producer-ids.ts'

const EPOCH_MAX = 2 ** 15 - 1
const NO_IDENTITY: ProducerIdentity = { producerId: -1, producerEpoch: -1 }

export class PartitionSequence {
  #identity = NO_IDENTITY
  #next = 0
  #hasGap = true
  #isProven = false

  /** A batch that had a sequence will not be stored, as far as known: what follows needs a new epoch. */
  get hasGap(): boolean {
    return this.#hasGap
  }

  /**
   * The leader has stored something of this epoch. Before that a second batch must not be in flight: a leader that knows
   * nothing of a producer may take any sequence for its first (Kafka's does).
   */
  get isProven(): boolean {
    return this.#isProven
  }

  /** Whether the next epoch needs another id than this one. */
  needsOther({ producerId }: ProducerIdentity): boolean {
    return (
      this.#hasGap && this.#identity.producerId === producerId && this.#identity.producerEpoch === EPOCH_MAX
    )
  }

  onGap(): void {
    this.#hasGap = true
    this.#isProven = false
  }

  onStored({ producerId, producerEpoch }: BatchSequence): void {
    const { producerId: id, producerEpoch: epoch } = this.#identity
    if (!this.#hasGap && producerId === id && producerEpoch === epoch) this.#isProven = true
  }

  /**
   * For the next batch that has none. After a gap nothing of the partition may be in flight.
   * @param identity what the cluster gave the producer last
   */
  assign(recordCount: number, identity: ProducerIdentity): BatchSequence {
    if (this.#hasGap) this.#beginEpoch(identity)
    const { producerId, producerEpoch } = this.#identity
    const baseSequence = this.#next
    this.#next = addToSequence(this.#next, recordCount)
    return { producerId, producerEpoch, baseSequence }
  }

  #beginEpoch(identity: ProducerIdentity): void {
    const { producerId, producerEpoch } = this.#identity
    const isSame = producerId === identity.producerId
    this.#identity = isSame ? { producerId, producerEpoch: producerEpoch + 1 } : identity
    this.#next = 0
    this.#hasGap = false
    this.#isProven = false
  }
}
