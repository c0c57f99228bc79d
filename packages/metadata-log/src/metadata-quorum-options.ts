/** What a replica of the metadata quorum is opened with. */
import type { Endpoint, Env, NodeId, Uuid } from '@millrace/base'

export type QuorumEnv = Pick<Env, 'clock' | 'timers' | 'rng' | 'entropy' | 'net' | 'disk' | 'log' | 'host'>

export interface QuorumConfig {
  /** Without an answer of the leader for this long, a follower looks for another one. */
  readonly fetchTimeoutMs: number
  /** An election without an outcome is tried again after this, and up to as much again. */
  readonly electionTimeoutMs: number
  /** After a lost election at most this long is waited. */
  readonly electionBackoffMaxMs: number
  /** A peer that has not answered by then has not answered. Fetches may take `fetchMaxWaitMs` longer. */
  readonly requestTimeoutMs: number
  /** How long the leader keeps a fetch that has nothing to give yet. */
  readonly fetchMaxWaitMs: number
  /** Log bytes since the last snapshot after which the next is written. */
  readonly snapshotBytes: number
  /** Time after which a snapshot is written when there is anything new. */
  readonly snapshotIntervalMs: number
  /** Size of a segment of the metadata log. */
  readonly segmentBytes: number
  /** A controller that is no voter asks to become one (KIP-853). */
  readonly autoJoin: boolean
}

/** A voter as configured: genesis member, and where it is first looked for. */
export interface BootstrapVoter extends Endpoint {
  readonly id: NodeId
}

export interface MetadataQuorumOptions {
  readonly env: QuorumEnv
  /** Data folder; the log lies in `__cluster_metadata-0` in it. */
  readonly dataDirectory: string
  readonly clusterId: string
  readonly nodeId: NodeId
  /** Of the data folder. */
  readonly directoryId: Uuid
  /** Controllers; brokers only observe. */
  readonly canVote: boolean
  readonly bootstrapVoters: readonly BootstrapVoter[]
  /** Where others reach this controller; null for observers. */
  readonly listener: Endpoint | null
  readonly config: QuorumConfig
}

/** Of `leader`. */
export interface QuorumLeader {
  /** NO_NODE while unknown. */
  readonly id: NodeId
  readonly epoch: number
  readonly endpoint: Endpoint | null
}
