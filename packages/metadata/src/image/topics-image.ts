/**
 * Topics and partitions at one offset of the metadata log.
 *
 * Invariants: `byName` and `byId` hold the same topics; the partitions of a topic are numbered from 0 without gaps.
 */
import { type LeaderEpoch, NO_NODE, type NodeId, type Uuid } from '@millrace/base'
import { LeadershipIndex } from './leadership-index.ts'
import { PersistentMap } from './persistent-map.ts'

export interface PartitionImage {
  /** In order of preference for the leadership. */
  readonly replicas: readonly NodeId[]
  readonly isr: readonly NodeId[]
  readonly removingReplicas: readonly NodeId[]
  readonly addingReplicas: readonly NodeId[]
  /** Out of sync, yet known to hold everything below the high watermark (KIP-966). */
  readonly eligibleLeaderReplicas: readonly NodeId[]
  /** Once in sync or eligible since the ISR became too small, and not any more: what an unclean election tries first. */
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
  #leadershipIndex: LeadershipIndex | null

  constructor(
    byName: PersistentMap<TopicImage>,
    byId: PersistentMap<TopicImage>,
    collisions: PersistentMap<readonly string[]>,
    leadershipIndex: LeadershipIndex | null = null,
  ) {
    this.#byName = byName
    this.#byId = byId
    this.#collisions = collisions
    this.#leadershipIndex = leadershipIndex
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
   * The partitions that the broker may lead, because it is in their ISR or eligible, which are all it leads and some more;
   * in no particular order. Costs as much as there are of them, but for the first time that any image of this line is asked.
   */
  candidatePartitions(broker: NodeId): IterableIterator<LocatedPartition> {
    return this.#indexed(broker)
  }

  /** In no particular order; costs as much as there are of them. */
  leaderlessPartitions(): IterableIterator<LocatedPartition> {
    return this.#indexed(NO_NODE)
  }

  *#indexed(key: NodeId): IterableIterator<LocatedPartition> {
    this.#leadershipIndex ??= LeadershipIndex.of(this.values())
    for (const [topicId, partitionIds] of this.#leadershipIndex.entries(key)) {
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
    readonly leadershipIndex: LeadershipIndex | null
  } {
    return {
      byName: this.#byName,
      byId: this.#byId,
      collisions: this.#collisions,
      leadershipIndex: this.#leadershipIndex,
    }
  }
}
