/** What the core knows of the log and its snapshots: offsets and epochs, never records. */
import type { NodeId, Offset } from '@millrace/base'
import type { ReplicaKey } from './replica-key.ts'
import type { VoterSet } from './voter-set.ts'

/** From `startOffset` on, records are of `epoch`, up to the next entry or the log's end. */
export interface EpochStart {
  readonly epoch: number
  readonly startOffset: Offset
}

/** A snapshot holds everything below `endOffset`; `epoch` is that of the last record in it. */
export interface SnapshotId {
  readonly endOffset: Offset
  readonly epoch: number
}

/** In force from `offset` on, which is that of the Voters record, or the snapshot's end. */
export interface VoterSetEntry {
  readonly offset: Offset
  readonly voters: VoterSet
}

/** What recovery found on disk; all of it is flushed. */
export interface LogSummary {
  readonly logStartOffset: Offset
  readonly logEndOffset: Offset
  /** Ascending. After a snapshot the first may begin at the log's start although its epoch began before. */
  readonly epochs: readonly EpochStart[]
  /** The latest, null when there is none. Its end is within the log, at its start or above. */
  readonly snapshot: SnapshotId | null
  /** Ascending, the snapshot's first; empty while neither snapshot nor log names a voter set. */
  readonly voterSets: readonly VoterSetEntry[]
}

/** The durable vote (Kafka's `quorum-state` file). */
export interface QuorumState {
  readonly epoch: number
  /** NO_NODE: none known in this epoch. */
  readonly leaderId: NodeId
  /** Who got this node's vote in this epoch. */
  readonly voted: ReplicaKey | null
}
