/** Everything that can happen to a replica. With `effect.ts`, the whole outside of the core. */
import type { LeaderEpoch, NodeId, Offset } from '@millrace/base'
import type { AckWait, AlterPartitionAnswer, FetchAnswer, FollowerFetch } from './message.ts'
import type { PartitionState } from './partition-state.ts'
import type { ReplicationConfig } from './replica-options.ts'

export type ReplicationEvent =
  /** The metadata log says so. What is not newer is ignored. Staged appends have been written before. */
  | { readonly kind: 'metadata'; readonly partition: PartitionState }
  | { readonly kind: 'config'; readonly config: ReplicationConfig }
  /** Now and then, while `wantsTick`: lag is measured, and what failed is tried again. */
  | { readonly kind: 'tick' }
  /** The replica is no longer on this broker, or the broker stops: nothing happens afterwards. */
  | { readonly kind: 'stop' }

  // The log

  /** As leader of `leaderEpoch`, batches were written up to here; those of acks=all wait. */
  | {
      readonly kind: 'appended'
      readonly leaderEpoch: LeaderEpoch
      readonly endOffset: Offset
      /** By rising end offset, none above `endOffset`. */
      readonly waits: readonly AckWait[]
    }
  /** On disk up to here, epoch entries included; of another generation than the current one it is dropped. */
  | { readonly kind: 'flushed'; readonly generation: number; readonly endOffset: Offset }
  /** A `truncate` or `restart-log` is on disk. The log may end before the wanted offset, at a batch's border. */
  | {
      readonly kind: 'truncated'
      readonly generation: number
      readonly logStartOffset: Offset
      readonly logEndOffset: Offset
    }
  /** By retention or DeleteRecords, not above the high watermark. */
  | { readonly kind: 'log-start-advanced'; readonly logStartOffset: Offset }
  /** A read found damage: what is from here on is neither served nor led with. */
  | { readonly kind: 'damaged'; readonly offset: Offset }
  /** A write or a sync failed: the log takes no more appends. */
  | { readonly kind: 'log-failed' }

  // Followers' fetches, at the leader

  /** Answered by at most one `respond-fetch` with its ids: now, or when there is something to tell. A later one replaces it. */
  | { readonly kind: 'fetch'; readonly fetch: FollowerFetch }
  /** Whoever fetched is gone: a waiting fetch needs no answer any more. */
  | { readonly kind: 'fetch-dropped'; readonly replicaId: NodeId; readonly fetchId: number }
  /**
   * Answer the waiting fetches of followers that know an older high watermark. When is the driver's to choose: at once means
   * one more round trip for each append of a quiet partition, never means that followers learn it with the next records.
   */
  | { readonly kind: 'tell-high-watermark' }

  // Answers

  /** The answer to a `fetch` effect; null when none came. Each is answered at most once; late ones are ignored. */
  | { readonly kind: 'fetch-answer'; readonly fetchId: number; readonly answer: FetchAnswer | null }
  /** The answer to an `alter-partition`; null when none came: it may have been carried out, or may be yet. */
  | {
      readonly kind: 'alter-partition-answer'
      readonly requestId: number
      readonly answer: AlterPartitionAnswer | null
    }
