/**
 * DescribeTopicPartitions v0 (KIP-966): topics by name, partitions by index, so many at once; `nextCursor` says where the
 * next page begins. Topics that do not exist are errors only when they were asked for by name.
 */
import { invalidTopicName, isInternalTopic } from '@millrace/metadata'
import type { MetadataImage, PartitionImage, TopicImage } from '@millrace/metadata'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ClusterView } from '../shard/cluster-view.ts'
import { ALL_TOPIC_OPERATIONS } from './authorized-operations.ts'

type Request = RequestOf<'DescribeTopicPartitions'>
type Response = ResponseInputOf<'DescribeTopicPartitions'>
type TopicResponse = Response['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

/** Kafka's `max.request.partition.size.limit`. */
const PAGE_PARTITIONS_MAX = 2000

export function describeTopicPartitionsHandler({
  cluster,
}: {
  readonly cluster: ClusterView
}): Handler<'DescribeTopicPartitions', RequestContext> {
  return (request) => page(request, cluster)
}

function page(request: Request, cluster: ClusterView): Response {
  const { cursor } = request
  if (cursor !== null && !isCursor(cursor, request)) return everyTopic(request, ErrorCode.INVALID_REQUEST)
  let room = Math.max(1, Math.min(request.responsePartitionLimit, PAGE_PARTITIONS_MAX))
  const topics: TopicResponse[] = []
  for (const name of wantedNames(request, cluster.image)) {
    if (cursor !== null && name < cursor.topicName) continue
    const topic = cluster.image.topics.byName(name)
    if (topic === undefined) {
      topics.push({ errorCode: missingTopicError(name), name, partitions: [] })
      continue
    }
    const first = name === cursor?.topicName ? cursor.partitionIndex : 0
    if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: first } }
    const end = Math.min(topic.partitions.length, first + room)
    topics.push(describeTopic(topic, first, end, cluster))
    room -= Math.max(0, end - first)
    if (end < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: end } }
  }
  return { topics, nextCursor: null }
}

/** Where a page may begin: at a topic that is asked for. */
function isCursor(cursor: NonNullable<Request['cursor']>, { topics }: Request): boolean {
  const isAskedFor = topics.length === 0 || topics.some(({ name }) => name === cursor.topicName)
  return isAskedFor && cursor.partitionIndex >= 0
}

function everyTopic({ topics }: Request, errorCode: number): Response {
  return { topics: topics.map(({ name }) => ({ errorCode, name, partitions: [] })) }
}

function missingTopicError(name: string): number {
  return invalidTopicName(name) === null
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION
}

function wantedNames({ topics }: Request, image: MetadataImage): string[] {
  const names =
    topics.length > 0
      ? new Set(topics.map(({ name }) => name))
      : [...image.topics.values()].map(({ name }) => name)
  // In the order of UTF-16 code units, as Kafka's: the cursor relies on it.
  return [...names].toSorted((a, b) => (a < b ? -1 : 1))
}

function describeTopic(
  { name, id, partitions }: TopicImage,
  first: number,
  end: number,
  cluster: ClusterView,
): TopicResponse {
  return {
    name,
    topicId: id,
    isInternal: isInternalTopic(name),
    partitions: partitions
      .slice(first, end)
      .map((partition, index) => describePartition(partition, first + index, cluster)),
    topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
  }
}

function describePartition(
  partition: PartitionImage,
  partitionIndex: number,
  cluster: ClusterView,
): PartitionResponse {
  const { leader, leaderEpoch, replicas, isr, eligibleLeaderReplicas, lastKnownElr } = partition
  return {
    // Also without a leader, which `leaderId` says: this API describes, and nobody is sent anywhere by it.
    errorCode: ErrorCode.NONE,
    partitionIndex,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    eligibleLeaderReplicas,
    lastKnownElr,
    offlineReplicas: replicas.filter((id) => !cluster.isAlive(id)),
  }
}
