/**
 * Metadata v0–12: brokers, topics, leaders. Answered from the image that this shard has replayed.
 *
 * - v0: an empty list of topics asks for all; from v1 on null does. v12: topics may be asked for by id.
 * - A missing topic is created when both broker and request allow it (v4+ says so; before, it is implied). The answer
 *   waits for its leader, a moment; LEADER_NOT_AVAILABLE, which every client retries, if that takes too long.
 * - The controller named is a broker, this one unless it is fenced: it passes on what only the controller can do.
 * - A leader whose process is most likely gone is not named, although the controller has not said so yet. On Kafka's wire
 *   the answer waits for the election, a moment: see `metadata-hold.ts`.
 * - A fenced broker answers, too, with what it last knew.
 */
import { NO_NODE, ZERO_UUID } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { invalidTopicName, isInternalTopic } from '@millrace/metadata'
import type { PartitionImage, TopicImage } from '@millrace/metadata'
import { ErrorCode } from '@millrace/protocol'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ShardConfig } from '../config.ts'
import type { CameIn, ClusterView } from '../shard/cluster-view.ts'
import type { MetadataWaits } from '../shard/metadata-waits.ts'
import type { TopicTable } from '../topics/topic-table.ts'
import { ALL_CLUSTER_OPERATIONS, ALL_TOPIC_OPERATIONS } from './authorized-operations.ts'
import { MetadataHold } from './metadata-hold.ts'
import type { TopicCreation } from './topic-creation.ts'

type MetadataRequest = RequestOf<'Metadata'>
type MetadataResponse = ResponseInputOf<'Metadata'>
type TopicRequest = NonNullable<MetadataRequest['topics']>[number]
type TopicResponse = MetadataResponse['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

interface MetadataSurroundings {
  readonly config: Pick<ShardConfig, 'clusterId' | 'autoCreateTopics'>
  readonly cluster: ClusterView
  readonly topics: TopicTable
  readonly topicCreation: TopicCreation
  readonly metadataWaits: MetadataWaits
}

export function metadataHandler(surroundings: MetadataSurroundings): Handler<'Metadata', RequestContext> {
  const { config, cluster, topicCreation, metadataWaits } = surroundings
  const hold = new MetadataHold(cluster, metadataWaits)
  return (request, context) => {
    const answer = (refused: ReadonlyMap<string, number>): MetadataResponse => {
      const { connection, apiVersion } = context
      const brokers = cluster.brokers(connection)
      return {
        brokers,
        clusterId: config.clusterId,
        controllerId: cluster.controllerId(brokers),
        topics: new TopicAnswers(surroundings, request, { apiVersion, cameIn: connection, refused }).all(),
        ...(request.includeClusterAuthorizedOperations && {
          clusterAuthorizedOperations: ALL_CLUSTER_OPERATIONS,
        }),
      }
    }
    const missing =
      config.autoCreateTopics && request.allowAutoTopicCreation ? creatable(request, cluster) : []
    if (missing.length === 0) return hold.answer(request, context, () => answer(NOTHING_REFUSED))
    return topicCreation.create(missing, context).then(answer)
  }
}

const NOTHING_REFUSED: ReadonlyMap<string, number> = new Map()

/** Names that were asked for, do not exist, and may. */
function creatable(request: MetadataRequest, { image }: ClusterView): string[] {
  const names = new Set<string>()
  for (const { name } of request.topics ?? []) {
    if (name === null || image.topics.byName(name) !== undefined) continue
    if (invalidTopicName(name) === null && !isInternalTopic(name)) names.add(name)
  }
  return [...names]
}

interface AnswerContext {
  readonly apiVersion: number
  readonly cameIn: CameIn
  /** Error codes of topics that could not be created. */
  readonly refused: ReadonlyMap<string, number>
}

class TopicAnswers {
  readonly #surroundings: MetadataSurroundings
  readonly #request: MetadataRequest
  readonly #context: AnswerContext

  constructor(surroundings: MetadataSurroundings, request: MetadataRequest, context: AnswerContext) {
    this.#surroundings = surroundings
    this.#request = request
    this.#context = context
  }

  all(): TopicResponse[] {
    const { topics } = this.#request
    const { image } = this.#surroundings.cluster
    if (topics === null || (this.#context.apiVersion === 0 && topics.length === 0)) {
      return [...image.topics.values()].map((topic) => this.#found(topic))
    }
    const distinct = new Map(topics.map((topic) => [topic.name ?? topic.topicId, topic]))
    return [...distinct.values()].map((topic) => this.#answer(topic))
  }

  #answer({ name, topicId }: TopicRequest): TopicResponse {
    const { topics } = this.#surroundings.cluster.image
    if (name === null) {
      // Ids came with version 10, but versions 10 and 11 could not look topics up by them.
      if (this.#context.apiVersion < 12) return failed('', ErrorCode.INVALID_REQUEST)
      const topic = topics.byId(topicId)
      return topic === undefined
        ? { ...failed(null, ErrorCode.UNKNOWN_TOPIC_ID), topicId }
        : this.#found(topic)
    }
    const topic = topics.byName(name)
    if (topic !== undefined) return this.#found(topic)
    if (invalidTopicName(name) !== null) return failed(name, ErrorCode.INVALID_TOPIC_EXCEPTION)
    return failed(name, this.#context.refused.get(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  }

  #found(topic: TopicImage): TopicResponse {
    return {
      errorCode: ErrorCode.NONE,
      name: topic.name,
      topicId: topic.id,
      isInternal: isInternalTopic(topic.name),
      partitions: topic.partitions.map((partition, index) => this.#partition(topic, partition, index)),
      ...(this.#request.includeTopicAuthorizedOperations && {
        topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
      }),
    }
  }

  #partition(topic: TopicImage, partition: PartitionImage, partitionIndex: number): PartitionResponse {
    const { cluster, topics } = this.#surroundings
    const { leaderEpoch, replicas, isr } = partition
    const leader = cluster.shownLeader(partition)
    return {
      errorCode: leader === NO_NODE ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
      partitionIndex,
      leaderId: leader,
      leaderEpoch,
      replicaNodes: replicas,
      isrNodes: isr,
      offlineReplicas: replicas.filter((id) => !cluster.isAlive(id)),
      shardPort: cluster.shardPort(
        topics.shardOf(topics.byId(topic.id), partitionIndex),
        this.#context.cameIn,
      ),
    }
  }
}

function failed(name: string | null, errorCode: number): TopicResponse {
  return { errorCode, name, topicId: ZERO_UUID, partitions: [] }
}
