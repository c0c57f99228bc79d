/**
 * What every decision of the controller has in common: what it may look at, and what comes out. A decision looks at
 * nothing else, so the same input gives the same records on any machine, at any time.
 */
import type { NodeId, Offset, Uuid } from '@millrace/base'
import type { ConfigEntries, ConfigTable, MetadataImage, MetadataRecord } from '@millrace/metadata'
import type { UncleanElection } from './partition-changes.ts'

/** Records to append, all or none. */
export interface DecidedChanges {
  readonly records: readonly MetadataRecord[]
  /** Elections among the records that may lose acknowledged records: to be logged and counted. Left out: none. */
  readonly uncleanElections?: readonly UncleanElection[]
}

/** With the answer to give once the records are committed. */
export interface Decision<Response> extends DecidedChanges {
  readonly response: Response
}

export interface DecisionContext {
  /**
   * Metadata with everything that was decided before, committed or not. Its position is the end of the log: the first
   * record of the decision gets the offset after it.
   */
  readonly image: MetadataImage
  readonly config: ControllerConfig
  readonly random: RandomInput
  readonly sessions: LiveSessions
}

/** What the controller knows of broker processes at the time of the decision: see `BrokerSessions.at`. */
export interface LiveSessions {
  /** Has the process been heard from within its session? */
  isAlive(brokerId: NodeId, brokerEpoch: number): boolean
  /** Up to where the process has applied the metadata log, by its last heartbeat; null when it is not alive. */
  appliedOffset(brokerId: NodeId, brokerEpoch: number): Offset | null
  /** Of the last record that its controlled shutdown led to; `NO_OFFSET` when there is none. */
  shutdownOffset(brokerId: NodeId, brokerEpoch: number): Offset
}

/** Drawn by the driver before it asks, because a decision may not draw for itself. */
export interface RandomInput {
  /** Unused ids for new topics: at least `topicIdsNeeded`. */
  readonly topicIds: readonly Uuid[]
  /** Where placement starts in the circle of brokers, so that first partitions do not all go to the first broker. */
  readonly placementStart: number
}

export interface ControllerConfig {
  readonly nodeId: NodeId
  /** `num.partitions` */
  readonly defaultPartitions: number
  /** `default.replication.factor` */
  readonly defaultReplicationFactor: number
  /**
   * Most partitions, and thereby topics, that one request may create: bounds the size of one append to the metadata log
   * and of the answer.
   */
  readonly partitionsPerRequestMax: number
  /** Every key that a broker has. */
  readonly brokerKeys: ConfigTable
  /** From this node's file, flags and environment: only what was set there. */
  readonly staticEntries: ConfigEntries
}

/** Offset of the record at this place of a decision made on the image, provided that the decision is the next append. */
export function recordOffset(image: MetadataImage, index: number): Offset {
  return (image.position.lastOffset + 1 + index) as Offset
}

/** Why a request, or one item of it, is refused. */
export interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string
}

export function refusal(errorCode: number, errorMessage: string): Refusal {
  return { errorCode, errorMessage }
}

export function isRefusal(value: object): value is Refusal {
  return 'errorCode' in value
}
