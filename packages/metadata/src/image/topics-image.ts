/**
 * Topics and partitions at one offset of the metadata log.
 *
 * Invariants: `byName` and `byId` hold the same topics; the partitions of a topic are numbered from 0 without gaps.
 */
import type { LeaderEpoch, NodeId, Uuid } from '@millrace/base'
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

export class TopicsImage {
  static readonly EMPTY = new TopicsImage(PersistentMap.empty(), PersistentMap.empty(), PersistentMap.empty())

  readonly #byName: PersistentMap<TopicImage>
  readonly #byId: PersistentMap<TopicImage>
  /** Names by `collisionKey`, for those that have one. */
  readonly #collisions: PersistentMap<readonly string[]>

  constructor(
    byName: PersistentMap<TopicImage>,
    byId: PersistentMap<TopicImage>,
    collisions: PersistentMap<readonly string[]>,
  ) {
    this.#byName = byName
    this.#byId = byId
    this.#collisions = collisions
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

  /** For the delta, which replays into the three maps. */
  maps(): {
    readonly byName: PersistentMap<TopicImage>
    readonly byId: PersistentMap<TopicImage>
    readonly collisions: PersistentMap<readonly string[]>
  } {
    return { byName: this.#byName, byId: this.#byId, collisions: this.#collisions }
  }
}
