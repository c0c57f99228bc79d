/**
 * Which partitions exist, as one shard sees them: with a replica here, led by another shard of this broker, led by
 * another broker, or not to be had. The table through which every request finds its partitions.
 */
import { NO_LEADER_EPOCH, ZERO_UUID } from '@millrace/base'
import type { LeaderEpoch, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { Partition } from '../partition/partition.ts'
import { leaderEpochError } from './leader-epoch-check.ts'

/** Why this shard can't serve a partition, as a protocol error code. */
export interface Unavailable {
  readonly errorCode: number
}

interface OnShard {
  readonly shard: number
}

export type Slot = Partition | OnShard | Unavailable

export interface TopicEntry {
  readonly name: string
  readonly id: Uuid
  /** By partition index. */
  readonly slots: Slot[]
}

export class TopicTable {
  readonly #byName = new Map<string, TopicEntry>()
  readonly #byId = new Map<Uuid, TopicEntry>()
  readonly #ownShard: number

  constructor(ownShard: number) {
    this.#ownShard = ownShard
  }

  get ownShard(): number {
    return this.#ownShard
  }

  byName(name: string): TopicEntry | undefined {
    return this.#byName.get(name)
  }

  byId(id: Uuid): TopicEntry | undefined {
    return this.#byId.get(id)
  }

  /** By id where the request has one (Fetch from version 13 on), else by name. */
  find(name: string, id: Uuid): TopicEntry | undefined {
    return id === ZERO_UUID ? this.#byName.get(name) : this.#byId.get(id)
  }

  /** @returns the shard of this broker that has a partition, as its leader if it is another one; −1: none */
  shardOf(topic: TopicEntry | undefined, index: number): number {
    const slot = topic?.slots[index]
    if (slot instanceof Partition) return this.#ownShard
    return slot !== undefined && 'shard' in slot ? slot.shard : -1
  }

  add(topic: TopicEntry): void {
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
  }

  /** The name may already belong to a younger topic. */
  remove(topic: TopicEntry): void {
    this.#byId.delete(topic.id)
    if (this.#byName.get(topic.name) === topic) this.#byName.delete(topic.name)
  }

  values(): IterableIterator<TopicEntry> {
    return this.#byId.values()
  }
}

/**
 * @param claimedEpoch in which the client takes this broker for the leader; −1: it doesn't say. A follower, too, tells the
 *   client which of them is behind.
 * @returns the partition when this shard leads it, else the protocol error code that says why not
 */
export function ledPartition(
  topic: TopicEntry | undefined,
  index: number,
  claimedEpoch: LeaderEpoch = NO_LEADER_EPOCH,
): Partition | number {
  const slot = topic?.slots[index]
  if (slot instanceof Partition) {
    const epochError = leaderEpochError(claimedEpoch, slot.leaderEpoch)
    if (epochError !== ErrorCode.NONE) return epochError
    return slot.isLed ? slot : ErrorCode.NOT_LEADER_OR_FOLLOWER
  }
  if (slot === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  // On another shard: it moved between the request's split and its arrival here.
  return 'errorCode' in slot ? slot.errorCode : ErrorCode.NOT_LEADER_OR_FOLLOWER
}

/** As `ledPartition`, for appends: a replica that does not lead refuses them itself, for it may be about to. */
export function appendedPartition(topic: TopicEntry | undefined, index: number): Partition | number {
  const slot = topic?.slots[index]
  return slot instanceof Partition ? slot : ledPartition(topic, index)
}
