/**
 * From a broker to the partitions whose ISR it is in, so that the controller finds what a broker's end touches without
 * looking at every partition of the cluster (KIP-631 keeps "brokers to ISRs" for the same reason). Immutable.
 *
 * Invariant: says exactly what the ISRs of its topics say.
 */
import type { NodeId, Uuid } from '@millrace/base'
import { PersistentMap } from './persistent-map.ts'
import type { PartitionImage, TopicImage } from './topics-image.ts'

/** Partition indexes by topic id. */
type Partitions = PersistentMap<ReadonlySet<number>>

/** One topic's partitions before and after a change; undefined: was not there, or is gone. */
export interface IsrChange {
  readonly topicId: Uuid
  readonly partitionId: number
  readonly before: PartitionImage | undefined
  readonly after: PartitionImage | undefined
}

export class IsrIndex {
  readonly #byBroker: ReadonlyMap<NodeId, Partitions>

  private constructor(byBroker: ReadonlyMap<NodeId, Partitions>) {
    this.#byBroker = byBroker
  }

  static of(topics: Iterable<TopicImage>): IsrIndex {
    return new IsrIndex(new Map()).changed(partitionsOf(topics))
  }

  /** Partitions with the broker in their ISR, by topic id; in no particular order. */
  *entries(broker: NodeId): IterableIterator<[Uuid, ReadonlySet<number>]> {
    const partitions = this.#byBroker.get(broker)
    if (partitions === undefined) return
    for (const [topicId, indexes] of partitions.entries()) yield [topicId as Uuid, indexes]
  }

  /** Costs as much as the change is large. */
  changed(changes: Iterable<IsrChange>): IsrIndex {
    const drafts = new Map<NodeId, Map<Uuid, Set<number>>>()
    for (const { topicId, partitionId, before, after } of changes) {
      const [was, is] = [before?.isr ?? [], after?.isr ?? []]
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
    return new IsrIndex(byBroker)
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

function* partitionsOf(topics: Iterable<TopicImage>): IterableIterator<IsrChange> {
  for (const { id: topicId, partitions } of topics) {
    for (const [partitionId, after] of partitions.entries()) {
      yield { topicId, partitionId, before: undefined, after }
    }
  }
}
