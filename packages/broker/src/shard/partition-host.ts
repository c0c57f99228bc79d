/**
 * The partitions of one shard: opened, reconfigured and closed as the metadata says.
 *
 * Owns: the shard's logs and the topic table's entries. Must not know: requests, other shards' partitions (beyond who
 * has them).
 * Invariant: a partition is in the table exactly while its log is open. A log that can't be opened leaves its partition
 * unavailable and all others alone.
 */
import type { Env, Uuid } from '@millrace/base'
import { brokerConfigSources, resolveTopicConfig } from '@millrace/metadata'
import type { MetadataDelta, MetadataImage, PartitionImage, TopicDelta } from '@millrace/metadata'
import { ErrorCode } from '@millrace/protocol'
import type { Log } from '@millrace/storage'
import type { BrokerConfig } from '../config.ts'
import { Partition } from '../partition/partition.ts'
import type { PartitionSurroundings } from '../partition/partition.ts'
import { topicSettings } from '../topics/topic-settings.ts'
import type { TopicSettings } from '../topics/topic-settings.ts'
import type { Slot, TopicEntry, TopicTable } from '../topics/topic-table.ts'
import type { LogIdentity, LogOpener } from './log-opener.ts'
import type { PartitionCheckpoint, Placement, ShardStopped, SupervisorCalls } from './shard-control.ts'

export interface PartitionHostOptions {
  readonly env: Pick<Env, 'clock' | 'log'>
  readonly config: Pick<BrokerConfig, 'nodeId' | 'staticEntries'>
  readonly topics: TopicTable
  readonly logs: LogOpener
  readonly surroundings: PartitionSurroundings
  readonly folders: Pick<SupervisorCalls, 'forgetPartition' | 'folderRemoved'>
}

export class PartitionHost {
  readonly #options: PartitionHostOptions
  readonly #topics: TopicTable
  /** Shards of this broker's partitions, by topic and index. */
  readonly #placements = new Map<Uuid, number[]>()
  /** Folders that are losing their names, by name: a new topic of that name waits for it. */
  readonly #removals = new Map<string, Promise<void>>()

  constructor(options: PartitionHostOptions) {
    this.#options = options
    this.#topics = options.topics
  }

  /** Every open partition. */
  *partitions(): Generator<Partition> {
    for (const { slots } of this.#topics.values()) {
      for (const slot of slots) if (slot instanceof Partition) yield slot
    }
  }

  /** Opens everything that the image gives to this shard. What is there becomes durable before it is served. */
  async openAll(image: MetadataImage, placements: readonly Placement[]): Promise<void> {
    this.#place(placements)
    const openings: Promise<void>[] = []
    for (const topic of image.topics.values()) {
      const entry = this.#entryOf(topic)
      const settings = this.#settingsOf(image, topic.name)
      for (const [index, partition] of topic.partitions.entries()) {
        entry.slots[index] = this.#slotElsewhere(entry, index, partition)
        if (this.#isOwn(entry, index, partition))
          openings.push(this.#recover(entry, index, partition, settings))
      }
    }
    await Promise.all(openings)
  }

  /**
   * Resolves when every new partition can be used; the rest has happened at the return.
   * @param image what `delta` leads to
   */
  async apply(delta: MetadataDelta, image: MetadataImage, placements: readonly Placement[]): Promise<void> {
    this.#place(placements)
    const openings: Promise<void>[] = []
    for (const id of delta.topics.deleted.keys()) this.#deleteTopic(id)
    for (const topic of delta.topics.changed.values()) openings.push(...this.#changeTopic(topic, image))
    const everyTopic = delta.configs.changedBrokers.size > 0
    for (const entry of this.#topics.values()) {
      if (everyTopic || delta.configs.changedTopics.has(entry.name)) this.#reconfigure(entry, image)
    }
    await Promise.all(openings)
  }

  checkpoints(): PartitionCheckpoint[] {
    return [...this.partitions()].map(
      ({ topic, index, highWatermark, log: { recoveryPoint, logStartOffset } }) => ({
        topic,
        partition: index,
        recoveryPoint,
        logStartOffset,
        highWatermark,
      }),
    )
  }

  /** Flushes and closes every log. */
  async closeAll(): Promise<ShardStopped> {
    const partitions = [...this.partitions()]
    for (const partition of partitions) partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const outcomes = await Promise.all(partitions.map(({ log }) => closed(log)))
    return { clean: outcomes.every((clean) => clean), checkpoints: this.checkpoints() }
  }

  async #recover(
    entry: TopicEntry,
    index: number,
    image: PartitionImage,
    settings: TopicSettings,
  ): Promise<void> {
    try {
      const log = await this.#options.logs.recover(identityOf(entry, index), settings.logConfig)
      // Consumers must find what they found before the crash, so it has to be below the high watermark again.
      if (log.recoveryPoint < log.logEndOffset) await flushed(log)
      entry.slots[index] = this.#newPartition(entry, index, log, image, settings)
    } catch (error) {
      entry.slots[index] = this.#unopened(entry, index, error)
    }
  }

  #create(entry: TopicEntry, index: number, image: PartitionImage, settings: TopicSettings): Slot {
    try {
      const log = this.#options.logs.create(identityOf(entry, index), settings.logConfig)
      return this.#newPartition(entry, index, log, image, settings)
    } catch (error) {
      return this.#unopened(entry, index, error)
    }
  }

  #newPartition(
    { name, id }: TopicEntry,
    index: number,
    log: Log,
    image: PartitionImage,
    settings: TopicSettings,
  ): Partition {
    // Also without records of its own the epoch must be known to have begun here.
    if (log.failure === null && log.corruption === null) log.assignEpochStart(image.leaderEpoch)
    const { surroundings } = this.#options
    return new Partition({ topic: name, topicId: id, index, log, image, settings, surroundings })
  }

  #unopened({ name }: TopicEntry, partition: number, error: unknown): Slot {
    this.#options.env.log.error({ topic: name, partition, error }, 'a partition could not be opened')
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  }

  #deleteTopic(id: Uuid): void {
    const entry = this.#topics.byId(id)
    this.#placements.delete(id)
    if (entry === undefined) return
    this.#topics.remove(entry)
    for (const slot of entry.slots) if (slot instanceof Partition) this.#deletePartition(slot)
  }

  #deletePartition(partition: Partition): void {
    partition.close(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const folder = `${partition.topic}-${partition.index}`
    const removal = this.#removeFolder(partition).finally(() => this.#removals.delete(folder))
    this.#removals.set(folder, removal)
  }

  async #removeFolder({ topic, index, log }: Partition): Promise<void> {
    const { folders, env } = this.#options
    try {
      await folders.forgetPartition({ topic, partition: index })
      await folders.folderRemoved({ path: log.remove(), delayMs: log.config.fileDeleteDelayMs })
    } catch (error) {
      env.log.error({ topic, partition: index, error }, 'the folder of a deleted partition stays')
    }
  }

  /** @returns what has to be waited for */
  #changeTopic(topic: TopicDelta, image: MetadataImage): Promise<void>[] {
    const entry = this.#entryOf(topic)
    const settings = this.#settingsOf(image, topic.name)
    const openings: Promise<void>[] = []
    for (const [index, partition] of topic.partitions) {
      const slot = entry.slots[index]
      const isOwn = this.#isOwn(entry, index, partition)
      if (slot instanceof Partition && isOwn) slot.update(partition, settings)
      else if (isOwn) {
        const removal = this.#removals.get(`${entry.name}-${index}`)
        if (removal === undefined) entry.slots[index] = this.#create(entry, index, partition, settings)
        else openings.push(this.#createAfter(removal, entry, index, partition, settings))
      } else {
        if (slot instanceof Partition) this.#resign(slot)
        entry.slots[index] = this.#slotElsewhere(entry, index, partition)
      }
    }
    return openings
  }

  async #createAfter(
    removal: Promise<void>,
    entry: TopicEntry,
    index: number,
    image: PartitionImage,
    settings: TopicSettings,
  ): Promise<void> {
    entry.slots[index] = NOT_HERE
    await removal
    // Unless this topic, too, was deleted meanwhile.
    if (this.#topics.byId(entry.id) === entry)
      entry.slots[index] = this.#create(entry, index, image, settings)
  }

  #resign(partition: Partition): void {
    partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    void closed(partition.log)
  }

  #reconfigure(entry: TopicEntry, image: MetadataImage): void {
    const settings = this.#settingsOf(image, entry.name)
    for (const slot of entry.slots) if (slot instanceof Partition) slot.reconfigure(settings)
  }

  #entryOf({ name, id }: { readonly name: string; readonly id: Uuid }): TopicEntry {
    const existing = this.#topics.byId(id)
    if (existing !== undefined) return existing
    const entry: TopicEntry = { name, id, slots: [] }
    this.#topics.add(entry)
    return entry
  }

  #settingsOf(image: MetadataImage, topic: string): TopicSettings {
    const { nodeId, staticEntries } = this.#options.config
    const sources = brokerConfigSources(image, nodeId, staticEntries)
    return topicSettings(resolveTopicConfig(image.configs.forTopic(topic), sources))
  }

  #place(placements: readonly Placement[]): void {
    for (const { topicId, partition, shard } of placements) {
      const shards = this.#placements.get(topicId)
      if (shards === undefined) this.#placements.set(topicId, sparse(partition, shard))
      else shards[partition] = shard
    }
  }

  #isOwn({ id }: TopicEntry, index: number, { leader }: PartitionImage): boolean {
    return (
      leader === this.#options.config.nodeId && this.#placements.get(id)?.[index] === this.#topics.ownShard
    )
  }

  #slotElsewhere({ id }: TopicEntry, index: number, { leader }: PartitionImage): Slot {
    const shard = this.#placements.get(id)?.[index]
    if (leader !== this.#options.config.nodeId || shard === undefined) return NOT_HERE
    return { shard }
  }
}

const NOT_HERE: Slot = { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }

function identityOf({ name, id }: TopicEntry, partition: number): LogIdentity {
  return { topic: name, topicId: id, partition }
}

function sparse(index: number, shard: number): number[] {
  const shards: number[] = []
  shards[index] = shard
  return shards
}

function flushed(log: Log): Promise<void> {
  return new Promise((resolve, reject) => log.flush((error) => (error === null ? resolve() : reject(error))))
}

function closed(log: Log): Promise<boolean> {
  return new Promise((resolve) => log.close((error) => resolve(error === null)))
}
