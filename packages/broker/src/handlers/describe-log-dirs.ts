/**
 * DescribeLogDirs v1–4 (KIP-113): the replicas in the data folder with their sizes. The lag is Kafka's, which is that behind the
 * high watermark that the replica knows: what followers lack, the leader knows better, and tells it on the native wire.
 * Partitions without a replica here are left out of the answer.
 */
import type { RequestContext } from '@millrace/net'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ShardConfig } from '../config.ts'
import { Partition } from '../partition/partition.ts'
import type { TopicEntry, TopicTable } from '../topics/topic-table.ts'

type Asked = RequestOf<'DescribeLogDirs'>['topics']
type Directory = ResponseInputOf<'DescribeLogDirs'>['results'][number]
type DirectoryTopic = Directory['topics'][number]
type DirectoryPartition = DirectoryTopic['partitions'][number]

export function describeLogDirsHandler({
  config,
  topics,
}: {
  readonly config: Pick<ShardConfig, 'dataDirectory'>
  readonly topics: TopicTable
}): Handler<'DescribeLogDirs', RequestContext> {
  return ({ topics: asked }) => ({
    results: [{ logDir: config.dataDirectory, topics: hostedTopics(topics, asked) }],
  })
}

function hostedTopics(table: TopicTable, asked: Asked): DirectoryTopic[] {
  const described =
    asked === null
      ? [...table.values()].map((topic) => describeTopic(topic, topic.slots.keys()))
      : asked.map(({ topic, partitions }) => describeTopic(table.byName(topic), partitions))
  return described.filter(({ partitions }) => partitions.length > 0)
}

function describeTopic(topic: TopicEntry | undefined, indexes: Iterable<number>): DirectoryTopic {
  const partitions: DirectoryPartition[] = []
  for (const index of indexes) {
    const slot = topic?.slots[index]
    if (slot instanceof Partition) partitions.push(describePartition(slot))
  }
  return { name: topic?.name ?? '', partitions }
}

function describePartition({ index, log, highWatermark, replica }: Partition): DirectoryPartition {
  return {
    partitionIndex: index,
    partitionSize: log.sizeBytes,
    offsetLag: Math.max(0, highWatermark - log.logEndOffset),
    followers: replica.followers().map(({ id, endOffset }) => ({
      replicaId: id,
      offsetLag: endOffset < 0 ? -1 : Math.max(0, log.logEndOffset - endOffset),
    })),
  }
}
