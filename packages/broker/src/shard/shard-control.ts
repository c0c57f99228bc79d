/**
 * What passes between the supervisor and a shard. The same calls reach a shard on the supervisor's own thread directly
 * and one on a worker thread as messages, so arguments and answers are cloneable.
 */
import type { NodeId, Offset, Uuid } from '@millrace/base'
import type { ImagePosition, MetadataRecord } from '@millrace/metadata'
import type { ShardConfig } from '../config.ts'
import type { ControllerRequestContext, ForwardedApi } from '../controller-channel.ts'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { TopicPartition } from '@millrace/storage'

/** Which shard has a partition of this broker. */
export interface Placement {
  readonly topicId: Uuid
  readonly partition: number
  readonly shard: number
}

/** What the data folder knows about a partition when a shard opens it. */
export interface StartingPoint extends TopicPartition {
  /** Its folder says that it is of this topic, and not of an older one of that name. */
  readonly isClaimed: boolean
  /** Everything below was durable. */
  readonly recoveryPoint: Offset
  /** null: where its first segment starts. */
  readonly logStartOffset: Offset | null
  /** It was closed properly: nothing has to be scanned. */
  readonly cleanShutdown: boolean
  readonly highWatermark: Offset
  /** Up to where it lacks committed records, after damage; null: it lacks none. */
  readonly owedEndOffset: Offset | null
}

/** What the data folder's checkpoint files are to say about a partition. */
export interface PartitionCheckpoint extends TopicPartition {
  readonly recoveryPoint: Offset
  readonly logStartOffset: Offset
  /** Left out where whoever reports does not know them: what is written down stays. */
  readonly highWatermark?: Offset
  readonly owedEndOffset?: Offset | null
}

export interface ShardUpdate {
  readonly records: readonly MetadataRecord[]
  readonly position: ImagePosition
  readonly controllerId: NodeId
  /** Of partitions of which these records gave this broker a replica. */
  readonly placements: readonly Placement[]
}

export interface ShardStart {
  readonly config: ShardConfig
  readonly shard: number
  /** The whole image so far, with all placements. */
  readonly metadata: ShardUpdate
  /** Of partitions that have a folder already. */
  readonly startingPoints: readonly StartingPoint[]
  /** The shard ran in this process before: nothing that it wrote is lost. */
  readonly isRestart: boolean
  /** Of the replication quotas, which all shards of the broker share. */
  readonly quotaMemory: SharedArrayBuffer
}

export interface ShardListen {
  /** The broker's own port; null when this shard does not listen on it. 0: the system chooses. */
  readonly brokerPort: number | null
  /** Of its listeners for clients, in their order; listened on wherever the broker's own is. */
  readonly clientPorts: readonly number[]
  /** Whether other shards listen on it, too. */
  readonly reusePort: boolean
  /** Whether native clients can reach this shard on a port of its own. */
  readonly ownPort: boolean
}

export interface ShardPorts {
  /** null: not listening there. */
  readonly brokerPort: number | null
  readonly ownPort: number | null
}

/** What to tell clients. */
export interface AnnouncedPorts {
  readonly brokerPort: number
  readonly clientPorts: readonly number[]
  /** Each shard's own, by shard; empty when there is only one. */
  readonly shardPorts: readonly number[]
}

export interface ShardStopped {
  readonly checkpoints: readonly PartitionCheckpoint[]
  /** Every log was flushed and closed without an error. */
  readonly clean: boolean
}

/**
 * How the broker stands with the cluster, as far as it can tell by itself. `session-over`: no controller has answered for as
 * long as a session lasts. `replaced`: and of the partitions that it leads, one has lost its followers: they most likely
 * follow another leader by now. With its followers it leads on, however long there is no controller.
 */
export type BrokerStanding = 'in-session' | 'session-over' | 'replaced'

export interface LeaderLoss {
  readonly shard: number
  readonly leaderId: NodeId
  /** False: it is there after all. */
  readonly isLost: boolean
}

/** What the supervisor asks of a shard, in this order: open, listen, announce, then
 * the rest as it comes, and in the end drain and close. */
export interface ShardControl {
  /** Opens and recovers the partitions. Resolves when all can be served. */
  open(): Promise<void>
  /** @throws with the reason when a port can't be had */
  listen(listen: ShardListen): Promise<ShardPorts>
  announce(ports: AnnouncedPorts): Promise<void>
  setStanding(standing: BrokerStanding): Promise<void>
  /** Another shard has lost its connections to a broker, or has one again. */
  leaderLost(loss: LeaderLoss): Promise<void>
  /** Resolves when the change is applied. */
  publish(update: ShardUpdate): Promise<void>
  checkpoints(): Promise<readonly PartitionCheckpoint[]>
  /** Drops what retention allows, and rolls old segments. */
  applyRetention(): Promise<void>
  /** Takes no more requests, answers those in flight, closes all connections. */
  drain(): Promise<void>
  /** Flushes and closes all logs. No shard may still forward requests to this one. */
  close(): Promise<ShardStopped>
}

/** What a shard asks of its supervisor. */
export interface SupervisorCalls {
  controllerRequest<N extends ForwardedApi>(call: ControllerCall<N>): Promise<ResponseInputOf<N>>
  /** Asks the active controller once; rejects when no answer comes. */
  alterPartition(request: RequestOf<'AlterPartition'>): Promise<ResponseInputOf<'AlterPartition'>>
  /** Asks the active controller once; rejects when no answer comes. */
  allocateProducerIds(
    request: RequestOf<'AllocateProducerIds'>,
  ): Promise<ResponseInputOf<'AllocateProducerIds'>>
  /** Answered by this broker, whose keys and settings are no shard's business. */
  describeConfigs(request: RequestOf<'DescribeConfigs'>): Promise<ResponseInputOf<'DescribeConfigs'>>
  /** The broker is out of session, and a partition that it leads has lost its followers. */
  lostFollowers(): Promise<void>
  /** This shard has lost its connections to a leader, whose process is most likely gone; or has one again. */
  leaderLost(loss: LeaderLoss): Promise<void>
  /** Makes these offsets durable now. */
  saveCheckpoint(checkpoint: PartitionCheckpoint): Promise<void>
  /** A log was fenced because of what the disk said; the rest of the data folder may be concerned, too. */
  logFailed(failure: LogFailure): Promise<void>
  /** Takes a partition out of the checkpoints, durably: before its folder loses its name. */
  forgetPartition(partition: TopicPartition): Promise<void>
  /** A partition's folder was renamed, to be emptied after `delayMs`. */
  folderRemoved(removed: { readonly path: string; readonly delayMs: number }): Promise<void>
}

/** What a `DiskError` says, as it passes between threads. */
export interface LogFailure {
  /** Of the file or folder. */
  readonly path: string
  readonly message: string
}

export interface ControllerCall<N extends ForwardedApi> {
  readonly api: N
  readonly request: RequestOf<N>
  readonly context: ControllerRequestContext
}
