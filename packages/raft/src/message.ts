/**
 * What replicas of the metadata log say to each other, without the parts that only the wire needs (cluster id, topic
 * name, partition index: the driver checks them). Names and meanings are Kafka's (KIP-595, 630, 853, 996).
 */
import type { NodeId, Offset, Uuid } from '@millrace/base'
import type { SnapshotId } from './log-summary.ts'
import type { ReplicaKey, VoterEndpoint } from './replica-key.ts'
import type { Voter } from './voter-set.ts'

/** Kafka's names of the errors that these answers carry. */
export type RaftError =
  | 'NONE'
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'INVALID_VOTER_KEY'
  | 'INVALID_REQUEST'
  | 'SNAPSHOT_NOT_FOUND'
  | 'POSITION_OUT_OF_RANGE'
  | 'VOTER_NOT_FOUND'
  | 'DUPLICATE_VOTER'
  | 'REQUEST_TIMED_OUT'

/** In every answer: what the one that answers knows about the leadership. */
export interface LeadershipClaim {
  readonly epoch: number
  /** NO_NODE: unknown. */
  readonly leaderId: NodeId
  readonly leaderEndpoint: VoterEndpoint | null
}

export interface VoteRequest {
  readonly kind: 'vote'
  /** Whom the sender believes to be asking; another directory id than the receiver's is refused. */
  readonly voter: ReplicaKey
  readonly candidate: ReplicaKey
  /** For a pre-vote the candidate's current epoch, else the one it wants to lead. */
  readonly epoch: number
  readonly lastOffset: Offset
  readonly lastEpoch: number
  readonly preVote: boolean
}

export interface VoteResponse extends LeadershipClaim {
  readonly kind: 'vote'
  readonly error: RaftError
  readonly granted: boolean
  /** Of the one that answers: the first leader of a new cluster learns the disks of its voters from it. */
  readonly voterDirectoryId: Uuid
}

export interface BeginQuorumEpochRequest {
  readonly kind: 'begin-quorum-epoch'
  readonly voter: ReplicaKey
  readonly epoch: number
  readonly leaderId: NodeId
  readonly leaderEndpoint: VoterEndpoint
}

export interface BeginQuorumEpochResponse extends LeadershipClaim {
  readonly kind: 'begin-quorum-epoch'
  readonly error: RaftError
}

export interface EndQuorumEpochRequest {
  readonly kind: 'end-quorum-epoch'
  readonly epoch: number
  readonly leaderId: NodeId
  /** Best first. */
  readonly preferredCandidates: readonly ReplicaKey[]
}

export interface EndQuorumEpochResponse extends LeadershipClaim {
  readonly kind: 'end-quorum-epoch'
  readonly error: RaftError
}

export interface FetchRequest {
  readonly kind: 'fetch'
  readonly replica: ReplicaKey
  readonly epoch: number
  /** End of the replica's log, all of it flushed. */
  readonly fetchOffset: Offset
  readonly lastFetchedEpoch: number
  /** Up to where the replica has applied what is committed; NO_OFFSET: unknown. */
  readonly appliedOffset: Offset
  readonly maxWaitMs: number
  readonly maxBytes: number
}

/** One batch of a fetch answer, as the driver reads it off its header. */
export interface BatchSummary {
  readonly baseOffset: Offset
  readonly lastOffset: Offset
  readonly epoch: number
  /** Of a batch that holds a Voters record. */
  readonly voters: readonly Voter[] | null
}

/** Whole batches in order. `data` is the driver's own handle of the bytes: the core hands it back to be appended. */
export interface FetchedRecords {
  readonly batches: readonly BatchSummary[]
  readonly data: unknown
}

export interface FetchResponse extends LeadershipClaim {
  readonly kind: 'fetch'
  readonly error: RaftError
  readonly highWatermark: Offset
  readonly logStartOffset: Offset
  /** The logs part: truncate to where this epoch ends here. */
  readonly diverging: { readonly epoch: number; readonly endOffset: Offset } | null
  /** What the replica needs is no longer in the log: fetch this snapshot instead. */
  readonly snapshotId: SnapshotId | null
  readonly records: FetchedRecords | null
}

export interface FetchSnapshotRequest {
  readonly kind: 'fetch-snapshot'
  readonly replica: ReplicaKey
  readonly epoch: number
  readonly snapshotId: SnapshotId
  /** Bytes received so far. */
  readonly position: number
  readonly maxBytes: number
}

export interface FetchSnapshotResponse extends LeadershipClaim {
  readonly kind: 'fetch-snapshot'
  readonly error: RaftError
  readonly snapshotId: SnapshotId
  readonly sizeBytes: number
  readonly position: number
  /** Bytes of this chunk. */
  readonly bytes: number
  /** The driver's own handle of them. */
  readonly data: unknown
}

/** KIP-853. Answered when the change is committed, or can't be. */
export interface AddVoterRequest {
  readonly kind: 'add-voter'
  readonly voter: Voter
  readonly timeoutMs: number
}

export interface RemoveVoterRequest {
  readonly kind: 'remove-voter'
  readonly voter: ReplicaKey
  readonly timeoutMs: number
  /**
   * Refuse where this voter has been heard of lately: asked by another disk that takes its place, which may be that of a
   * second process. Administrators know what they do.
   */
  readonly onlyIfSilent: boolean
}

/** A voter listens elsewhere than the voter set says. */
export interface UpdateVoterRequest {
  readonly kind: 'update-voter'
  readonly epoch: number
  readonly voter: Voter
}

export interface ChangeVotersResponse extends LeadershipClaim {
  readonly kind: 'add-voter' | 'remove-voter' | 'update-voter'
  readonly error: RaftError
  /** For people; null when there is nothing to say. */
  readonly message: string | null
}

export type RaftRequest =
  | VoteRequest
  | BeginQuorumEpochRequest
  | EndQuorumEpochRequest
  | FetchRequest
  | FetchSnapshotRequest
  | AddVoterRequest
  | RemoveVoterRequest
  | UpdateVoterRequest

export type RaftResponse =
  | VoteResponse
  | BeginQuorumEpochResponse
  | EndQuorumEpochResponse
  | FetchResponse
  | FetchSnapshotResponse
  | ChangeVotersResponse
