/**
 * Requests that name topics and partitions, cut into one share per shard and put together again. What differs between
 * the APIs is only where their messages keep the parts.
 */
import type { Uuid } from '@millrace/base'
import type { ApiName, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { TopicTable } from '../topics/topic-table.ts'

/** Where the messages of one API keep topics and partitions. `T`, `P`: a topic and a partition of a request. */
export interface PartitionedApi<N extends ApiName, T, P> {
  readonly name: N
  /** Whether a share may wait for something that other shares make needless. */
  readonly parks: boolean
  topics(request: RequestOf<N>): readonly T[]
  topicName(topic: T): string
  topicId(topic: T): Uuid
  partitions(topic: T): readonly P[]
  index(partition: P): number
  withPartitions(topic: T, partitions: P[]): T
  /** @param shareCount into how many shares the request is cut, for limits that hold for all of it */
  withTopics(request: RequestOf<N>, topics: T[], shareCount: number): RequestOf<N>
  merge(answers: readonly ResponseInputOf<N>[]): ResponseInputOf<N>
  /** The answer in which every partition has this error. */
  failed(request: RequestOf<N>, errorCode: number): ResponseInputOf<N>
}

/** @returns the shares by shard; null when the request concerns no other shard, so that it can be answered as it is */
export function split<N extends ApiName, T, P>(
  api: PartitionedApi<N, T, P>,
  request: RequestOf<N>,
  table: TopicTable,
): Map<number, RequestOf<N>> | null {
  if (!concernsOthers(api, request, table)) return null
  const topicsByShard = new Map<number, T[]>()
  for (const topic of api.topics(request)) {
    for (const [shard, partitions] of partitionsByShard(api, topic, table)) {
      const topics = topicsByShard.get(shard)
      const share = api.withPartitions(topic, partitions)
      if (topics === undefined) topicsByShard.set(shard, [share])
      else topics.push(share)
    }
  }
  const shares = new Map<number, RequestOf<N>>()
  for (const [shard, topics] of topicsByShard)
    shares.set(shard, api.withTopics(request, topics, topicsByShard.size))
  return shares
}

function concernsOthers<N extends ApiName, T, P>(
  api: PartitionedApi<N, T, P>,
  request: RequestOf<N>,
  table: TopicTable,
): boolean {
  for (const topic of api.topics(request)) {
    const entry = table.find(api.topicName(topic), api.topicId(topic))
    if (entry === undefined) continue
    for (const partition of api.partitions(topic)) {
      const shard = table.shardOf(entry, api.index(partition))
      if (shard >= 0 && shard !== table.ownShard) return true
    }
  }
  return false
}

function partitionsByShard<N extends ApiName, T, P>(
  api: PartitionedApi<N, T, P>,
  topic: T,
  table: TopicTable,
): Map<number, P[]> {
  const entry = table.find(api.topicName(topic), api.topicId(topic))
  const byShard = new Map<number, P[]>()
  for (const partition of api.partitions(topic)) {
    const found = table.shardOf(entry, api.index(partition))
    // Who has no such partition can say so as well as anybody.
    const shard = found < 0 ? table.ownShard : found
    const partitions = byShard.get(shard)
    if (partitions === undefined) byShard.set(shard, [partition])
    else partitions.push(partition)
  }
  return byShard
}
