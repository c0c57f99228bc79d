/** Topics with their partitions: who leads, who has a replica, who is in sync, and who could lead all the same. */
import type { LeaderEpoch, NodeId, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { RequestInputOf, ResponseOf } from '@millrace/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { MetadataCache } from '../cluster/metadata-cache.ts'
import { settle } from '../cluster/settle.ts'
import { BrokerError, MillraceError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'

export interface PartitionDescription {
  readonly partition: number
  /** `NO_NODE` while there is none. */
  readonly leader: NodeId
  readonly leaderEpoch: LeaderEpoch
  /** The preferred leader first. */
  readonly replicas: readonly NodeId[]
  /** Those that have every acknowledged record, as the controller knows it. */
  readonly isr: readonly NodeId[]
  /** On brokers that cannot be reached. */
  readonly offlineReplicas: readonly NodeId[]
  /** Not in sync, and may lead without losing anything (KIP-966); null where the cluster does not tell. */
  readonly eligibleLeaderReplicas: readonly NodeId[] | null
  /** Those that were eligible until they stopped uncleanly: what an unclean election tries first; null likewise. */
  readonly lastKnownElr: readonly NodeId[] | null
}

export interface TopicDescription {
  readonly name: string
  /** Zero where the broker does not give ids (Metadata before v10). */
  readonly topicId: Uuid
  readonly isInternal: boolean
  /** By partition number, without holes. */
  readonly partitions: readonly PartitionDescription[]
}

type Answer = ResponseOf<'DescribeTopicPartitions'>
type AnsweredTopic = Answer['topics'][number]

/** @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION, or PartialFailureError */
export async function describeTopics(
  cluster: Cluster,
  names: readonly string[],
  scope: CallScope,
): Promise<TopicDescription[]> {
  return await settle(cluster, { what: 'describe topics', keys: names }, scope, async (pending, signal) => {
    try {
      return await askPartitions(cluster, pending, signal)
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'UNSUPPORTED_VERSION') throw error
      return await askMetadata(cluster, pending, signal)
    }
  })
}

/** Those with fewer replicas in sync than they are to have. Replicas that are being added do not count yet. */
export function isUnderReplicated(
  { replicas, isr }: Pick<PartitionDescription, 'replicas' | 'isr'>,
  adding: readonly number[] = [],
): boolean {
  return isr.length < replicas.length - adding.length
}

async function askPartitions(
  cluster: Cluster,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, TopicDescription | BrokerError>> {
  const pages = new Map<string, AnsweredTopic[]>()
  let cursor: RequestInputOf<'DescribeTopicPartitions'>['cursor'] = null
  do {
    const request = { topics: names.map((name) => ({ name })), cursor }
    const answer: Answer = await cluster.requestAny('DescribeTopicPartitions', request, { signal })
    for (const topic of answer.topics) {
      const name = topic.name ?? ''
      pages.set(name, [...(pages.get(name) ?? []), topic])
    }
    requireProgress(cursor, answer.nextCursor)
    cursor = answer.nextCursor
  } while (cursor !== null)
  return new Map([...pages].map(([name, parts]) => [name, description(name, parts)]))
}

/** A broker that names the same page again would be asked for ever. */
function requireProgress(cursor: Answer['nextCursor'] | undefined, next: Answer['nextCursor']): void {
  if (!cursor || next === null) return
  const { topicName, partitionIndex } = cursor
  if (next.topicName > topicName) return
  if (next.topicName === topicName && next.partitionIndex > partitionIndex) return
  throw new MillraceError(
    'BAD_ANSWER',
    `describe topics: the broker repeats the page at ${topicName}-${partitionIndex}`,
  )
}

function description(name: string, parts: readonly AnsweredTopic[]): TopicDescription | BrokerError {
  const { errorCode, topicId, isInternal } = parts[0]!
  if (errorCode !== ErrorCode.NONE) return new BrokerError(errorCode, `describe topic ${name}`)
  const partitions = parts
    .flatMap((part) => part.partitions)
    .map((partition) => ({
      partition: partition.partitionIndex,
      leader: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
      offlineReplicas: partition.offlineReplicas,
      eligibleLeaderReplicas: partition.eligibleLeaderReplicas,
      lastKnownElr: partition.lastKnownElr,
    }))
    .toSorted((a, b) => a.partition - b.partition)
  return { name, topicId, isInternal, partitions }
}

/** For brokers that do not serve DescribeTopicPartitions: Kafka before 3.8, and all with ZooKeeper. */
async function askMetadata(
  cluster: Cluster,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, TopicDescription | BrokerError>> {
  const request = { topics: names.map((name) => ({ name })), allowAutoTopicCreation: false }
  const response = await cluster.requestAny('Metadata', request, { signal })
  // A cache of its own: descriptions come from this answer, not from what the client has been told before.
  const answer = new MetadataCache()
  answer.update(response)
  const offline = offlineReplicas(response)
  const described = new Map<string, TopicDescription | BrokerError>()
  for (const name of names) {
    const topic = answer.topic(name)
    if (topic === undefined) {
      described.set(name, new BrokerError(answer.topicError(name), `describe topic ${name}`))
      continue
    }
    const partitions = topic.partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
      partition,
      leader,
      leaderEpoch,
      replicas,
      isr,
      offlineReplicas: offline(name, partition),
      eligibleLeaderReplicas: null,
      lastKnownElr: null,
    }))
    described.set(name, { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions })
  }
  return described
}

function offlineReplicas({
  topics,
}: ResponseOf<'Metadata'>): (topic: string, partition: number) => readonly NodeId[] {
  const byTopic = new Map(topics.map(({ name, partitions }) => [name, partitions]))
  return (topic, partition) =>
    byTopic.get(topic)?.find(({ partitionIndex }) => partitionIndex === partition)?.offlineReplicas ?? []
}
