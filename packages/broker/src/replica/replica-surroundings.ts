/**
 * What one replica is surrounded by: what all replicas of a shard share, whom they ask, whom they tell. The driver's whole
 * outside but for its log.
 */
import type { Clock, LeaderEpoch, Log as Journal, NodeId, Offset, Uuid } from '@millrace/base'
import type {
  AckError,
  AckWait,
  AlterPartitionAnswer,
  BrokerLiveness,
  LeadershipRefusal,
  ReplicaRole,
  ReplicationEffect,
} from '@millrace/replication'
import type { Deadlines } from '../deadlines.ts'
import type { ReplicaDriver } from './replica-driver.ts'
import type { ReplicaFetches } from './replica-fetch.ts'

/** What all replicas of a shard share. */
export interface ReplicaSurroundings {
  readonly nodeId: NodeId
  /** Of this process, as the metadata has it now. */
  brokerEpoch(): number
  readonly brokers: BrokerLiveness
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly journal: Journal
  readonly fetches: ReplicaFetches
  readonly proposals: PartitionProposals
  readonly ticks: ReplicaTicks
  /** `replica.lag.time.max.ms` */
  readonly replicaLagTimeMaxMs: number
  /** A replica leads as far as it knows, and most likely does not any more: told again and again. */
  onDoubted(): void
  /** Makes what the checkpoints say of this replica durable. */
  saveCheckpoint(replica: ReplicaDriver): Promise<void>
}

/** A leader, as whoever carries its proposals sees it. */
export interface ProposingReplica {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly leaderEpoch: LeaderEpoch
  /** @param answer null: none came */
  onAlterPartitionAnswer(requestId: number, answer: AlterPartitionAnswer | null): void
}

/** What leaders ask of the controller. */
export interface PartitionProposals {
  alterPartition(
    replica: ProposingReplica,
    proposal: ReplicationEffect & { readonly kind: 'alter-partition' },
  ): void
  refuseLeadership(replica: ProposingReplica, leaderEpoch: LeaderEpoch, reason: LeadershipRefusal): void
}

/** A replica, as whoever wakes it sees it. */
export interface TickedReplica {
  readonly wantsTick: boolean
  readonly hasUntoldHighWatermark: boolean
  tick(): void
  tellHighWatermark(): void
}

/** Who has to be woken now and then. */
export interface ReplicaTicks {
  /** `wantsTick` and `hasUntoldHighWatermark` of a replica may have changed. */
  consider(replica: TickedReplica): void
  forget(replica: TickedReplica): void
}

/** What a replica tells the partition that it belongs to. */
export interface ReplicaEvents {
  onRole(role: ReplicaRole): void
  onHighWatermark(offset: Offset): void
  /** Records of the leader were written. */
  onFetched(endOffset: Offset, bytes: number): void
  onReleased(waits: readonly AckWait[]): void
  onFailed(waits: readonly AckWait[], error: AckError): void
}

/** What the checkpoint files say about a replica that is opened. */
export interface ReplicaCheckpoint {
  readonly highWatermark: Offset
  readonly owedEndOffset: Offset | null
}
