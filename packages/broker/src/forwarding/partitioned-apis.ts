/** The APIs whose requests are cut into shares, with the places where their messages keep topics and partitions. */
import { NO_OFFSET, ZERO_UUID } from '@millrace/base'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { PartitionedApi } from './partitioned-api.ts'

type ProduceTopic = RequestOf<'Produce'>['topicData'][number]
type FetchTopic = RequestOf<'Fetch'>['topics'][number]
type ListOffsetsTopic = RequestOf<'ListOffsets'>['topics'][number]
type DeleteRecordsTopic = RequestOf<'DeleteRecords'>['topics'][number]
type EpochTopic = RequestOf<'OffsetForLeaderEpoch'>['topics'][number]

export const partitionedProduce: PartitionedApi<
  'Produce',
  ProduceTopic,
  ProduceTopic['partitionData'][number]
> = {
  name: 'Produce',
  parks: false,
  topics: (request) => request.topicData,
  topicName: (topic) => topic.name,
  topicId: (topic) => topic.topicId,
  partitions: (topic) => topic.partitionData,
  index: (partition) => partition.index,
  withPartitions: (topic, partitionData) => ({ ...topic, partitionData }),
  // With acks=0 only the shard that has the connection could close it, so it has to learn of errors.
  withTopics: (request, topicData) => ({
    ...request,
    topicData,
    acks: request.acks === 0 ? 1 : request.acks,
  }),
  merge: (answers) => ({
    responses: joined(
      answers.flatMap(({ responses }) => responses),
      ({ name, topicId }) => `${name} ${topicId}`,
      (a, b) => ({ ...a, partitionResponses: [...a.partitionResponses, ...b.partitionResponses] }),
    ),
    nodeEndpoints: distinctNodes(answers.flatMap(({ nodeEndpoints }) => nodeEndpoints ?? [])),
  }),
  failed: (request, errorCode) => ({
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: NO_OFFSET })),
    })),
  }),
}

export const partitionedFetch: PartitionedApi<'Fetch', FetchTopic, FetchTopic['partitions'][number]> = {
  name: 'Fetch',
  parks: true,
  topics: (request) => request.topics,
  topicName: (topic) => topic.topic,
  topicId: (topic) => topic.topicId,
  partitions: (topic) => topic.partitions,
  index: (partition) => partition.partition,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
  withTopics: (request, topics, shareCount) => ({
    ...request,
    topics,
    maxBytes: Math.ceil(request.maxBytes / shareCount),
    // When all shares together have enough, one of them has its part of it: no answer comes late, some come early.
    minBytes: Math.ceil(request.minBytes / shareCount),
  }),
  merge: (answers) => ({
    errorCode: answers.find(({ errorCode = 0 }) => errorCode !== 0)?.errorCode,
    responses: joined(
      answers.flatMap(({ responses }) => responses),
      ({ topic, topicId }) => `${topic} ${topicId}`,
      joinPartitions,
    ),
    nodeEndpoints: distinctNodes(answers.flatMap(({ nodeEndpoints }) => nodeEndpoints ?? [])),
  }),
  failed: (request, errorCode) => ({
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: NO_OFFSET,
        records: null,
      })),
    })),
  }),
}

export const partitionedListOffsets: PartitionedApi<
  'ListOffsets',
  ListOffsetsTopic,
  ListOffsetsTopic['partitions'][number]
> = {
  name: 'ListOffsets',
  parks: false,
  topics: (request) => request.topics,
  topicName: (topic) => topic.name,
  topicId: () => ZERO_UUID,
  partitions: (topic) => topic.partitions,
  index: (partition) => partition.partitionIndex,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
  withTopics: (request, topics) => ({ ...request, topics }),
  merge: (answers) => ({
    topics: joined(
      answers.flatMap(({ topics }) => topics),
      ({ name }) => name,
      joinPartitions,
    ),
  }),
  failed: (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
}

export const partitionedDeleteRecords: PartitionedApi<
  'DeleteRecords',
  DeleteRecordsTopic,
  DeleteRecordsTopic['partitions'][number]
> = {
  name: 'DeleteRecords',
  parks: false,
  topics: (request) => request.topics,
  topicName: (topic) => topic.name,
  topicId: () => ZERO_UUID,
  partitions: (topic) => topic.partitions,
  index: (partition) => partition.partitionIndex,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
  withTopics: (request, topics) => ({ ...request, topics }),
  merge: (answers) => ({
    topics: joined(
      answers.flatMap(({ topics }) => topics),
      ({ name }) => name,
      joinPartitions,
    ),
  }),
  failed: (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode,
        lowWatermark: NO_OFFSET,
      })),
    })),
  }),
}

export const partitionedOffsetForLeaderEpoch: PartitionedApi<
  'OffsetForLeaderEpoch',
  EpochTopic,
  EpochTopic['partitions'][number]
> = {
  name: 'OffsetForLeaderEpoch',
  parks: false,
  topics: (request) => request.topics,
  topicName: (topic) => topic.topic,
  topicId: () => ZERO_UUID,
  partitions: (topic) => topic.partitions,
  index: (partition) => partition.partition,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
  withTopics: (request, topics) => ({ ...request, topics }),
  merge: (answers) => ({
    topics: joined(
      answers.flatMap(({ topics }) => topics),
      ({ topic }) => topic,
      joinPartitions,
    ),
  }),
  failed: (request, errorCode) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
    })),
  }),
}

/** What several shards have in the one data folder. */
export function mergedLogDirs(
  answers: readonly ResponseInputOf<'DescribeLogDirs'>[],
): ResponseInputOf<'DescribeLogDirs'> {
  const results = joined(
    answers.flatMap((answer) => answer.results),
    ({ logDir }) => logDir,
    (a, b) => ({ ...a, topics: [...a.topics, ...b.topics] }),
  )
  return {
    results: results.map((directory) => ({
      ...directory,
      topics: joined(directory.topics, ({ name }) => name, joinPartitions),
    })),
  }
}

/** Topics whose partitions several shards answered become one: clients take a second entry for a correction. */
function joined<T>(topics: readonly T[], key: (topic: T) => string, join: (a: T, b: T) => T): T[] {
  const byKey = new Map<string, T>()
  for (const topic of topics) {
    const earlier = byKey.get(key(topic))
    byKey.set(key(topic), earlier === undefined ? topic : join(earlier, topic))
  }
  return [...byKey.values()]
}

function distinctNodes<T extends { readonly nodeId: number }>(nodes: readonly T[]): T[] {
  return [...new Map(nodes.map((node) => [node.nodeId, node])).values()]
}

function joinPartitions<P, T extends { readonly partitions: readonly P[] }>(a: T, b: T): T {
  return { ...a, partitions: [...a.partitions, ...b.partitions] }
}
