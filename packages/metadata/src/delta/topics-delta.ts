/**
 * Changes of topics and partitions between two images.
 *
 * Invariants: `changed` and `deleted` are disjoint; a topic that was created and deleted within the delta is in
 * neither.
 */
import { assert, type Uuid } from '@millrace/base'
import type { MetadataRecordOf } from '@millrace/protocol'
import { type PartitionImage, type TopicImage, TopicsImage } from '../image/topics-image.ts'
import type { PartitionDifference } from '../image/leadership-index.ts'
import type { PersistentMapEditor } from '../image/persistent-map.ts'
import { changedPartition } from './changed-partition.ts'
import { collisionKey } from '../topic-name.ts'

/** What became of one topic that exists after the delta. */
export interface TopicDelta {
  readonly name: string
  readonly id: Uuid
  /** Null when the delta created the topic. */
  readonly before: TopicImage | null
  /** New and changed partitions, as they stand after the delta, by index. */
  readonly partitions: ReadonlyMap<number, PartitionImage>
}

interface TopicDraft extends TopicDelta {
  readonly partitions: Map<number, PartitionImage>
  /** All partitions, as they stand after what has been replayed so far. */
  readonly after: PartitionImage[]
}

export class TopicsDelta {
  readonly #base: TopicsImage
  readonly #changed = new Map<Uuid, TopicDraft>()
  readonly #deleted = new Map<Uuid, TopicImage>()
  readonly #createdNames = new Set<string>()

  constructor(base: TopicsImage) {
    this.#base = base
  }

  get isEmpty(): boolean {
    return this.#changed.size === 0 && this.#deleted.size === 0
  }

  /** Created and changed topics by id. */
  get changed(): ReadonlyMap<Uuid, TopicDelta> {
    return this.#changed
  }

  /** Topics of the base that are gone, as they were. */
  get deleted(): ReadonlyMap<Uuid, TopicImage> {
    return this.#deleted
  }

  /** @returns the name of a topic that exists after what has been replayed so far */
  nameOf(id: Uuid): string | undefined {
    return this.#changed.get(id)?.name ?? (this.#deleted.has(id) ? undefined : this.#base.byId(id)?.name)
  }

  replayTopic(record: MetadataRecordOf<'TopicRecord'>): void {
    const { name, topicId: id } = record
    assert(this.nameOf(id) === undefined, `topic id ${id} was created twice`)
    assert(!this.#isTaken(name), `topic ${name} was created while another of this name exists`)
    this.#createdNames.add(name)
    this.#changed.set(id, {
      name,
      id,
      before: null,
      partitions: new Map(),
      after: [],
    })
  }

  replayPartition(record: MetadataRecordOf<'PartitionRecord'>): void {
    const topic = this.#draft(record.topicId)
    const index = record.partitionId
    assert(
      index <= topic.after.length,
      `partition ${topic.name}-${index} was created before the ones below it`,
    )
    this.#put(topic, index, {
      replicas: record.replicas,
      isr: record.isr,
      removingReplicas: record.removingReplicas,
      addingReplicas: record.addingReplicas,
      eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? [],
      lastKnownElr: record.lastKnownElr ?? [],
      directories: record.directories,
      leader: record.leader,
      leaderEpoch: record.leaderEpoch,
      partitionEpoch: record.partitionEpoch,
      leaderRecoveryState: record.leaderRecoveryState,
    })
  }

  replayPartitionChange(record: MetadataRecordOf<'PartitionChangeRecord'>): void {
    const topic = this.#draft(record.topicId)
    const index = record.partitionId
    const partition = topic.after[index]
    assert(partition !== undefined, `partition ${topic.name}-${index} changed before it was created`)
    this.#put(topic, index, changedPartition(partition, record))
  }

  /** @returns the name of the topic that is gone */
  replayRemove(record: MetadataRecordOf<'RemoveTopicRecord'>): string {
    const name = this.nameOf(record.topicId)
    assert(name !== undefined, `topic id ${record.topicId} was removed before it was created`)
    this.#changed.delete(record.topicId)
    this.#createdNames.delete(name)
    const before = this.#base.byId(record.topicId)
    if (before !== undefined) this.#deleted.set(record.topicId, before)
    return name
  }

  apply(): TopicsImage {
    if (this.isEmpty) return this.#base
    const maps = this.#base.maps()
    const byName = maps.byName.edit()
    const byId = maps.byId.edit()
    const collisions = maps.collisions.edit()
    // Deletions first: a topic of the same name may have been created since.
    for (const { id, name } of this.#deleted.values()) {
      byName.delete(name)
      byId.delete(id)
      removeCollision(collisions, name)
    }
    for (const { id, name, before, after } of this.#changed.values()) {
      const topic: TopicImage = { name, id, partitions: after.slice() }
      byName.set(name, topic)
      byId.set(id, topic)
      if (before === null) addCollision(collisions, name)
    }
    const leadershipIndex = maps.leadershipIndex?.changed(this.#partitionDifferences()) ?? null
    return new TopicsImage(byName.done(), byId.done(), collisions.done(), leadershipIndex)
  }

  *#partitionDifferences(): IterableIterator<PartitionDifference> {
    for (const { id: topicId, partitions } of this.#deleted.values()) {
      for (const [partitionId, before] of partitions.entries()) {
        yield { topicId, partitionId, before, after: undefined }
      }
    }
    for (const { id: topicId, before: topic, partitions } of this.#changed.values()) {
      for (const [partitionId, after] of partitions) {
        yield { topicId, partitionId, before: topic?.partitions[partitionId], after }
      }
    }
  }

  #isTaken(name: string): boolean {
    const existing = this.#base.byName(name)
    return this.#createdNames.has(name) || (existing !== undefined && !this.#deleted.has(existing.id))
  }

  #draft(id: Uuid): TopicDraft {
    const existing = this.#changed.get(id)
    if (existing !== undefined) return existing
    const before = this.#deleted.has(id) ? undefined : this.#base.byId(id)
    assert(before !== undefined, `a partition of topic id ${id} changed, but there is no such topic`)
    const draft: TopicDraft = {
      name: before.name,
      id,
      before,
      partitions: new Map(),
      after: before.partitions.slice(),
    }
    this.#changed.set(id, draft)
    return draft
  }

  #put(topic: TopicDraft, index: number, partition: PartitionImage): void {
    topic.after[index] = partition
    topic.partitions.set(index, partition)
  }
}

function addCollision(collisions: PersistentMapEditor<readonly string[]>, name: string): void {
  const key = collisionKey(name)
  if (key !== null) collisions.set(key, [...(collisions.get(key) ?? []), name])
}

function removeCollision(collisions: PersistentMapEditor<readonly string[]>, name: string): void {
  const key = collisionKey(name)
  if (key === null) return
  const left = (collisions.get(key) ?? []).filter((other) => other !== name)
  if (left.length === 0) collisions.delete(key)
  else collisions.set(key, left)
}
