/**
 * Who leads a partition, and who stays in its ISR, when a broker comes, goes, or is about to go.
 *
 * Invariants of all records made here: a leader is in the ISR and was available; the ISR never becomes empty, because
 * its last member may be the only one that has every acknowledged record; every new leader gets a new leader epoch.
 * Out of the ISR nobody is elected: that would lose acknowledged records.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import {
  isAvailable,
  type LocatedPartition,
  type MetadataImage,
  type PartitionImage,
} from '@millrace/metadata'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'

/** @returns the most preferred replica that is in sync and live; `NO_NODE` when there is none */
export function electLeader(
  { replicas, isr }: Pick<PartitionImage, 'replicas' | 'isr'>,
  isLive: (id: NodeId) => boolean,
): NodeId {
  return replicas.find((id) => isr.includes(id) && isLive(id)) ?? NO_NODE
}

/**
 * For a broker that is gone, fenced, or replaced by a new process: it leaves each ISR that has another member, and leads
 * nothing. A new process has to prove its log before it is in sync again (KIP-841, KIP-903).
 */
export function leaderRecordsForGone(image: MetadataImage, brokerId: NodeId): MetadataRecord[] {
  const isLive = (id: NodeId): boolean => id !== brokerId && isAvailableIn(image, id)
  return changeRecords(image, brokerId, ({ partition }) => {
    const others = partition.isr.filter((id) => id !== brokerId)
    const isr = others.length > 0 ? others : partition.isr
    const leader =
      partition.leader === brokerId ? electLeader({ replicas: partition.replicas, isr }, isLive) : null
    return { isr, leader }
  })
}

/**
 * For a broker that wants to stop (controlled shutdown): it hands over what another in-sync replica can take, and leaves
 * those ISRs (KIP-841). What nobody can take it leads on, readable and writable, until it is fenced.
 */
export function leaderRecordsForShutdown(image: MetadataImage, brokerId: NodeId): MetadataRecord[] {
  const isLive = (id: NodeId): boolean => id !== brokerId && isAvailableIn(image, id)
  return changeRecords(image, brokerId, ({ partition }) => {
    const successor = electLeader(partition, isLive)
    if (successor === NO_NODE) return { isr: partition.isr, leader: null }
    const isr = partition.isr.filter((id) => id !== brokerId)
    return { isr, leader: partition.leader === brokerId ? successor : null }
  })
}

/** For a broker that may lead again: partitions without a leader whose ISR it is in get one. */
export function leaderRecordsForLive(image: MetadataImage, brokerId: NodeId): MetadataRecord[] {
  const isLive = (id: NodeId): boolean => id === brokerId || isAvailableIn(image, id)
  return changeRecords(image, brokerId, ({ partition }) => {
    const leader = partition.leader === NO_NODE ? electLeader(partition, isLive) : null
    return { isr: partition.isr, leader }
  })
}

interface Change {
  readonly isr: readonly NodeId[]
  /** Null: as it is. */
  readonly leader: NodeId | null
}

/** Looks at the partitions whose ISR the broker is in: it can neither lead another nor be elected there. */
function changeRecords(
  image: MetadataImage,
  brokerId: NodeId,
  decide: (located: LocatedPartition) => Change,
): MetadataRecord[] {
  const records: MetadataRecord[] = []
  for (const located of image.topics.inSyncPartitions(brokerId)) {
    const { topic, partitionId, partition } = located
    const { isr, leader } = decide(located)
    const shrunk = isr.length < partition.isr.length
    if (!shrunk && leader === null) continue
    records.push(
      metadataRecord('PartitionChangeRecord', {
        partitionId,
        topicId: topic.id,
        ...(shrunk && { isr }),
        ...(leader !== null && { leader }),
      }),
    )
  }
  return records
}

function isAvailableIn(image: MetadataImage, id: NodeId): boolean {
  const broker = image.brokers.get(id)
  return broker !== undefined && isAvailable(broker)
}
