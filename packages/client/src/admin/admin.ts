/** The admin client: topics, configs, offsets and the cluster itself. Each method is one operation with its retries. */
import type { NodeId } from '@millrace/base'
import type { ClientOptions } from '../client-options.ts'
import { Cluster } from '../cluster/cluster.ts'
import { listOffsets } from '../cluster/list-offsets.ts'
import type { FoundOffset, OffsetQuery } from '../cluster/list-offsets.ts'
import type { BrokerMetadata, TopicMetadata } from '../cluster/metadata-cache.ts'
import { BrokerError } from '../errors.ts'
import type { CallOptions } from '../retry/call-scope.ts'
import { alterConfigs, describeConfigs } from './config-operations.ts'
import type { ConfigAlteration, ConfigDescription, ConfigResource } from './config-operations.ts'
import { deleteRecords } from './delete-records.ts'
import type { DeletedRecords, DeleteRecordsTarget } from './delete-records.ts'
import {
  createPartitions,
  createTopics,
  deleteTopics,
  describeTopics,
  listTopics,
} from './topic-operations.ts'
import type { CreatedTopic, NewPartitions, NewTopic, TopicListing } from './topic-operations.ts'

export interface ValidateOptions extends CallOptions {
  /** Checks the request without carrying it out. */
  readonly validateOnly?: boolean | undefined
}

export interface DescribeConfigsOptions extends CallOptions {
  /** Only these configs; all when left out. */
  readonly names?: readonly string[] | undefined
}

export interface ClusterDescription {
  readonly clusterId: string
  /** The active controller, or a broker that reaches it; −1 while there is none. */
  readonly controllerId: NodeId
  readonly brokers: readonly BrokerMetadata[]
}

/**
 * Connects when first used. Methods reject with a `BrokerError` that carries Kafka's error code, or, when several
 * items were asked for, a `PartialFailureError` with one for each item that failed; with a `TimeoutError` after
 * `timeoutMs`, retries included; with the signal's reason when aborted.
 *
 * @example
 * ```ts
 * await using admin = new Admin({ bootstrap: '127.0.0.1:9092' })
 * await admin.createTopics([{ name: 'flights', partitions: 6, configs: { 'retention.ms': '86400000' } }])
 * for (const { name, partitions } of await admin.listTopics()) console.log(name, partitions)
 * ```
 */
export class Admin {
  readonly #cluster: Cluster

  constructor(options: ClientOptions) {
    this.#cluster = new Cluster({ ...options, allowAutoTopicCreation: false })
  }

  /** Reaches the cluster now instead of at the first call. */
  connect(options: CallOptions = {}): Promise<void> {
    return this.#cluster.connect(this.#cluster.scope(options))
  }

  /** @throws BrokerError TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, … */
  createTopics(topics: readonly NewTopic[], options: ValidateOptions = {}): Promise<CreatedTopic[]> {
    return createTopics(this.#cluster, topics, options.validateOnly ?? false, this.#cluster.scope(options))
  }

  /** @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION */
  deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<void> {
    return deleteTopics(this.#cluster, names, this.#cluster.scope(options))
  }

  /** All topics, by name. */
  listTopics(options: CallOptions = {}): Promise<TopicListing[]> {
    return listTopics(this.#cluster, this.#cluster.scope(options))
  }

  /** Partitions with leaders and replicas, in the order of `names`. */
  describeTopics(names: readonly string[], options: CallOptions = {}): Promise<TopicMetadata[]> {
    return describeTopics(this.#cluster, names, this.#cluster.scope(options))
  }

  /**
   * Adds partitions. Keys that producers hash are spread over the new number from then on, so that records of one key
   * end up in two partitions.
   */
  createPartitions(topics: readonly NewPartitions[], options: ValidateOptions = {}): Promise<void> {
    return createPartitions(
      this.#cluster,
      topics,
      options.validateOnly ?? false,
      this.#cluster.scope(options),
    )
  }

  describeConfigs(
    resources: readonly ConfigResource[],
    options: DescribeConfigsOptions = {},
  ): Promise<ConfigDescription[]> {
    return describeConfigs(this.#cluster, resources, options.names ?? null, this.#cluster.scope(options))
  }

  /** Changes the named configs and leaves the others as they are (KIP-339). */
  alterConfigs(alterations: readonly ConfigAlteration[], options: ValidateOptions = {}): Promise<void> {
    return alterConfigs(
      this.#cluster,
      alterations,
      options.validateOnly ?? false,
      this.#cluster.scope(options),
    )
  }

  /** @throws BrokerError OFFSET_OUT_OF_RANGE when `before` lies beyond the end */
  deleteRecords(
    targets: readonly DeleteRecordsTarget[],
    options: CallOptions = {},
  ): Promise<DeletedRecords[]> {
    return deleteRecords(this.#cluster, targets, this.#cluster.scope(options))
  }

  /**
   * @example
   * ```ts
   * const [end] = await admin.listOffsets([{ topic: 'flights', partition: 0, at: 'end' }])
   * ```
   */
  listOffsets(queries: readonly OffsetQuery[], options: CallOptions = {}): Promise<FoundOffset[]> {
    return listOffsets(this.#cluster, queries, this.#cluster.scope(options))
  }

  async describeCluster(options: CallOptions = {}): Promise<ClusterDescription> {
    const scope = this.#cluster.scope(options)
    const what = 'describe the cluster'
    return await this.#cluster.retrying(what, scope, async (signal) => {
      const answer = await this.#cluster.requestAny('DescribeCluster', {}, signal)
      if (answer.errorCode !== 0) throw new BrokerError(answer.errorCode, what, answer.errorMessage)
      const brokers = answer.brokers.map(({ brokerId, host, port, rack }) => ({
        nodeId: brokerId,
        host,
        port,
        rack,
      }))
      return { clusterId: answer.clusterId, controllerId: answer.controllerId, brokers }
    })
  }

  /** Closes the connections; calls in progress reject. */
  close(): Promise<void> {
    this.#cluster.close()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
