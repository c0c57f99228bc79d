/**
 * An image as records: replayed into an empty image they give this one again. What snapshots hold, and what a thread
 * gets that starts late.
 */
import { NO_NODE } from '@millrace/base'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'
import type { BrokerImage } from './brokers-image.ts'
import type { MetadataImage } from './metadata-image.ts'
import type { PartitionImage, TopicImage } from './topics-image.ts'

/** Features first, as every metadata log begins, so that a reader knows at once whether it can read the rest. */
export function* imageRecords(image: MetadataImage): IterableIterator<MetadataRecord> {
  for (const [name, featureLevel] of image.features) {
    yield metadataRecord('FeatureLevelRecord', { name, featureLevel })
  }
  for (const broker of image.brokers.values()) yield brokerRecord(broker)
  for (const topic of image.topics.values()) yield* topicRecords(topic)
  for (const { type, name, entries } of image.configs.resources()) {
    for (const [key, value] of entries) {
      yield metadataRecord('ConfigRecord', { resourceType: type, resourceName: name, name: key, value })
    }
  }
  if (image.nextProducerId > 0) yield producerIdsRecord(image.nextProducerId)
}

/** Whoever got the last block does not matter any more. */
export function producerIdsRecord(nextProducerId: number): MetadataRecord {
  return metadataRecord('ProducerIdsRecord', { brokerId: NO_NODE, brokerEpoch: -1, nextProducerId })
}

/** A registration as it stands, whatever it has been through. */
export function brokerRecord(broker: BrokerImage): MetadataRecord {
  return metadataRecord('RegisterBrokerRecord', {
    brokerId: broker.id,
    brokerEpoch: broker.epoch,
    incarnationId: broker.incarnationId,
    endPoints: broker.endpoints,
    features: broker.features,
    rack: broker.rack,
    fenced: broker.fenced,
    inControlledShutdown: broker.inControlledShutdown,
    logDirs: broker.logDirs,
  })
}

export function* topicRecords(topic: TopicImage): IterableIterator<MetadataRecord> {
  yield metadataRecord('TopicRecord', { name: topic.name, topicId: topic.id })
  for (const [partitionId, partition] of topic.partitions.entries()) {
    yield partitionRecord(topic, partitionId, partition)
  }
}

/** A partition as it stands; replaces what a replica knew of it. */
export function partitionRecord(
  topic: TopicImage,
  partitionId: number,
  partition: PartitionImage,
): MetadataRecord {
  const { eligibleLeaderReplicas, lastKnownElr } = partition
  return metadataRecord('PartitionRecord', {
    partitionId,
    topicId: topic.id,
    replicas: partition.replicas,
    isr: partition.isr,
    removingReplicas: partition.removingReplicas,
    addingReplicas: partition.addingReplicas,
    leader: partition.leader,
    leaderRecoveryState: partition.leaderRecoveryState,
    leaderEpoch: partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch,
    directories: partition.directories,
    eligibleLeaderReplicas: eligibleLeaderReplicas.length === 0 ? null : eligibleLeaderReplicas,
    lastKnownElr: lastKnownElr.length === 0 ? null : lastKnownElr,
  })
}
