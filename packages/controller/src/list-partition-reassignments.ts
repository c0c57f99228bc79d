/** ListPartitionReassignments: which partitions are being reassigned (KIP-455). */
import type { TopicImage } from '@millrace/metadata'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { isInProgress } from './alter-partition-reassignments.ts'
import type { Decision, DecisionContext } from './decision.ts'

type Request = RequestOf<'ListPartitionReassignments'>
type Response = ResponseInputOf<'ListPartitionReassignments'>
type Topic = Response['topics'][number]

/** Topics and partitions that do not exist, or are not being reassigned, are left out. */
export function handleListPartitionReassignments(
  { topics: asked }: Request,
  { image }: DecisionContext,
): Decision<Response> {
  const topics: Topic[] = []
  if (asked === null) {
    for (const topic of image.topics.values()) addTopic(topics, topic, topic.partitions.keys())
  } else {
    for (const { name, partitionIndexes } of asked) {
      const topic = image.topics.byName(name)
      if (topic !== undefined) addTopic(topics, topic, partitionIndexes)
    }
  }
  return { records: [], response: { topics } }
}

function addTopic(topics: Topic[], topic: TopicImage, indexes: Iterable<number>): void {
  const partitions: Topic['partitions'][number][] = []
  for (const partitionIndex of indexes) {
    const partition = topic.partitions[partitionIndex]
    if (partition === undefined || !isInProgress(partition)) continue
    const { replicas, addingReplicas, removingReplicas } = partition
    partitions.push({ partitionIndex, replicas, addingReplicas, removingReplicas })
  }
  if (partitions.length > 0) topics.push({ name: topic.name, partitions })
}
