/** The admin client: topics, configs, offsets and the cluster itself. Each method is one operation with its retries. */
import type { ClientOptions } from '../client-options.ts'
import { Cluster } from '../cluster/cluster.ts'
import { listOffsets } from '../cluster/list-offsets.ts'
import type { FoundOffset, OffsetQuery } from '../cluster/list-offsets.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { CallOptions } from '../retry/call-scope.ts'
import { describeCluster, unregisterBroker } from './cluster-operations.ts'
import type { BrokerDescription, ClusterDescription, DescribeClusterOptions } from './cluster-operations.ts'
import { alterConfigs, describeConfigs } from './config-operations.ts'
import type { ConfigAlteration, ConfigDescription, ConfigResource } from './config-operations.ts'
import { deleteRecords } from './delete-records.ts'
import type { DeletedRecords, DeleteRecordsTarget } from './delete-records.ts'
import { describeReplicas } from './describe-replicas.ts'
import type { ReplicaDescriptions } from './describe-replicas.ts'
import { describeTopics } from './describe-topics.ts'
import type { TopicDescription } from './describe-topics.ts'
import { electLeaders } from './elect-leaders.ts'
import type { ElectionOutcome, ElectionType } from './elect-leaders.ts'
import { addVoter, describeQuorum, removeVoter } from './quorum-operations.ts'
import type { NewVoter, QuorumDescription, VoterKey } from './quorum-operations.ts'
import { listPartitionReassignments, alterPartitionReassignments } from './reassignment-operations.ts'
import type { OngoingReassignment, PartitionReassignment } from './reassignment-operations.ts'
import { createPartitions, createTopics, deleteTopics, listTopics } from './topic-operations.ts'
import type { CreatedTopic, NewPartitions, NewTopic, TopicListing } from './topic-operations.ts'

export interface ValidateOptions extends CallOptions {
  /** Checks the request without carrying it out. */
  readonly validateOnly?: boolean | undefined
}

export interface DescribeConfigsOptions extends CallOptions {
  /** Only these configs; all when left out. */
  readonly names?: readonly string[] | undefined
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

  /** Partitions with leaders, replicas and who of them is in sync, in the order of `names`. */
  describeTopics(names: readonly string[], options: CallOptions = {}): Promise<TopicDescription[]> {
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

  /**
   * Sizes of replicas, and how far followers lag where that is known. `topics`: null for all.
   *
   * @example
   * ```ts
   * const { replicas } = await admin.describeReplicas(['flights'])
   * const lagging = replicas.filter(({ lag }) => (lag ?? 0) > 0)
   * ```
   */
  describeReplicas(
    topics: readonly string[] | null,
    options: CallOptions = {},
  ): Promise<ReplicaDescriptions> {
    return describeReplicas(this.#cluster, topics, this.#cluster.scope(options))
  }

  /**
   * Has leaders elected now: the preferred ones, or, where nobody could lead without losing acknowledged records, `unclean`
   * ones that lose them. `partitions`: null for all that need it.
   * @throws BrokerError PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION
   */
  electLeaders(
    type: ElectionType,
    partitions: readonly TopicPartition[] | null,
    options: CallOptions = {},
  ): Promise<ElectionOutcome[]> {
    return electLeaders(this.#cluster, type, partitions, this.#cluster.scope(options))
  }

  /**
   * Moves partitions to other brokers, or cancels that (KIP-455). Resolves when it has begun; the copying goes on while
   * `listPartitionReassignments` shows it.
   *
   * @example
   * ```ts
   * await admin.alterPartitionReassignments([{ topic: 'flights', partition: 0, replicas: [2, 3, 4] }])
   * ```
   * @throws BrokerError INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS, UNKNOWN_TOPIC_OR_PARTITION
   */
  alterPartitionReassignments(
    reassignments: readonly PartitionReassignment[],
    options: CallOptions = {},
  ): Promise<void> {
    return alterPartitionReassignments(this.#cluster, reassignments, this.#cluster.scope(options))
  }

  /** Partitions that are on their way to other brokers, by topic and number. `partitions`: null for all. */
  listPartitionReassignments(
    partitions: readonly TopicPartition[] | null = null,
    options: CallOptions = {},
  ): Promise<OngoingReassignment[]> {
    return listPartitionReassignments(this.#cluster, partitions, this.#cluster.scope(options))
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

  /** Brokers that clients may use, and with `includeFenced` the others that are registered. */
  describeCluster(options: DescribeClusterOptions = {}): Promise<ClusterDescription> {
    return describeCluster(this.#cluster, options.includeFenced ?? false, this.#cluster.scope(options))
  }

  /** All brokers that are registered, the fenced ones too where the cluster tells, by id. */
  async listBrokers(options: CallOptions = {}): Promise<readonly BrokerDescription[]> {
    const { brokers } = await this.describeCluster({ ...options, includeFenced: true })
    return brokers
  }

  /**
   * Makes the cluster forget a broker that will not come back. Replicas that it still has stay assigned to it, without
   * hope.
   * @throws BrokerError BROKER_ID_NOT_REGISTERED
   */
  unregisterBroker(id: number, options: CallOptions = {}): Promise<void> {
    return unregisterBroker(this.#cluster, id, this.#cluster.scope(options))
  }

  /** The metadata quorum as its leader sees it. While the controllers elect one, waits for it. */
  describeQuorum(options: CallOptions = {}): Promise<QuorumDescription> {
    return describeQuorum(this.#cluster, this.#cluster.scope(options))
  }

  /**
   * Gives a controller that follows the quorum a vote (KIP-853).
   *
   * @example
   * ```ts
   * const { observers } = await admin.describeQuorum()
   * await admin.addVoter(observers.find(({ id }) => id === 104)!)
   * ```
   * @throws BrokerError DUPLICATE_VOTER; REQUEST_TIMED_OUT when it can't be reached or does not catch up
   */
  addVoter(voter: NewVoter, options: CallOptions = {}): Promise<void> {
    return addVoter(this.#cluster, voter, this.#cluster.scope(options))
  }

  /**
   * Takes a controller's vote (KIP-853). It goes on following until it is stopped.
   * @throws BrokerError VOTER_NOT_FOUND when that id with that directory has none
   */
  removeVoter(voter: VoterKey, options: CallOptions = {}): Promise<void> {
    return removeVoter(this.#cluster, voter, this.#cluster.scope(options))
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
