/** What a leader knows of the replicas of its log (DescribeQuorum); the driver adds times. */
import type { NodeId, Offset } from '@millrace/base'
import type { ReplicaKey } from './replica-key.ts'

export interface ReplicaDescription extends ReplicaKey {
  /** Flushed; NO_OFFSET: it has not fetched in this epoch. */
  readonly logEndOffset: Offset
  /** NO_OFFSET: unknown. */
  readonly appliedOffset: Offset
}

export interface QuorumDescription {
  readonly leaderId: NodeId
  readonly epoch: number
  readonly highWatermark: Offset
  /** By id, ascending. Offsets are known on the leader only. */
  readonly voters: readonly ReplicaDescription[]
  /** The latest to fetch last; empty but on the leader. */
  readonly observers: readonly ReplicaDescription[]
}
