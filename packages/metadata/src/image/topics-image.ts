/**
 * Topics and partitions at one offset of the metadata log.
 *
 * Invariants: `byName` and `byId` hold the same topics; the partitions of a topic are numbered from 0 without gaps.
 */
import type { LeaderEpoch, NodeId, Uuid } from '@millrace/base'
import { IsrIndex } from './isr-index.ts'
import { PersistentMap } from './persistent-map.ts'

export interface PartitionImage {
  /** In order of preference for the leadership. */
  readonly replicas: readonly NodeId[]
  readonly isr: readonly NodeId[]
  readonly removingReplicas: readonly NodeId[]
  readonly addingReplicas: readonly NodeId[]
  /** Out of sync, yet known to hold everything below the high watermark (KIP-966). */
  readonly eligibleLeaderReplicas: readonly NodeId[]
  readonly lastKnownElr: readonly NodeId[]
  /** Log directory of each replica, in the order of `replicas`. */
  readonly directories: readonly Uuid[]
  /** `NO_NODE` while there is none. */
  readonly leader: NodeId
  /** Rises with every election, also when the same broker is elected again. Never falls for the same topic id. */
  readonly leaderEpoch: LeaderEpoch
  /** Rises with every change of this partition. */
  readonly partitionEpoch: number
  /** 1 while the leader recovers from an unclean election. */
  readonly leaderRecoveryState: number
}

export interface TopicImage {
  readonly name: string
  readonly id: Uuid
  readonly partitions: readonly PartitionImage[]
}

/** A partition with where it belongs. */
export interface LocatedPartition {
  readonly topic: TopicImage
  readonly partitionId: number
  readonly partition: PartitionImage
}

export class TopicsImage {
  static readonly EMPTY = new TopicsImage(PersistentMap.empty(), PersistentMap.empty(), PersistentMap.empty())

  readonly #byName: PersistentMap<TopicImage>
  readonly #byId: PersistentMap<TopicImage>
  /** Names by `collisionKey`, for those that have one. */
  readonly #collisions: PersistentMap<readonly string[]>
  /** Made when it is first asked for, then carried on from image to image: only controllers pay for it. */
  #isrIndex: IsrIndex | null

  constructor(
    byName: PersistentMap<TopicImage>,
    byId: PersistentMap<TopicImage>,
    collisions: PersistentMap<readonly string[]>,
    isrIndex: IsrIndex | null = null,
  ) {
    this.#byName = byName
    this.#byId = byId
    this.#collisions = collisions
    this.#isrIndex = isrIndex
  }

  get size(): number {
    return this.#byId.size
  }

  byName(name: string): TopicImage | undefined {
    return this.#byName.get(name)
  }

  byId(id: Uuid): TopicImage | undefined {
    return this.#byId.get(id)
  }

  /** In no particular order. */
  values(): IterableIterator<TopicImage> {
    return this.#byName.values()
  }

  partition(topicName: string, index: number): PartitionImage | undefined {
    return this.#byName.get(topicName)?.partitions[index]
  }

  /** Existing names with this `collisionKey`. */
  collidingNames(key: string): readonly string[] {
    return this.#collisions.get(key) ?? []
  }

  /**
   * The partitions whose ISR the broker is in, which are all it leads and some more; in no particular order. Costs as
   * much as there are of them, but for the first time that any image of this line is asked.
   */
  *inSyncPartitions(broker: NodeId): IterableIterator<LocatedPartition> {
    this.#isrIndex ??= IsrIndex.of(this.values())
    for (const [topicId, partitionIds] of this.#isrIndex.entries(broker)) {
      const topic = this.#byId.get(topicId)!
      for (const partitionId of partitionIds) {
        yield { topic, partitionId, partition: topic.partitions[partitionId]! }
      }
    }
  }

  /** For the delta, which replays into them. */
  maps(): {
    readonly byName: PersistentMap<TopicImage>
    readonly byId: PersistentMap<TopicImage>
    readonly collisions: PersistentMap<readonly string[]>
    /** Null: nobody has asked for it yet. */
    readonly isrIndex: IsrIndex | null
  } {
    return {
      byName: this.#byName,
      byId: this.#byId,
      collisions: this.#collisions,
      isrIndex: this.#isrIndex,
    }
  }
}
