/** What moves fetches of followers between brokers and the replicas that want or answer them: both sides of the seam. */
import type { BufferPool, LeaderEpoch, NodeId, Offset, Uuid } from '@millrace/base'
import type { FetchAnswer, FetchReply, FollowerFetch } from '@millrace/replication'
import type { MetadataImage } from '@millrace/metadata'

/** A follower, as whoever carries its fetches sees it. */
export interface FetchingReplica {
  readonly topicId: Uuid
  readonly index: number
  /** Whether `follower.replication.throttled.replicas` names it. */
  readonly isThrottledAsFollower: boolean
  /** As far as the metadata says. */
  readonly isInSync: boolean
  /**
   * Never throws. `answer.records.data` is a `Buffer` of checked batches that may be used only during the call.
   * @param answer null: none came
   */
  onFetchAnswer(fetchId: number, answer: FetchAnswer | null): void
}

/** Carries the fetches of this shard's followers to their leaders. */
export interface ReplicaFetches {
  /** Replaces an earlier one of this replica. */
  fetch(replica: FetchingReplica, leaderId: NodeId, fetch: FollowerFetch): void
  cancel(replica: FetchingReplica): void
  /** Brokers may have come, gone or moved. */
  onImage(image: MetadataImage): void
  close(): void
}

export type ReplicaRead =
  | { readonly kind: 'ok'; readonly records: Buffer; release(): void }
  | { readonly kind: 'failed'; readonly errorCode: number }

/** A leader, as whoever serves fetches of followers sees it. */
export interface ServingReplica {
  readonly topicId: Uuid
  readonly index: number
  /** Whether `leader.replication.throttled.replicas` names it. */
  readonly isThrottledAsLeader: boolean
  /** Answered by at most one `respond`, perhaps during the call. A later fetch of the same follower replaces it. */
  onReplicaFetch(fetch: FollowerFetch, waiter: ReplicaFetchWaiter): void
  onReplicaFetchDropped(replicaId: NodeId, fetchId: number): void
  /**
   * Whole batches in [offset, endOffset), the first whatever its size.
   * @param leaderEpoch in which the reply was given: nothing is read for a leader that has gone since
   */
  readForReplica(
    leaderEpoch: LeaderEpoch,
    range: { readonly offset: Offset; readonly endOffset: Offset; readonly maxBytes: number },
    pool: BufferPool,
  ): ReplicaRead
}

export interface ReplicaFetchWaiter {
  respond(replica: ServingReplica, fetchId: number, reply: FetchReply): void
}
