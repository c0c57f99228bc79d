/** What a broker sees of the metadata quorum beside its records: who leads it. */
import type { Endpoint, NodeId } from '@millrace/base'

export interface QuorumView {
  /** As far as this node knows. */
  readonly leader: {
    /** `NO_NODE` while unknown. */
    readonly id: NodeId
    readonly epoch: number
    /** Where that controller listens; null while unknown. */
    readonly endpoint: Endpoint | null
  }
  /** Runs `listener` after each change of the leader, or of whether it may decide. @returns ends that */
  onLeaderChange(listener: () => void): () => void
}
