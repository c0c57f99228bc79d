/** Topics as metadata records, for tests that need some metadata and don't care which. */
import type { LeaderEpoch, NodeId, Uuid } from '@millrace/base'
import type { MetadataImage, MetadataRecord } from '@millrace/metadata'
import { metadataRecord } from '@millrace/protocol'

export function uuid(number: number): Uuid {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number + 1, 12)
  return bytes.toString('base64url') as Uuid
}

/** A topic `topic-<number>` of three partitions: records that stand or fall together. */
export function topicRecords(number: number): MetadataRecord[] {
  const topicId = uuid(number)
  const replicas = [1 as NodeId]
  return [
    metadataRecord('TopicRecord', { name: `topic-${number}`, topicId }),
    ...[0, 1, 2].map((partitionId) =>
      metadataRecord('PartitionRecord', {
        partitionId,
        topicId,
        replicas,
        isr: replicas,
        removingReplicas: [],
        addingReplicas: [],
        leader: 1 as NodeId,
        leaderEpoch: 0 as LeaderEpoch,
        partitionEpoch: 0,
        directories: [],
      }),
    ),
  ]
}

/** Numbers of the topics in an image, in order; every one must have all its partitions. */
export function topicNumbers(image: MetadataImage): number[] {
  return [...image.topics.values()]
    .map(({ name, partitions }) => {
      if (partitions.length !== 3) throw new Error(`${name} has ${partitions.length} partitions`)
      return Number(name.slice('topic-'.length))
    })
    .toSorted((a, b) => a - b)
}
