/** What a replica begins with, and what it may ask. */
import type { NodeId, Offset } from '@millrace/base'
import type { EpochStart } from './message.ts'

/** What recovery found on disk. */
export interface LogSummary {
  readonly logStartOffset: Offset
  readonly logEndOffset: Offset
  /** The recovery point. */
  readonly flushedEndOffset: Offset
  /** Ascending. A log that is not empty has at least one. */
  readonly epochs: readonly EpochStart[]
  /** From the checkpoint; may be above the log's end after a loss. */
  readonly highWatermark: Offset
  /** From the checkpoint of what a damaged log owes; null: nothing. */
  readonly owedEndOffset: Offset | null
  /** From here on the log is damaged; null: it is sound. */
  readonly damagedFrom: Offset | null
}

export interface ReplicationConfig {
  /** What an acknowledgement says: that it is on disk (`commit`), or written. `interval` counts as `os`. */
  readonly flushPolicy: 'commit' | 'interval' | 'os'
  /** A topic with fewer replicas needs all that it has. */
  readonly minInsyncReplicas: number
  /** A follower that has not been at the log's end for so long leaves the ISR. */
  readonly replicaLagTimeMaxMs: number
  /** Between proposals to the controller, when one failed. */
  readonly proposalBackoffMs: number
}

/** Other brokers as the metadata has them now. Asked only during a step; a change needs no event. */
export interface BrokerLiveness {
  /** The current process of a broker that is neither fenced nor in controlled shutdown (KIP-841); null otherwise. */
  eligibleEpoch(id: NodeId): number | null
  /** The current process, in whatever state; null: not registered. */
  brokerEpoch(id: NodeId): number | null
  /** This broker has heard from no controller for so long that its session has ended: it may have been replaced. */
  isOwnSessionOver(): boolean
}

export interface ReplicaOptions {
  readonly id: NodeId
  /** Of this process. */
  readonly brokerEpoch: number
  readonly log: LogSummary
  readonly config: ReplicationConfig
  readonly brokers: BrokerLiveness
  /** Above every one that this process has used for the partition. */
  readonly firstFetchId: number
  /**
   * This replica was in this process before (its shard was restarted), so nothing written was lost, and an epoch that the
   * log has begun may be led on. Otherwise such an epoch was that of another process, whose last records may be elsewhere.
   */
  readonly resumesEpochs: boolean
}
