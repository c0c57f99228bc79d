/** A partition as the metadata log has it: the part that its replicas act on. A `PartitionImage` is one. */
import type { LeaderEpoch, NodeId } from '@millrace/base'

export interface PartitionState {
  /** All that are assigned, those being added or removed by a reassignment included. */
  readonly replicas: readonly NodeId[]
  readonly isr: readonly NodeId[]
  /** NO_NODE: none. */
  readonly leader: NodeId
  /** Rises with every election, and when a replica is taken away, so that its late fetches are refused. */
  readonly leaderEpoch: LeaderEpoch
  /** Rises with every change of the partition. */
  readonly partitionEpoch: number
  /** 1 after an unclean election, until every replica is in the ISR. */
  readonly leaderRecoveryState: number
}

export const LeaderRecoveryState = { recovered: 0, recovering: 1 } as const
