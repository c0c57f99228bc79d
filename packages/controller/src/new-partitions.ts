/**
 * The replicas of partitions about to be created, placed by the controller or as the request assigned them, and the
 * records that create them. CreateTopics and CreatePartitions share this.
 */
import { type LeaderEpoch, NO_NODE, type NodeId, type Uuid } from '@millrace/base'
import { type BrokersImage, isAvailable } from '@millrace/metadata'
import { ErrorCode, metadataRecord, type MetadataRecord } from '@millrace/protocol'
import { type Refusal, refusal } from './decision.ts'
import { directoryOf } from './log-directory.ts'
import { availableBrokers, placeReplicas, type Placement, unavailableBrokers } from './replica-placement.ts'

/** Replicas of each new partition, or why they can't be placed. */
export type Assignment = { readonly replicas: readonly (readonly NodeId[])[] }

export function placedAssignment(brokers: BrokersImage, placement: Placement): Assignment | Refusal {
  const available = availableBrokers(brokers)
  const { replicationFactor } = placement
  if (replicationFactor > brokers.size) {
    return refusal(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition ${replicationFactor} time(s): only ${brokers.size} broker(s) are registered. ` +
        'Start more brokers, or ask for a smaller replication factor.',
    )
  }
  if (available.length === 0) {
    return refusal(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition: none of ${brokers.size} registered broker(s) is live. Start the brokers that are down.`,
    )
  }
  return { replicas: placeReplicas(available, unavailableBrokers(brokers), placement) }
}

/**
 * Checks an assignment that the client made.
 * @param replicationFactor of the partitions that exist; null: as the first new one has it
 * @param firstPartition index of the first new partition, for messages
 */
export function manualAssignment(
  brokers: BrokersImage,
  replicas: readonly (readonly NodeId[])[],
  replicationFactor: number | null,
  firstPartition: number,
): Assignment | Refusal {
  const expected = replicationFactor ?? replicas[0]?.length ?? 0
  for (const [index, ids] of replicas.entries()) {
    const problem = assignmentProblem(brokers, ids, expected, firstPartition + index)
    if (problem !== null) return refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, problem)
  }
  return { replicas }
}

function assignmentProblem(
  brokers: BrokersImage,
  ids: readonly NodeId[],
  expected: number,
  partition: number,
): string | null {
  if (ids.length === 0) return 'The manual partition assignment includes an empty replica list.'
  if (new Set(ids).size !== ids.length) {
    return `The manual partition assignment of partition ${partition} includes a broker more than once: ${ids.join(', ')}.`
  }
  const stranger = ids.find((id) => !brokers.has(id))
  if (stranger !== undefined) {
    return `The manual partition assignment includes broker ${stranger}, but no such broker is registered.`
  }
  if (ids.length !== expected) {
    return (
      `The manual partition assignment includes a partition with ${ids.length} replica(s), but this is not ` +
      `consistent with other partitions, which have ${expected} replica(s).`
    )
  }
  if (!ids.some((id) => isAvailable(brokers.get(id)!))) {
    return `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`
  }
  return null
}

/** @param firstPartition index of the first new partition */
export function partitionRecords(
  brokers: BrokersImage,
  topicId: Uuid,
  assignment: Assignment,
  firstPartition: number,
): MetadataRecord[] {
  return assignment.replicas.map((replicas, index) => {
    const isr = replicas.filter((id) => isAvailable(brokers.get(id)!))
    return metadataRecord('PartitionRecord', {
      partitionId: firstPartition + index,
      topicId,
      replicas,
      isr,
      removingReplicas: [],
      addingReplicas: [],
      leader: isr[0] ?? NO_NODE,
      leaderEpoch: 0 as LeaderEpoch,
      partitionEpoch: 0,
      directories: replicas.map((id) => directoryOf(brokers, id)),
    })
  })
}
