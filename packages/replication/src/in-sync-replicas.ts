/**
 * The ISR as the leader has to assume it: as the controller last confirmed it, and every proposal that may have been, or
 * may yet be, carried out. Their union is the *maximal* ISR, over which the high watermark is taken: whatever the
 * controller has decided, each member that it may elect holds everything that is committed.
 *
 * Owns: the one proposal in flight. Must not know: why anything is proposed.
 * Invariants: a proposal is for one partition epoch and can be carried out in no other, so it counts until the confirmed
 * partition epoch is a later one, whatever was answered: the request that an answer was lost for may arrive after its
 * repetition has been refused.
 */
import type { NodeId } from '@millrace/base'
import type { PartitionState } from './partition-state.ts'

export class InSyncReplicas {
  #confirmed: readonly NodeId[]
  #partitionEpoch: number
  /** Members of proposals for this partition epoch that are not in the confirmed ISR. */
  readonly #proposed = new Set<NodeId>()
  #requestId: number | null = null

  constructor({ isr, partitionEpoch }: Pick<PartitionState, 'isr' | 'partitionEpoch'>) {
    this.#confirmed = isr
    this.#partitionEpoch = partitionEpoch
  }

  get confirmed(): readonly NodeId[] {
    return this.#confirmed
  }

  get partitionEpoch(): number {
    return this.#partitionEpoch
  }

  get isInFlight(): boolean {
    return this.#requestId !== null
  }

  /** A proposal may still be carried out that would make the ISR larger. */
  get hasOpenExpansion(): boolean {
    return this.#proposed.size > 0
  }

  get maximal(): NodeId[] {
    return [...this.#confirmed, ...this.#proposed]
  }

  isConfirmed(id: NodeId): boolean {
    return this.#confirmed.includes(id)
  }

  isMaximal(id: NodeId): boolean {
    return this.#confirmed.includes(id) || this.#proposed.has(id)
  }

  /** By an answer, or by the metadata log, whichever is first. @returns whether it is news */
  confirm({ isr, partitionEpoch }: Pick<PartitionState, 'isr' | 'partitionEpoch'>): boolean {
    if (partitionEpoch <= this.#partitionEpoch) return false
    this.#confirmed = isr
    this.#partitionEpoch = partitionEpoch
    this.#proposed.clear()
    this.#requestId = null
    return true
  }

  propose(isr: readonly NodeId[], requestId: number): void {
    for (const id of isr) if (!this.#confirmed.includes(id)) this.#proposed.add(id)
    this.#requestId = requestId
  }

  /** @returns whether it is the answer to the proposal in flight, which is so no more */
  answered(requestId: number): boolean {
    if (requestId !== this.#requestId) return false
    this.#requestId = null
    return true
  }
}
