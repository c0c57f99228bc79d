export type {
  FetchReply,
  LeadershipRefusal,
  ReplicaRole,
  ReplicationEffect,
  TruncationReason,
} from './effect.ts'
export type { ReplicationEvent } from './event.ts'
export type * from './message.ts'
export { type FollowerDescription, PartitionReplica } from './partition-replica.ts'
export { LeaderRecoveryState, type PartitionState } from './partition-state.ts'
export type { BrokerLiveness, LogSummary, ReplicaOptions, ReplicationConfig } from './replica-options.ts'
