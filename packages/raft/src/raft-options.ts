/** What a replica is told when it is made: who it is, what it is configured with, and what recovery found on its disk. */
import type { LogSummary, QuorumState } from './log-summary.ts'
import type { ReplicaKey, VoterEndpoint } from './replica-key.ts'
import type { VoterSet } from './voter-set.ts'

export interface RaftConfig {
  /** A follower that has not heard from its leader for so long looks for another; the leader's check-quorum is 1.5 of it. */
  readonly fetchTimeoutMs: number
  /** How long a voter waits for an election to be decided, at least; up to twice as long by jitter. */
  readonly electionTimeoutMs: number
  /** Upper bound of the pause between two attempts to be elected, or to fetch. */
  readonly electionBackoffMaxMs: number
  /** When the driver gives a `send` up; also what the replica asks for in its own requests to change voters. */
  readonly requestTimeoutMs: number
  /** How long the leader keeps a fetch that finds nothing new. */
  readonly fetchMaxWaitMs: number
  readonly fetchMaxBytes: number
  readonly snapshotChunkBytes: number
  /** A controller that is no voter asks to become one (KIP-1186). */
  readonly autoJoin: boolean
  /** Spread of elections that begin because the leader is known to be gone; 60 when not given. */
  readonly promptElectionJitterMs?: number
}

export interface RaftOptions {
  readonly self: ReplicaKey
  /** Controllers; brokers only observe. */
  readonly canVote: boolean
  /** Where other voters reach this one; null for those that can't vote. */
  readonly endpoint: VoterEndpoint | null
  /** Configured, with unknown directories: the voters of a new cluster, and the first addresses of an old one. */
  readonly bootstrapVoters: VoterSet
  /** Null on an empty disk. */
  readonly quorumState: QuorumState | null
  readonly log: LogSummary
  readonly config: RaftConfig
}
