/** Which broker has how many partitions. */
import type { Admin, CallOptions, TopicDescription } from '@millrace/client'

export interface PartitionCounts {
  readonly topics: number
  readonly partitions: number
  /** Partitions that nobody can write to or read from. */
  readonly leaderless: number
  /** By broker id. */
  readonly byBroker: ReadonlyMap<number, BrokerPartitions>
}

interface BrokerPartitions {
  readonly leads: number
  /** Those that it leads among them. */
  readonly replicas: number
  /** Topics of which it has a replica, by name. */
  readonly topics: readonly string[]
}

export async function describeAllTopics(
  admin: Admin,
  options: CallOptions = {},
): Promise<TopicDescription[]> {
  const listed = await admin.listTopics(options)
  return await admin.describeTopics(
    listed.map(({ name }) => name),
    options,
  )
}

export function partitionCounts(topics: readonly TopicDescription[]): PartitionCounts {
  const counts = new Map<number, { leads: number; replicas: number; topics: Set<string> }>()
  const of = (broker: number) => {
    const found = counts.get(broker) ?? { leads: 0, replicas: 0, topics: new Set<string>() }
    counts.set(broker, found)
    return found
  }
  const partitions = topics.flatMap((topic) => topic.partitions.map((partition) => ({ topic, partition })))
  for (const { topic, partition } of partitions) {
    for (const replica of partition.replicas) {
      const broker = of(replica)
      broker.replicas++
      broker.topics.add(topic.name)
    }
    if (partition.leader >= 0) of(partition.leader).leads++
  }
  return {
    topics: topics.length,
    partitions: partitions.length,
    leaderless: partitions.filter(({ partition }) => partition.leader < 0).length,
    byBroker: new Map([...counts].map(([id, found]) => [id, { ...found, topics: [...found.topics] }])),
  }
}
