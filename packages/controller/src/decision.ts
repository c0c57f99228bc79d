/**
 * What every decision of the controller has in common: what it may look at, and what comes out. A decision looks at
 * nothing else, so the same input gives the same records on any machine, at any time.
 */
import type { NodeId, Uuid } from '@millrace/base'
import type { ConfigEntries, ConfigTable, MetadataImage, MetadataRecord } from '@millrace/metadata'

/** Records to append, all or none, and the answer to give once they are committed. */
export interface Decision<Response> {
  readonly records: readonly MetadataRecord[]
  readonly response: Response
}

export interface DecisionContext {
  /** Metadata with everything that was decided before, committed or not. */
  readonly image: MetadataImage
  readonly config: ControllerConfig
  readonly random: RandomInput
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
  /** Most partitions that one request may create: bounds the size of one append to the metadata log. */
  readonly partitionsPerRequestMax: number
  /** Every key that a broker has. */
  readonly brokerKeys: ConfigTable
  /** From this node's file, flags and environment: only what was set there. */
  readonly staticEntries: ConfigEntries
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
