/**
 * Leaderships go back to the preferred replicas, the first of each partition, once brokers that were away are in sync
 * again: else those that never went away would lead more and more.
 */
import type { NodeId } from '@millrace/base'
import type { LocatedPartition, MetadataImage } from '@millrace/metadata'
import type { Decision, DecisionContext } from './decision.ts'
import { PartitionChanges } from './partition-changes.ts'

export interface LeaderBalance {
  /** How many partitions got their preferred leader. */
  readonly elections: number
  /** There are more to elect: decide again soon. */
  readonly isCutShort: boolean
}

/** Bounds the size of one append, and how many partitions stand still at once. */
const ELECTIONS_MAX = 1000

/**
 * @param imbalancePercentage `leader.imbalance.per.broker.percentage`: how much of what a broker is the preferred leader
 * of others may lead before that is changed
 */
export function balanceLeaders(
  context: Pick<DecisionContext, 'image' | 'config'>,
  imbalancePercentage: number,
): Decision<LeaderBalance> {
  const changes = new PartitionChanges(context)
  let isCutShort = false
  for (const { preferred, strayed } of preferences(context.image).values()) {
    if (strayed.length * 100 <= preferred * imbalancePercentage) continue
    for (const located of strayed) {
      isCutShort = changes.records.length === ELECTIONS_MAX
      if (isCutShort) break
      changes.change(located, { election: 'preferred' })
    }
  }
  const { records, uncleanElections } = changes
  return { records, response: { elections: records.length, isCutShort }, uncleanElections }
}

interface Preference {
  /** How many partitions it should lead. */
  preferred: number
  /** Those of them that another leads. */
  readonly strayed: LocatedPartition[]
}

/** Partitions that are being reassigned are about to get other leaders anyway. */
function preferences({ topics }: MetadataImage): ReadonlyMap<NodeId, Preference> {
  const byBroker = new Map<NodeId, Preference>()
  for (const topic of topics.values()) {
    for (const [partitionId, partition] of topic.partitions.entries()) {
      const { replicas, leader, addingReplicas, removingReplicas } = partition
      const first = replicas[0]
      if (first === undefined || addingReplicas.length + removingReplicas.length > 0) continue
      let preference = byBroker.get(first)
      if (preference === undefined) byBroker.set(first, (preference = { preferred: 0, strayed: [] }))
      preference.preferred += 1
      if (leader !== first) preference.strayed.push({ topic, partitionId, partition })
    }
  }
  return byBroker
}
