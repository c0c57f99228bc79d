/** Everything that can happen to a replica. With `effect.ts`, the whole outside of the core. */
import type { NodeId, Offset } from '@millrace/base'
import type { SnapshotId } from './log-summary.ts'
import type { RaftRequest, RaftResponse } from './message.ts'
import type { VoterSet } from './voter-set.ts'

/**
 * `election`: an unattached voter, a prospective or a candidate waits for the outcome. `fetch`: a follower or observer has
 * not heard from its leader. `check-quorum`: a leader has not heard from a majority. `backoff`: a lost election, or a refused
 * fetch, is tried again. `resign`: a resigned leader stops telling. `begin-quorum-epoch`: voters that have not fetched yet are
 * told of the leader again. `fetch-waits`: the first of the waiting fetches has waited long enough; `fetch-wait/ID`: so has one
 * that would wait for less than the others. `voter-change`: on the leader, so has an addition or removal of a voter; on a
 * controller that is no voter, time to ask again. `apply-wait`: a follower fetches although what it knows to be committed is
 * not applied yet.
 */
export type RaftTimer =
  | 'election'
  | 'fetch'
  | 'check-quorum'
  | 'backoff'
  | 'resign'
  | 'begin-quorum-epoch'
  | 'voter-change'
  | 'apply-wait'
  | 'fetch-waits'
  | `fetch-wait/${number}`

export type RaftEvent =
  /** A timer that was armed and not disarmed since. */
  | { readonly kind: 'timer'; readonly timer: RaftTimer }
  /** A peer or an administrator asks; answered once by `respond` or `respond-fetch` with the same id. */
  | { readonly kind: 'request'; readonly id: number; readonly request: RaftRequest }
  /** Whoever asked is gone: a waiting request needs no answer any more. */
  | { readonly kind: 'request-dropped'; readonly id: number }
  /** The answer to a `send`; null when none came: connection lost, or too late. Each send is answered exactly once. */
  | { readonly kind: 'response'; readonly sendId: number; readonly response: RaftResponse | null }
  /** The process at the other end is gone: its connection was reset, and it refuses new ones. */
  | { readonly kind: 'peer-gone'; readonly id: NodeId }
  /** The leader's own records: only while `role` is `leader`. They are one batch. */
  | { readonly kind: 'propose'; readonly recordCount: number; readonly proposal: unknown }
  /** A `persist` is on disk. */
  | { readonly kind: 'persisted'; readonly op: number }
  /** The log is on disk up to here; of another generation than the current one it is dropped. */
  | { readonly kind: 'flushed'; readonly generation: number; readonly endOffset: Offset }
  /** What is committed up to here has been applied: what the next fetch reports. */
  | { readonly kind: 'applied'; readonly offset: Offset }
  /** This replica's own snapshot is on disk, name included. */
  | { readonly kind: 'snapshot-created'; readonly snapshotId: SnapshotId }
  /** A fetched snapshot is on disk and verified, the log is empty and begins at its end. That it is applied is told by `applied`. */
  | { readonly kind: 'snapshot-installed'; readonly snapshotId: SnapshotId; readonly voters: VoterSet | null }
  /** A fetched snapshot turned out to be damaged: fetch it again. */
  | { readonly kind: 'snapshot-rejected'; readonly snapshotId: SnapshotId }
  /** The disk has no space for what this leader would append: another voter's may have. */
  | { readonly kind: 'append-refused' }
  /** Hand the leadership over, and take part in no election any more. */
  | { readonly kind: 'resign' }
