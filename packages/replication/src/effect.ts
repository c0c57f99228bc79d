/**
 * Everything that a replica can want. The driver carries effects out strictly in order, and decides nothing. What must be
 * durable before something else happens is asked for with a generation, and the core waits for the event that carries it:
 * an epoch's start before the epoch's first ack, fetched records before the fetch that acknowledges them, a truncation
 * before the next fetch.
 */
import type { LeaderEpoch, NodeId, Offset } from '@millrace/base'
import type {
  AckError,
  AckWait,
  EpochEnd,
  FetchedRecords,
  FetchError,
  FollowerFetch,
  IsrMember,
} from './message.ts'

/** `offline`: must neither lead nor follow until the next leader epoch; `refuse-leadership` or `fault` said why. */
export type ReplicaRole = 'leader' | 'follower' | 'offline' | 'stopped'

/**
 * `divergence`: the leader's log is another. `empty-epoch`: this replica began an epoch at the log's end and wrote nothing
 * in it; no record goes. `damage`: from here on it is fetched again. `unclean`: what counted as committed goes, because an
 * operator chose a leader without it: to be logged and counted.
 */
export type TruncationReason = 'divergence' | 'empty-epoch' | 'damage' | 'unclean'

/**
 * `damaged`, `incomplete` (committed records are known to be missing here), `epoch-of-another-process` (see `resumesEpochs`),
 * `log-failed`.
 */
export type LeadershipRefusal = 'damaged' | 'incomplete' | 'epoch-of-another-process' | 'log-failed'

/** What the leader says to a fetch; the driver reads the records. */
export type FetchReply =
  /** Whole batches from `offset` up to `endOffset`, at least one where there is one. */
  | {
      readonly kind: 'records'
      readonly offset: Offset
      readonly endOffset: Offset
      readonly highWatermark: Offset
      readonly logStartOffset: Offset
    }
  | { readonly kind: 'diverging'; readonly end: EpochEnd; readonly logStartOffset: Offset }
  | { readonly kind: 'error'; readonly error: FetchError; readonly logStartOffset: Offset }

export type ReplicationEffect =
  /** Role, leader or leader epoch changed. A leader takes appends once `assign-epoch-start` was told. */
  | {
      readonly kind: 'role'
      readonly role: ReplicaRole
      readonly leaderEpoch: LeaderEpoch
      readonly leaderId: NodeId
    }
  /** This replica must not lead, although it was elected: the controller has to elect another. */
  | {
      readonly kind: 'refuse-leadership'
      readonly leaderEpoch: LeaderEpoch
      readonly reason: LeadershipRefusal
    }
  /** The partition stops here rather than lie: something happened that must not. */
  | { readonly kind: 'fault'; readonly why: string }

  // The log

  /** The led epoch begins here, before its first record. Later flushes carry the new generation. */
  | {
      readonly kind: 'assign-epoch-start'
      readonly generation: number
      readonly leaderEpoch: LeaderEpoch
      readonly startOffset: Offset
    }
  /** Make what is written durable, and tell `flushed` with this generation. */
  | { readonly kind: 'flush'; readonly generation: number }
  /** Append, and write, what was fetched, offsets and epochs as they are. */
  | { readonly kind: 'append-fetched'; readonly records: FetchedRecords }
  /**
   * Everything from `offset` on goes, epoch entries that begin there included; make it durable, then tell `truncated`. With
   * `damage`, `owedEndOffset` is made durable before: it keeps a restarted replica from leading without what went.
   */
  | {
      readonly kind: 'truncate'
      readonly generation: number
      readonly offset: Offset
      readonly reason: TruncationReason
    }
  /** Drop the whole log, begin an empty one at `offset`, make it durable, then tell `truncated`. */
  | {
      readonly kind: 'restart-log'
      readonly generation: number
      readonly offset: Offset
      readonly isUnclean: boolean
    }
  /** As the leader's log begins. */
  | { readonly kind: 'advance-log-start'; readonly offset: Offset }

  // What others may see

  /** Readable up to here. Never falls within a leader epoch; below only after an `unclean` or `damage` truncation. */
  | { readonly kind: 'high-watermark'; readonly offset: Offset }
  /** Held by every in-sync replica: answer them. */
  | { readonly kind: 'release'; readonly waits: readonly AckWait[] }
  /** What becomes of them nobody knows yet. */
  | { readonly kind: 'fail'; readonly waits: readonly AckWait[]; readonly error: AckError }

  // Messages

  /** Fetch this; replaces an earlier one of this replica. */
  | { readonly kind: 'fetch'; readonly leaderId: NodeId; readonly fetch: FollowerFetch }
  /** What was to be fetched is of no use any more. */
  | { readonly kind: 'cancel-fetch' }
  | {
      readonly kind: 'respond-fetch'
      readonly replicaId: NodeId
      readonly fetchId: number
      readonly reply: FetchReply
    }
  /** One at a time. */
  | {
      readonly kind: 'alter-partition'
      readonly requestId: number
      readonly leaderEpoch: LeaderEpoch
      readonly partitionEpoch: number
      readonly newIsr: readonly IsrMember[]
      readonly leaderRecoveryState: number
    }
