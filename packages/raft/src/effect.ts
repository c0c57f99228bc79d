/**
 * Everything that a replica can want. The driver carries effects out strictly in order, and decides nothing. `after` names
 * a `persist` that must be durable before the message leaves.
 */
import type { NodeId, Offset } from '@millrace/base'
import type { RaftTimer } from './event.ts'
import type { QuorumState, SnapshotId } from './log-summary.ts'
import type { FetchedRecords, LeadershipClaim, RaftRequest, RaftResponse } from './message.ts'
import type { ReplicaKey, VoterEndpoint } from './replica-key.ts'
import type { VoterSet } from './voter-set.ts'

export type RaftRole = 'unattached' | 'prospective' | 'candidate' | 'leader' | 'follower' | 'resigned'

/**
 * What the leader itself appends: a proposal of the driver, or the quorum's own control records, as one batch. In offsets
 * a proposal takes its `recordCount`, `leader-change` one, `voters` one, or two where `isFirst`.
 */
export type LeaderEntry =
  | { readonly kind: 'proposal'; readonly proposal: unknown }
  | {
      readonly kind: 'leader-change'
      readonly leaderId: NodeId
      readonly voterIds: readonly NodeId[]
      readonly grantingVoterIds: readonly NodeId[]
    }
  /** `KRaftVersionRecord` (1) where it is the log's first, and the `VotersRecord`. */
  | { readonly kind: 'voters'; readonly voters: VoterSet; readonly isFirst: boolean }

export type RaftEffect =
  /** After `delayMs` plus a random part of `jitterMs`; replaces the timer of the same name. */
  | { readonly kind: 'arm'; readonly timer: RaftTimer; readonly delayMs: number; readonly jitterMs: number }
  | { readonly kind: 'disarm'; readonly timer: RaftTimer }
  /** Replace the quorum state on disk, in order of `op`; tell `persisted` when it is there. A later one covers earlier ones. */
  | { readonly kind: 'persist'; readonly op: number; readonly state: QuorumState }
  | {
      readonly kind: 'send'
      readonly sendId: number
      readonly to: { readonly id: NodeId; readonly endpoint: VoterEndpoint }
      readonly request: RaftRequest
      readonly after: number | null
    }
  | {
      readonly kind: 'respond'
      readonly id: number
      readonly response: RaftResponse
      readonly after: number | null
    }
  /** Answer a fetch with records from `offset` up to `endOffset`, at least one batch when there is one, about `maxBytes`. */
  | {
      readonly kind: 'respond-fetch'
      readonly id: number
      readonly offset: Offset
      readonly endOffset: Offset
      readonly maxBytes: number
      readonly highWatermark: Offset
      readonly logStartOffset: Offset
      readonly leadership: LeadershipClaim
    }
  /** Answer a snapshot fetch with a chunk of it. */
  | {
      readonly kind: 'respond-snapshot'
      readonly id: number
      readonly snapshotId: SnapshotId
      readonly position: number
      readonly maxBytes: number
      readonly leadership: LeadershipClaim
    }
  /** Append as leader: this batch begins at `baseOffset`. Then flush, and tell `flushed`. */
  | {
      readonly kind: 'append'
      readonly generation: number
      readonly baseOffset: Offset
      readonly epoch: number
      readonly entry: LeaderEntry
    }
  /** Append what was fetched, offsets and epochs as they are. Then flush, and tell `flushed`. */
  | { readonly kind: 'append-fetched'; readonly generation: number; readonly records: FetchedRecords }
  /** Everything from `offset` on goes. Later flushes carry the new generation. */
  | { readonly kind: 'truncate'; readonly generation: number; readonly offset: Offset }
  /** Write a chunk of a snapshot beside the log; `position` 0 begins a new file. */
  | {
      readonly kind: 'write-snapshot-chunk'
      readonly snapshotId: SnapshotId
      readonly position: number
      readonly data: unknown
    }
  /**
   * All chunks are there: make the snapshot durable, load it, reset the log to its end, tell `snapshot-installed`; or
   * `snapshot-rejected`. Later flushes carry the new generation.
   */
  | { readonly kind: 'install-snapshot'; readonly generation: number; readonly snapshotId: SnapshotId }
  /** Records below are in a durable snapshot: drop them from the log. */
  | { readonly kind: 'prune-log'; readonly logStartOffset: Offset }
  /** Committed up to here (exclusive): apply it. Never falls. */
  | { readonly kind: 'high-watermark'; readonly offset: Offset }
  /** For people, once: this id votes already, with another disk, which is alive; this replica does not get its vote. */
  | { readonly kind: 'voter-is-alive'; readonly voter: ReplicaKey }
  /** Role, epoch, leader or voter set changed. */
  | {
      readonly kind: 'leadership'
      readonly role: RaftRole
      readonly leadership: LeadershipClaim
      /** Of a leader: where its epoch begins; what is below may be of others and must be applied before it decides. */
      readonly epochStartOffset: Offset | null
    }
