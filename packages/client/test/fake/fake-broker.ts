/** How a fake broker answers when no test intervenes: as a well-behaved broker would, without disks and replicas. */
import { NO_TIMESTAMP, nodeId, offset, timestampMs } from '@millrace/base'
import type { Uuid } from '@millrace/base'
import type { Answer, RequestContext } from '@millrace/net'
import { advertisedVersions, ErrorCode, NO_RESPONSE } from '@millrace/protocol'
import type { DecodedRequest, RequestOf, ResponseInputOf } from '@millrace/protocol'
import { readRecords } from '@millrace/record'
import type { FakeCluster, FakeTopic } from './fake-cluster.ts'
import type { FakePartition } from './fake-partition.ts'

export function answerRequest(
  cluster: FakeCluster,
  brokerId: number,
  request: DecodedRequest,
  { apiVersion }: RequestContext,
): Answer | Promise<Answer> {
  switch (request.api) {
    case 'ApiVersions':
      return { apiKeys: advertisedVersions('broker'), nativeWire: apiVersion >= 3 ? cluster.nativeWire : 0 }
    case 'Metadata':
      return metadata(cluster, request.body)
    case 'Produce':
      return produce(cluster, brokerId, request.body)
    case 'Fetch':
      return fetch(cluster, brokerId, request.body)
    case 'ListOffsets':
      return listOffsets(cluster, brokerId, request.body)
    case 'CreateTopics':
      return createTopics(cluster, request.body)
    case 'InitProducerId':
      return { producerId: cluster.nextProducerId++, producerEpoch: 0 }
    case 'DescribeTopicPartitions':
      return describeTopicPartitions(cluster, request.body)
    case 'DescribeCluster':
      return describeCluster(cluster)
    default:
      throw new Error(`the fake broker does not know ${request.api}`)
  }
}

function describeCluster(cluster: FakeCluster): ResponseInputOf<'DescribeCluster'> {
  const brokers = cluster.brokers.map(({ nodeId: brokerId, host, port }) => ({ brokerId, host, port }))
  return { clusterId: 'fake', controllerId: nodeId(1), brokers }
}

function metadata(cluster: FakeCluster, body: RequestOf<'Metadata'>): ResponseInputOf<'Metadata'> {
  const names = body.topics?.map(({ name }) => name ?? '') ?? [...cluster.topics.keys()]
  return {
    brokers: cluster.brokers,
    clusterId: 'fake',
    controllerId: nodeId(1),
    topics: names.map((name) => {
      if (body.allowAutoTopicCreation && cluster.autoCreatePartitions > 0 && !cluster.topics.has(name)) {
        cluster.createTopic(name, cluster.autoCreatePartitions)
      }
      const topic = cluster.topics.get(name)
      if (topic === undefined)
        return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
      const partitions = topic.partitions.map(({ leader, epoch }, partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId: leader,
        leaderEpoch: epoch,
        replicaNodes: [leader],
        isrNodes: [leader],
      }))
      return { errorCode: 0, name, topicId: topic.topicId, partitions }
    }),
  }
}

function describeTopicPartitions(
  cluster: FakeCluster,
  body: RequestOf<'DescribeTopicPartitions'>,
): ResponseInputOf<'DescribeTopicPartitions'> {
  const topics = body.topics.map(({ name }) => {
    const topic = cluster.topics.get(name)
    if (topic === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
    const partitions = topic.partitions.map(({ leader, epoch }, partitionIndex) => ({
      partitionIndex,
      leaderId: leader,
      leaderEpoch: epoch,
      replicaNodes: [leader],
      isrNodes: [leader],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    }))
    return { name, topicId: topic.topicId, partitions }
  })
  return { topics }
}

function produce(cluster: FakeCluster, brokerId: number, body: RequestOf<'Produce'>): Answer {
  const responses = body.topicData.map(({ name, partitionData }) => ({
    name,
    partitionResponses: partitionData.map(({ index, records }) => {
      const partition = cluster.topics.get(name)?.partitions[index]
      const errorCode = routeError(partition, brokerId)
      const baseOffset = errorCode === ErrorCode.NONE ? partition!.append(records!) : -1
      return {
        index,
        errorCode,
        baseOffset: offset(baseOffset),
        logAppendTimeMs: timestampMs(cluster.logAppendTime),
      }
    }),
  }))
  return body.acks === 0 ? NO_RESPONSE : { responses }
}

function fetch(cluster: FakeCluster, brokerId: number, body: RequestOf<'Fetch'>): Promise<Answer> {
  const now = fetchNow(cluster, brokerId, body)
  const partitions = now.responses.flatMap((topic) => topic.partitions)
  const isReady = partitions.some(({ errorCode, records }) => errorCode !== 0 || (records?.length ?? 0) > 0)
  if (isReady) return Promise.resolve(now)
  return new Promise((resolve) => {
    const answer = (): void => resolve(fetchNow(cluster, brokerId, body))
    cluster.world.timers.after(body.maxWaitMs, answer)
    for (const asked of body.topics) {
      const topic = topicOf(cluster, asked)
      for (const { partition } of asked.partitions) topic?.partitions[partition]?.onChange(answer)
    }
  })
}

function fetchNow(
  cluster: FakeCluster,
  brokerId: number,
  body: RequestOf<'Fetch'>,
): ResponseInputOf<'Fetch'> {
  let room = body.maxBytes
  const responses = body.topics.map((asked) => ({
    topic: asked.topic,
    topicId: asked.topicId,
    partitions: asked.partitions.map(({ partition: partitionIndex, fetchOffset, partitionMaxBytes }) => {
      const partition = topicOf(cluster, asked)?.partitions[partitionIndex]
      const routed = routeError(partition, brokerId)
      const isOutside =
        routed === 0 && (fetchOffset < partition!.logStartOffset || fetchOffset > partition!.endOffset)
      const errorCode = isOutside ? ErrorCode.OFFSET_OUT_OF_RANGE : routed
      const records =
        errorCode === 0 && room > 0 ? partition!.read(fetchOffset, Math.min(room, partitionMaxBytes)) : null
      room -= records?.length ?? 0
      return {
        partitionIndex,
        errorCode,
        highWatermark: offset(partition?.endOffset ?? -1),
        logStartOffset: offset(partition?.logStartOffset ?? -1),
        records,
      }
    }),
  }))
  return { responses }
}

function listOffsets(
  cluster: FakeCluster,
  brokerId: number,
  body: RequestOf<'ListOffsets'>,
): ResponseInputOf<'ListOffsets'> {
  return {
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }) => {
        const partition = cluster.topics.get(name)?.partitions[partitionIndex]
        const errorCode = routeError(partition, brokerId)
        const found = errorCode === 0 ? offsetAt(partition!, timestamp) : { offset: -1, timestamp: -1 }
        return {
          partitionIndex,
          errorCode,
          offset: offset(found.offset),
          timestamp: timestampMs(found.timestamp),
        }
      }),
    })),
  }
}

function offsetAt(partition: FakePartition, timestamp: number): { offset: number; timestamp: number } {
  if (timestamp === -1) return { offset: partition.endOffset, timestamp: NO_TIMESTAMP }
  if (timestamp === -2) return { offset: partition.logStartOffset, timestamp: NO_TIMESTAMP }
  for (const { bytes } of partition.batches) {
    const records = readRecords(bytes, { maxDecompressedBytes: 1e8 })
    if ('kind' in records) throw new Error(records.message)
    for (const record of records)
      if (record.timestamp >= timestamp) return { offset: record.offset, timestamp: record.timestamp }
  }
  return { offset: -1, timestamp: -1 }
}

function createTopics(
  cluster: FakeCluster,
  body: RequestOf<'CreateTopics'>,
): ResponseInputOf<'CreateTopics'> {
  return {
    topics: body.topics.map(({ name, numPartitions }) => {
      if (cluster.topics.has(name))
        return { name, errorCode: ErrorCode.TOPIC_ALREADY_EXISTS, errorMessage: null }
      const { topicId, partitions } = cluster.createTopic(name, numPartitions < 0 ? 1 : numPartitions)
      return { name, topicId, errorCode: 0, numPartitions: partitions.length, replicationFactor: 1 }
    }),
  }
}

/** By id from Fetch 13 on, by name before. */
function topicOf(
  cluster: FakeCluster,
  { topic, topicId }: { topic: string; topicId: Uuid },
): FakeTopic | undefined {
  return (
    cluster.topics.get(topic) ??
    [...cluster.topics.values()].find((candidate) => candidate.topicId === topicId)
  )
}

function routeError(partition: FakePartition | undefined, brokerId: number): number {
  if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  return partition.leader === brokerId ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER
}
