/**
 * What becomes of the partitions of a broker that comes, goes, or is about to go: who leads them, and who stays in sync.
 * How a partition is changed is `partition-change.ts`'s.
 */
import type { NodeId } from '@millrace/base'
import { isAvailable, type MetadataImage, type TopicImage } from '@millrace/metadata'
import type { DecisionContext } from './decision.ts'
import { isrWithout } from './partition-change.ts'
import { PartitionChanges } from './partition-changes.ts'

type Context = Pick<DecisionContext, 'image' | 'config'>

/**
 * For a broker that is gone or fenced: it leaves each ISR that has another member, and leads nothing.
 */
export function changesForGone(context: Context, brokerId: NodeId): PartitionChanges {
  return changesWithout(context, brokerId, () => false)
}

/**
 * For a new process: it has to prove its log before it is in sync again (KIP-841, KIP-903), and leads nothing that the
 * process before it led. Where that may have taken with it what it acknowledged, this one is not eligible (KIP-966).
 * @param mayLack whether the new process may lack records of the topic that the one before it acknowledged
 */
export function changesForNewProcess(
  context: Context,
  brokerId: NodeId,
  mayLack: (topic: TopicImage, changes: PartitionChanges) => boolean,
): PartitionChanges {
  return changesWithout(context, brokerId, mayLack)
}

function changesWithout(
  context: Context,
  brokerId: NodeId,
  mayLack: (topic: TopicImage, changes: PartitionChanges) => boolean,
): PartitionChanges {
  const changes = new PartitionChanges(context, { brokerId, becomes: 'gone' })
  for (const located of context.image.topics.candidatePartitions(brokerId)) {
    changes.change(located, {
      isr: isrWithout(located.partition.isr, brokerId),
      ...(mayLack(located.topic, changes) && { distrusted: brokerId }),
    })
  }
  return changes
}

/**
 * For a broker that wants to stop (controlled shutdown): it hands over what another in-sync replica can take, and leaves
 * those ISRs (KIP-841). What nobody can take it leads on, readable and writable, until it is fenced.
 */
export function changesForShutdown(context: Context, brokerId: NodeId): PartitionChanges {
  const { image } = context
  const changes = new PartitionChanges(context, { brokerId, becomes: 'stopping' })
  for (const located of image.topics.candidatePartitions(brokerId)) {
    const { isr } = located.partition
    const hasSuccessor = isr.some((id) => id !== brokerId && isAvailableIn(image, id))
    if (hasSuccessor && isr.includes(brokerId)) changes.change(located, { isr: isrWithout(isr, brokerId) })
  }
  return changes
}

/** For a broker that may lead again: partitions of its that have no leader may get one. */
export function changesForLive(context: Context, brokerId: NodeId): PartitionChanges {
  const changes = new PartitionChanges(context, { brokerId, becomes: 'live' })
  for (const located of context.image.topics.leaderlessPartitions()) {
    if (located.partition.replicas.includes(brokerId)) changes.change(located, {})
  }
  return changes
}

function isAvailableIn(image: MetadataImage, id: NodeId): boolean {
  const broker = image.brokers.get(id)
  return broker !== undefined && isAvailable(broker)
}
