/**
 * A broker process joins: its registration, and a new leader epoch for what it led before. The process may have lost
 * records that the one before it had not flushed; a new epoch lets clients and followers find out where the logs part.
 */
import type { NodeId, Uuid } from '@millrace/base'
import type { BrokerEndpoint, MetadataImage, MetadataRecord } from '@millrace/metadata'
import { metadataRecord } from '@millrace/protocol'
import type { Decision } from './decision.ts'

export interface BrokerRegistration {
  readonly brokerId: NodeId
  /** Drawn by the process at its start. */
  readonly incarnationId: Uuid
  readonly endpoints: readonly BrokerEndpoint[]
  readonly rack: string | null
  readonly logDirs: readonly Uuid[]
}

export interface BrokerRegistered {
  readonly brokerEpoch: number
}

/** Registering the same process again changes nothing. */
export function handleRegisterBroker(
  registration: BrokerRegistration,
  image: MetadataImage,
): Decision<BrokerRegistered> {
  const { brokerId, incarnationId, endpoints, rack, logDirs } = registration
  const registered = image.brokers.get(brokerId)
  if (registered?.incarnationId === incarnationId) {
    return { records: [], response: { brokerEpoch: registered.epoch } }
  }
  const brokerEpoch = image.position.lastOffset + 1
  const record = metadataRecord('RegisterBrokerRecord', {
    brokerId,
    incarnationId,
    brokerEpoch,
    endPoints: endpoints,
    features: [],
    rack,
    fenced: false,
    inControlledShutdown: false,
    logDirs,
  })
  return { records: [record, ...newLeaderEpochs(image, brokerId)], response: { brokerEpoch } }
}

function newLeaderEpochs(image: MetadataImage, brokerId: NodeId): MetadataRecord[] {
  const records: MetadataRecord[] = []
  for (const topic of image.topics.values()) {
    for (const [partitionId, partition] of topic.partitions.entries()) {
      if (partition.leader !== brokerId) continue
      records.push(
        metadataRecord('PartitionChangeRecord', { partitionId, topicId: topic.id, leader: brokerId }),
      )
    }
  }
  return records
}
