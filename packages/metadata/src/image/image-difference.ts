/**
 * What leads from one image to another, as records. A node whose metadata ends before the leader's log begins gets a
 * snapshot (KIP-630): everything behind it takes this difference like any other commit, and needs no second way in.
 */
import { assert } from '@millrace/base'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'
import type { BrokerEndpoint, BrokerFeature, BrokerImage } from './brokers-image.ts'
import { type ConfigEntries, ConfigResourceType } from './configs-image.ts'
import { brokerRecord, partitionRecord, producerIdsRecord, topicRecords } from './image-records.ts'
import type { MetadataImage } from './metadata-image.ts'
import type { PartitionImage, TopicImage } from './topics-image.ts'

/**
 * @param to of the same cluster, and not older
 * @returns records that, replayed on `from`, give everything that `to` holds; empty when they hold the same
 */
export function imageDifferenceRecords(from: MetadataImage, to: MetadataImage): MetadataRecord[] {
  assert(from.clusterId === to.clusterId, `clusters ${from.clusterId} and ${to.clusterId} have no difference`)
  return [
    ...featureDifference(from, to),
    ...brokersDifference(from, to),
    // Names must be free before they are taken again.
    ...removedTopics(from, to),
    ...topicsDifference(from, to),
    ...configsDifference(from, to),
    ...(from.nextProducerId === to.nextProducerId ? [] : [producerIdsRecord(to.nextProducerId)]),
  ]
}

function* featureDifference(from: MetadataImage, to: MetadataImage): IterableIterator<MetadataRecord> {
  for (const name of from.features.keys()) {
    if (!to.features.has(name)) yield metadataRecord('FeatureLevelRecord', { name, featureLevel: 0 })
  }
  for (const [name, featureLevel] of to.features) {
    if (from.features.get(name) !== featureLevel) {
      yield metadataRecord('FeatureLevelRecord', { name, featureLevel })
    }
  }
}

function* brokersDifference(from: MetadataImage, to: MetadataImage): IterableIterator<MetadataRecord> {
  for (const { id: brokerId, epoch: brokerEpoch } of from.brokers.values()) {
    if (!to.brokers.has(brokerId)) {
      yield metadataRecord('UnregisterBrokerRecord', { brokerId, brokerEpoch })
    }
  }
  for (const broker of to.brokers.values()) {
    const before = from.brokers.get(broker.id)
    if (before === undefined || !sameBroker(before, broker)) yield brokerRecord(broker)
  }
}

function* removedTopics(from: MetadataImage, to: MetadataImage): IterableIterator<MetadataRecord> {
  if (from.topics === to.topics) return
  for (const { id: topicId } of from.topics.values()) {
    if (to.topics.byId(topicId) === undefined) yield metadataRecord('RemoveTopicRecord', { topicId })
  }
}

function* topicsDifference(from: MetadataImage, to: MetadataImage): IterableIterator<MetadataRecord> {
  if (from.topics === to.topics) return
  for (const topic of to.topics.values()) {
    const before = from.topics.byId(topic.id)
    if (before === topic) continue
    if (before === undefined) yield* topicRecords(topic)
    else yield* partitionsDifference(before, topic)
  }
}

function* partitionsDifference(before: TopicImage, after: TopicImage): IterableIterator<MetadataRecord> {
  assert(before.name === after.name, `topic ${before.name} and topic ${after.name} have the same id`)
  assert(before.partitions.length <= after.partitions.length, `topic ${after.name} lost partitions`)
  for (const [partitionId, partition] of after.partitions.entries()) {
    const old = before.partitions[partitionId]
    if (old === undefined || !samePartition(old, partition)) {
      yield partitionRecord(after, partitionId, partition)
    }
  }
}

function* configsDifference(from: MetadataImage, to: MetadataImage): IterableIterator<MetadataRecord> {
  for (const { type, name, entries } of from.configs.resources()) {
    if (removesConfig(from, to, type, name)) continue
    const after = to.configs.forResource(type, name)
    if (after === entries) continue
    for (const key of entries.keys()) if (!after.has(key)) yield configRecord(type, name, key, null)
  }
  for (const { type, name, entries } of to.configs.resources()) {
    const before: ConfigEntries = removesConfig(from, to, type, name)
      ? new Map()
      : from.configs.forResource(type, name)
    if (before === entries) continue
    for (const [key, value] of entries) {
      if (before.get(key) !== value) yield configRecord(type, name, key, value)
    }
  }
}

/** A topic that goes takes its configuration with it, also when another of its name comes. */
function removesConfig(from: MetadataImage, to: MetadataImage, type: number, name: string): boolean {
  const topic = type === ConfigResourceType.TOPIC ? from.topics.byName(name) : undefined
  return topic !== undefined && to.topics.byId(topic.id) === undefined
}

function configRecord(type: number, name: string, key: string, value: string | null): MetadataRecord {
  return metadataRecord('ConfigRecord', { resourceType: type, resourceName: name, name: key, value })
}

function sameBroker(a: BrokerImage, b: BrokerImage): boolean {
  return (
    a === b ||
    (a.epoch === b.epoch &&
      a.incarnationId === b.incarnationId &&
      a.fenced === b.fenced &&
      a.inControlledShutdown === b.inControlledShutdown &&
      a.rack === b.rack &&
      sameList(a.logDirs, b.logDirs) &&
      sameList(a.endpoints, b.endpoints, sameEndpoint) &&
      sameList(a.features, b.features, sameFeature))
  )
}

function samePartition(a: PartitionImage, b: PartitionImage): boolean {
  return (
    a === b ||
    (a.partitionEpoch === b.partitionEpoch &&
      a.leader === b.leader &&
      a.leaderEpoch === b.leaderEpoch &&
      a.leaderRecoveryState === b.leaderRecoveryState &&
      sameList(a.replicas, b.replicas) &&
      sameList(a.isr, b.isr) &&
      sameList(a.removingReplicas, b.removingReplicas) &&
      sameList(a.addingReplicas, b.addingReplicas) &&
      sameList(a.eligibleLeaderReplicas, b.eligibleLeaderReplicas) &&
      sameList(a.lastKnownElr, b.lastKnownElr) &&
      sameList(a.directories, b.directories))
  )
}

function sameEndpoint(a: BrokerEndpoint, b: BrokerEndpoint): boolean {
  return (
    a.name === b.name && a.host === b.host && a.port === b.port && a.securityProtocol === b.securityProtocol
  )
}

function sameFeature(a: BrokerFeature, b: BrokerFeature): boolean {
  return (
    a.name === b.name &&
    a.minSupportedVersion === b.minSupportedVersion &&
    a.maxSupportedVersion === b.maxSupportedVersion
  )
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean = Object.is): boolean {
  return a === b || (a.length === b.length && a.every((element, index) => same(element, b[index]!)))
}
