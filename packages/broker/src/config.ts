/**
 * Everything a broker is told when it starts, typed and already validated. The keys that people write in files, flags
 * and environment variables are declared by the server, which fills this in; units stand last in the names.
 */
import type { NodeId } from '@millrace/base'
import type { ConfigTable } from '@millrace/metadata'
import type { ServerLimits } from '@millrace/net'

export interface ListenerConfig {
  /** As others know it: an address is told to those who came in by the listener of the same name. */
  readonly name: string
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** What metadata tells clients to dial; null: the address at which they reached us. */
  readonly advertisedHost: string | null
  /** null: the bound port. */
  readonly advertisedPort: number | null
  /** What other nodes are told to dial where nothing is advertised: never a wildcard such as 0.0.0.0. */
  readonly reachableHost: string
}

/** What each shard is told: cloneable, so that it reaches other threads. */
export interface ShardConfig {
  readonly nodeId: NodeId
  readonly clusterId: string
  readonly rack: string | null
  /** Absolute path; holds the partitions' folders and the checkpoints. */
  readonly dataDirectory: string
  /** For other nodes, and for clients. */
  readonly listener: ListenerConfig
  /** Further ones, for clients who have to be told other addresses. */
  readonly clientListeners: readonly ListenerConfig[]
  /** Worker threads that own sockets and partitions; 0 runs one shard on the calling thread. */
  readonly shards: number

  /** Whether a Metadata request may create the topics that it names. */
  readonly autoCreateTopics: boolean
  /** How long a Metadata request waits for the topics it creates. */
  readonly autoCreateWaitMs: number

  /** What each shard allows its peers. */
  readonly limits: Partial<ServerLimits>
  /** Upper bound of the records in one fetch response, whatever the client asks for. */
  readonly fetchResponseBytesMax: number
  /** Compressed batches above this size are validated in the codec pool instead of on the shard. */
  readonly inlineValidationBytesMax: number
  /** Pooled memory for responses, per shard. */
  readonly bufferPoolBytesMax: number

  /** A follower that was not at the log's end for so long is out of sync (`replica.lag.time.max.ms`). */
  readonly replicaLagTimeMaxMs: number
  /** How long a partition remembers a producer that sends nothing (`producer.id.expiration.ms`). */
  readonly producerIdExpirationMs: number

  /** How often recovery points and log start offsets are written down. */
  readonly checkpointIntervalMs: number
  /** How often retention looks for old segments (`log.retention.check.interval.ms`). */
  readonly retentionCheckIntervalMs: number
  /** How long a stop waits for requests in flight before it closes their connections. */
  readonly drainTimeoutMs: number
  /** Pause before a dead shard is started again; doubles with each death in a row up to the maximum. */
  readonly shardRestartBackoffMs: { readonly first: number; readonly max: number }
  /** Threads of the job pools; 0 runs jobs through `env.jobs`. */
  readonly jobThreads: { readonly codec: number; readonly maintenance: number }

  /** What was set in this broker's file, flags and environment, as text by broker key: the defaults of its topics. */
  readonly staticEntries: ReadonlyMap<string, string>
}

export interface BrokerConfig extends ShardConfig {
  /** Every key that a broker has, for DescribeConfigs. */
  readonly brokerKeys: ConfigTable
  /** How often the controller hears of this broker (`broker.heartbeat.interval.ms`). */
  readonly heartbeatIntervalMs: number
  /** After so long without a heartbeat the controller takes a broker for dead (`broker.session.timeout.ms`). */
  readonly sessionTimeoutMs: number
  /** How long a stop waits for the controller to take leaderships away. */
  readonly controlledShutdownTimeoutMs: number
  /** Most time that a request for the controller takes, whatever the client asks for. */
  readonly controllerRequestTimeoutMs: number
  /** Most of that time for which it waits while no controller is active. */
  readonly controllerWaitMs: number
  /** Pause before a controller that could not be reached is tried again; doubles up to the maximum. */
  readonly controllerRetryBackoffMs: { readonly first: number; readonly max: number }
}
