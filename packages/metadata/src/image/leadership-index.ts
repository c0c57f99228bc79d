/**
 * From a broker to the partitions that it may lead, being in sync or eligible (KIP-966), and to those that nobody leads, so
 * that the controller finds what the coming and going of a broker touches without looking at every partition of the
 * cluster (KIP-631 keeps "brokers to ISRs" for the same reason). Immutable.
 *
 * Invariant: says exactly what the partitions of its topics say.
 */
import { NO_NODE, type NodeId, type Uuid } from '@millrace/base'
import { PersistentMap } from './persistent-map.ts'
import type { PartitionImage, TopicImage } from './topics-image.ts'

/** Partition indexes by topic id. */
type Partitions = PersistentMap<ReadonlySet<number>>

/** One topic's partitions before and after a change; undefined: was not there, or is gone. */
export interface PartitionDifference {
  readonly topicId: Uuid
  readonly partitionId: number
  readonly before: PartitionImage | undefined
  readonly after: PartitionImage | undefined
}

export class LeadershipIndex {
  readonly #byBroker: ReadonlyMap<NodeId, Partitions>

  private constructor(byBroker: ReadonlyMap<NodeId, Partitions>) {
    this.#byBroker = byBroker
  }

  static of(topics: Iterable<TopicImage>): LeadershipIndex {
    return new LeadershipIndex(new Map()).changed(partitionsOf(topics))
  }

  /** Partitions that the broker may lead, `NO_NODE`: that have no leader, by topic id; in no particular order. */
  *entries(broker: NodeId): IterableIterator<[Uuid, ReadonlySet<number>]> {
    const partitions = this.#byBroker.get(broker)
    if (partitions === undefined) return
    for (const [topicId, indexes] of partitions.entries()) yield [topicId as Uuid, indexes]
  }

  /** Costs as much as the change is large. */
  changed(changes: Iterable<PartitionDifference>): LeadershipIndex {
    const drafts = new Map<NodeId, Map<Uuid, Set<number>>>()
    for (const { topicId, partitionId, before, after } of changes) {
      const [was, is] = [keysOf(before), keysOf(after)]
      for (const id of was) if (!is.includes(id)) this.#draft(drafts, id, topicId).delete(partitionId)
      for (const id of is) if (!was.includes(id)) this.#draft(drafts, id, topicId).add(partitionId)
    }
    if (drafts.size === 0) return this
    const byBroker = new Map(this.#byBroker)
    for (const [id, topics] of drafts) {
      const editor = (byBroker.get(id) ?? PersistentMap.empty<ReadonlySet<number>>()).edit()
      for (const [topicId, indexes] of topics) {
        if (indexes.size === 0) editor.delete(topicId)
        else editor.set(topicId, indexes)
      }
      const partitions = editor.done()
      if (partitions.size === 0) byBroker.delete(id)
      else byBroker.set(id, partitions)
    }
    return new LeadershipIndex(byBroker)
  }

  #draft(drafts: Map<NodeId, Map<Uuid, Set<number>>>, broker: NodeId, topicId: Uuid): Set<number> {
    let topics = drafts.get(broker)
    if (topics === undefined) drafts.set(broker, (topics = new Map()))
    let indexes = topics.get(topicId)
    if (indexes === undefined) {
      topics.set(topicId, (indexes = new Set(this.#byBroker.get(broker)?.get(topicId))))
    }
    return indexes
  }
}

const NO_KEYS: readonly NodeId[] = []

/** ISR and eligible replicas have no member in common. */
function keysOf(partition: PartitionImage | undefined): readonly NodeId[] {
  if (partition === undefined) return NO_KEYS
  const { isr, eligibleLeaderReplicas, leader } = partition
  if (leader !== NO_NODE) {
    return eligibleLeaderReplicas.length === 0 ? isr : [...isr, ...eligibleLeaderReplicas]
  }
  return [...isr, ...eligibleLeaderReplicas, NO_NODE]
}

function* partitionsOf(topics: Iterable<TopicImage>): IterableIterator<PartitionDifference> {
  for (const { id: topicId, partitions } of topics) {
    for (const [partitionId, after] of partitions.entries()) {
      yield { topicId, partitionId, before: undefined, after }
    }
  }
}
