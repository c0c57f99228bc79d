/**
 * Which shard has which partition of this broker. A new partition goes to the shard that has fewest, and stays there for
 * as long as this broker has a replica of it, leader or not: moving one means closing and recovering its log.
 *
 * Must not know: what a shard is. Invariant: every partition that this broker has a replica of in the last image has one
 * shard.
 */
import type { NodeId, Uuid } from '@millrace/base'
import type { MetadataImage, TopicImage } from '@millrace/metadata'
import type { Placement } from '../shard/shard-control.ts'

export class ShardMap {
  readonly #nodeId: NodeId
  /** Number of partitions, by shard. */
  readonly #counts: number[]
  readonly #shards = new Map<Uuid, Map<number, number>>()

  constructor(nodeId: NodeId, shardCount: number) {
    this.#nodeId = nodeId
    this.#counts = Array.from({ length: shardCount }, () => 0)
  }

  /** Every placement, for a shard that starts. */
  all(): Placement[] {
    return [...this.#shards].flatMap(([topicId, shards]) =>
      [...shards].map(([partition, shard]) => ({ topicId, partition, shard })),
    )
  }

  /** @returns the placements that are new since the last image */
  update(image: MetadataImage): Placement[] {
    for (const topicId of this.#shards.keys()) {
      if (image.topics.byId(topicId) === undefined) this.#forget(topicId)
    }
    return [...image.topics.values()].flatMap((topic) => this.#updateTopic(topic))
  }

  /** The same when it is known which topics may have changed. */
  updateTopics(image: MetadataImage, changed: Iterable<Uuid>): Placement[] {
    const placements: Placement[] = []
    for (const id of changed) {
      const topic = image.topics.byId(id)
      if (topic === undefined) this.#forget(id)
      else placements.push(...this.#updateTopic(topic))
    }
    return placements
  }

  #updateTopic(topic: TopicImage): Placement[] {
    const shards = this.#shards.get(topic.id) ?? new Map<number, number>()
    const placements: Placement[] = []
    for (const [partition, { replicas }] of topic.partitions.entries()) {
      const isOwn = replicas.includes(this.#nodeId)
      const shard = shards.get(partition)
      if (isOwn && shard === undefined) {
        const chosen = this.#leastLoaded()
        this.#counts[chosen]!++
        shards.set(partition, chosen)
        placements.push({ topicId: topic.id, partition, shard: chosen })
      } else if (!isOwn && shard !== undefined) {
        this.#counts[shard]!--
        shards.delete(partition)
      }
    }
    if (shards.size > 0) this.#shards.set(topic.id, shards)
    else this.#shards.delete(topic.id)
    return placements
  }

  #forget(topicId: Uuid): void {
    for (const shard of this.#shards.get(topicId)?.values() ?? []) this.#counts[shard]!--
    this.#shards.delete(topicId)
  }

  /** The lowest of those that have fewest. */
  #leastLoaded(): number {
    return this.#counts.indexOf(Math.min(...this.#counts))
  }
}
