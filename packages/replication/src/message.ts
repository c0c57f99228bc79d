/** What leader, follower and controller say to each other about one partition. Errors have Kafka's names. */
import type { LeaderEpoch, NodeId, Offset } from '@millrace/base'

/** Where a leader epoch begins in a log. */
export interface EpochStart {
  readonly epoch: LeaderEpoch
  readonly startOffset: Offset
}

/** The greatest epoch of a log at or below an asked one, and the first offset that does not belong to it. */
export interface EpochEnd {
  /** −1: the log knows none. */
  readonly epoch: LeaderEpoch
  readonly endOffset: Offset
}

/** A follower's share of a Fetch request. */
export interface FollowerFetch {
  readonly replicaId: NodeId
  /** Of the follower's process, as it registered (KIP-903). */
  readonly brokerEpoch: number
  /** Rises from fetch to fetch of a process: one that was overtaken on another connection says nothing any more. */
  readonly fetchId: number
  readonly leaderEpoch: LeaderEpoch
  /** The follower's acknowledgement: what is below is on its disk (`commit`), or written. */
  readonly fetchOffset: Offset
  /** Of the record before `fetchOffset`; −1: the log has none. */
  readonly lastFetchedEpoch: LeaderEpoch
  readonly logStartOffset: Offset
  /** As far as the follower knows it (KIP-1166). */
  readonly highWatermark: Offset
}

/** What was fetched: whole batches one after another. */
export interface FetchedRecords {
  /** The driver's own: checked batches. */
  readonly data: unknown
  readonly baseOffset: Offset
  readonly endOffset: Offset
  /** Of each run of batches of one epoch, the first at `baseOffset`. */
  readonly epochs: readonly EpochStart[]
}

export type FetchError =
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'OFFSET_OUT_OF_RANGE'
  | 'KAFKA_STORAGE_ERROR'

/** As it arrives at the follower; `respond-fetch` is the leader's side of it. */
export type FetchAnswer =
  | {
      readonly kind: 'records'
      /** Null: nothing new but the high watermark, or the log's start. */
      readonly records: FetchedRecords | null
      readonly highWatermark: Offset
      readonly logStartOffset: Offset
    }
  /** The logs part where this epoch ends in the leader's log, or before. */
  | { readonly kind: 'diverging'; readonly end: EpochEnd; readonly logStartOffset: Offset }
  /** `logStartOffset` is the leader's with OFFSET_OUT_OF_RANGE, else −1. */
  | { readonly kind: 'error'; readonly error: FetchError; readonly logStartOffset: Offset }

/** A member of a proposed ISR, with the process that the leader means (KIP-903); −1: it has not fetched in this epoch. */
export interface IsrMember {
  readonly id: NodeId
  readonly brokerEpoch: number
}

/** INELIGIBLE_REPLICA: fenced, stopping, or a newer process. INVALID_UPDATE_VERSION: the partition epoch is another. */
export type AlterPartitionError =
  | 'INELIGIBLE_REPLICA'
  | 'INVALID_UPDATE_VERSION'
  | 'FENCED_LEADER_EPOCH'
  | 'NEW_LEADER_ELECTED'
  | 'UNKNOWN_TOPIC_OR_PARTITION'
  /** Anything that may pass: no controller, time-out, a stale broker epoch. */
  | 'RETRIABLE'

export type AlterPartitionAnswer =
  | {
      readonly error: 'NONE'
      readonly leaderEpoch: LeaderEpoch
      readonly partitionEpoch: number
      readonly isr: readonly NodeId[]
      readonly leaderRecoveryState: number
    }
  | { readonly error: AlterPartitionError }

/**
 * An append that waits for all in-sync replicas; the driver's own object. It comes back once, in `release` or `fail`; one whose
 * client has gone, or whose time is up, comes back all the same.
 */
export interface AckWait {
  /** Released when the high watermark is here. */
  readonly endOffset: Offset
}

/** What may have been appended is indefinite for the client with each of these: NOT_LEADER after an append is no "no". */
export type AckError = 'NOT_LEADER_OR_FOLLOWER' | 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' | 'KAFKA_STORAGE_ERROR'

/** Before the append: nothing was written. */
export type AppendRefusal = 'NOT_LEADER_OR_FOLLOWER' | 'NOT_ENOUGH_REPLICAS'
