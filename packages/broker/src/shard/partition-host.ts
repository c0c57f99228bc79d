/**
 * The partitions of one shard: opened, led, given up and closed as the metadata says. A log is open for as long as this
 * broker has a replica of the partition, so that a leadership that comes back, as after every fencing, costs no recovery.
 *
 * Owns: the shard's logs and the topic table's entries. Must not know: requests, other shards' partitions (beyond who
 * has them).
 * Invariant: a partition is in the table exactly while this broker leads it, and its log is open then. A log that can't
 * be opened leaves its partition unavailable and all others alone.
 */
import type { Env, Uuid } from '@millrace/base'
import { brokerConfigSources, MetadataImage, resolveTopicConfig } from '@millrace/metadata'
import type { MetadataDelta, PartitionImage, TopicDelta } from '@millrace/metadata'
import { ErrorCode } from '@millrace/protocol'
import { Log } from '@millrace/storage'
import type { ShardConfig } from '../config.ts'
import { Partition } from '../partition/partition.ts'
import type { PartitionSurroundings } from '../partition/partition.ts'
import { topicSettings } from '../topics/topic-settings.ts'
import type { TopicSettings } from '../topics/topic-settings.ts'
import type { Slot, TopicEntry, TopicTable, Unavailable } from '../topics/topic-table.ts'
import type { LogIdentity, LogOpener } from './log-opener.ts'
import type { PartitionCheckpoint, Placement, ShardStopped, SupervisorCalls } from './shard-control.ts'

export interface PartitionHostOptions {
  readonly env: Pick<Env, 'clock' | 'log'>
  readonly config: Pick<ShardConfig, 'nodeId' | 'staticEntries'>
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
  /** This shard's replicas, by topic and index: their logs, or why they could not be opened. */
  readonly #replicas = new Map<Uuid, (Log | Unavailable | undefined)[]>()
  /** Folders that are losing their names, by name: a new topic of that name waits for it. */
  readonly #removals = new Map<string, Promise<void>>()
  #image: MetadataImage

  constructor(options: PartitionHostOptions) {
    this.#options = options
    this.#topics = options.topics
    this.#image = MetadataImage.empty('')
  }

  /** Every partition that is led here. */
  *partitions(): Generator<Partition> {
    for (const { slots } of this.#topics.values()) {
      for (const slot of slots) if (slot instanceof Partition) yield slot
    }
  }

  /** Opens everything that the image gives to this shard. What is there becomes durable before it is served. */
  async openAll(image: MetadataImage, placements: readonly Placement[]): Promise<void> {
    this.#image = image
    this.#place(placements)
    const openings: Promise<void>[] = []
    for (const topic of image.topics.values()) {
      const entry = this.#entryOf(topic)
      const settings = this.#settingsOf(topic.name)
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
    this.#image = image
    this.#place(placements)
    const openings: Promise<void>[] = []
    for (const id of delta.topics.deleted.keys()) this.#deleteTopic(id)
    for (const topic of delta.topics.changed.values()) openings.push(...this.#changeTopic(topic))
    const everyTopic = delta.configs.changedBrokers.size > 0
    for (const entry of this.#topics.values()) {
      if (everyTopic || delta.configs.changedTopics.has(entry.name)) this.#reconfigure(entry)
    }
    await Promise.all(openings)
  }

  checkpoints(): PartitionCheckpoint[] {
    return [...this.#openLogs()].map(([{ name, slots }, partition, log]) => {
      const { recoveryPoint, logStartOffset } = log
      const slot = slots[partition]
      const highWatermark = slot instanceof Partition ? slot.highWatermark : recoveryPoint
      return { topic: name, partition, recoveryPoint, logStartOffset, highWatermark }
    })
  }

  /** Flushes and closes every log. */
  async closeAll(): Promise<ShardStopped> {
    for (const partition of this.partitions()) partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const outcomes = await Promise.all([...this.#openLogs()].map(([, , log]) => closed(log)))
    return { clean: outcomes.every((clean) => clean), checkpoints: this.checkpoints() }
  }

  *#openLogs(): Generator<[TopicEntry, number, Log]> {
    for (const entry of this.#topics.values()) {
      for (const [index, replica] of this.#replicasOf(entry).entries())
        if (replica instanceof Log) yield [entry, index, replica]
    }
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
      this.#replicasOf(entry)[index] = log
    } catch (error) {
      this.#replicasOf(entry)[index] = this.#unopened(entry, index, error)
    }
    entry.slots[index] = this.#ownSlot(entry, index, image, settings)
  }

  #create(entry: TopicEntry, index: number, settings: TopicSettings): void {
    try {
      const log = this.#options.logs.create(identityOf(entry, index), settings.logConfig)
      this.#replicasOf(entry)[index] = log
    } catch (error) {
      this.#replicasOf(entry)[index] = this.#unopened(entry, index, error)
    }
  }

  /** @param index of a partition whose replica is there, open or not */
  #ownSlot(entry: TopicEntry, index: number, image: PartitionImage, settings: TopicSettings): Slot {
    const replica = this.#replicasOf(entry)[index]!
    if (!(replica instanceof Log)) return replica
    if (image.leader !== this.#options.config.nodeId) return NOT_HERE
    return this.#newPartition(entry, index, replica, image, settings)
  }

  #newPartition(
    { name, id }: TopicEntry,
    index: number,
    log: Log,
    image: PartitionImage,
    settings: TopicSettings,
  ): Partition {
    const isSound = log.failure === null && log.corruption === null
    // Also without records of its own the epoch must be known to have begun here.
    if (isSound) log.assignEpochStart(image.leaderEpoch)
    log.updateConfig(settings.logConfig)
    const { surroundings } = this.#options
    const partition = new Partition({ topic: name, topicId: id, index, log, image, settings, surroundings })
    // What an earlier leadership left unflushed waits for nobody's next write to become readable.
    if (isSound && log.recoveryPoint < log.logEndOffset) partition.flush()
    return partition
  }

  #unopened({ name }: TopicEntry, partition: number, error: unknown): Unavailable {
    this.#options.env.log.error({ topic: name, partition, error }, 'a partition could not be opened')
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  }

  #deleteTopic(id: Uuid): void {
    const entry = this.#topics.byId(id)
    this.#placements.delete(id)
    if (entry === undefined) return
    this.#topics.remove(entry)
    for (const slot of entry.slots)
      if (slot instanceof Partition) slot.close(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    for (const [index, replica] of this.#replicasOf(entry).entries())
      if (replica instanceof Log) this.#deleteLog(entry, index, replica)
    this.#replicas.delete(id)
  }

  #deleteLog(entry: TopicEntry, index: number, log: Log): void {
    const folder = `${entry.name}-${index}`
    const removal = this.#removeFolder(entry, index, log).finally(() => this.#removals.delete(folder))
    this.#removals.set(folder, removal)
  }

  async #removeFolder({ name: topic }: TopicEntry, partition: number, log: Log): Promise<void> {
    const { folders, env } = this.#options
    try {
      await folders.forgetPartition({ topic, partition })
      await folders.folderRemoved({ path: log.remove(), delayMs: log.config.fileDeleteDelayMs })
    } catch (error) {
      env.log.error({ topic, partition, error }, 'the folder of a deleted partition stays')
    }
  }

  /** @returns what has to be waited for */
  #changeTopic(topic: TopicDelta): Promise<void>[] {
    const entry = this.#entryOf(topic)
    const settings = this.#settingsOf(topic.name)
    const openings: Promise<void>[] = []
    for (const [index, partition] of topic.partitions) {
      const slot = entry.slots[index]
      const isOwn = this.#isOwn(entry, index, partition)
      const isLeader = isOwn && partition.leader === this.#options.config.nodeId
      if (slot instanceof Partition && isLeader) {
        slot.update(partition, settings)
        continue
      }
      if (slot instanceof Partition) this.#resign(slot)
      const removal = this.#removals.get(`${entry.name}-${index}`)
      if (!isOwn) this.#giveUp(entry, index, partition)
      else if (this.#replicasOf(entry)[index] === undefined && removal !== undefined)
        openings.push(this.#createAfter(removal, entry, index))
      else this.#takeOwn(entry, index, partition, settings)
    }
    return openings
  }

  #takeOwn(entry: TopicEntry, index: number, image: PartitionImage, settings: TopicSettings): void {
    if (this.#replicasOf(entry)[index] === undefined) this.#create(entry, index, settings)
    entry.slots[index] = this.#ownSlot(entry, index, image, settings)
  }

  async #createAfter(removal: Promise<void>, entry: TopicEntry, index: number): Promise<void> {
    entry.slots[index] = NOT_HERE
    await removal
    // Meanwhile this topic, too, may have been deleted, or its partition given to somebody else.
    const partition = this.#image.topics.byId(entry.id)?.partitions[index]
    if (partition !== undefined && this.#isOwn(entry, index, partition) && entry.slots[index] === NOT_HERE)
      this.#takeOwn(entry, index, partition, this.#settingsOf(entry.name))
  }

  /** Somebody else leads it, or nobody. */
  #resign(partition: Partition): void {
    const { topic, index, log } = partition
    partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    if (log.failure !== null) return
    // Nobody's timer flushes it from now on.
    log.flush((error) => {
      if (error !== null && error.code !== 'ECANCELED')
        this.#options.env.log.error({ topic, partition: index, error }, 'flush failed')
    })
  }

  /** This broker, or this shard, has no replica of it, or has none any more. */
  #giveUp(entry: TopicEntry, index: number, image: PartitionImage): void {
    const replicas = this.#replicasOf(entry)
    const log = replicas[index]
    if (log instanceof Log) void closed(log)
    replicas[index] = undefined
    entry.slots[index] = this.#slotElsewhere(entry, index, image)
  }

  #reconfigure(entry: TopicEntry): void {
    const settings = this.#settingsOf(entry.name)
    for (const slot of entry.slots) if (slot instanceof Partition) slot.reconfigure(settings)
  }

  #replicasOf({ id }: TopicEntry): (Log | Unavailable | undefined)[] {
    const existing = this.#replicas.get(id)
    if (existing !== undefined) return existing
    const replicas: (Log | Unavailable | undefined)[] = []
    this.#replicas.set(id, replicas)
    return replicas
  }

  #entryOf({ name, id }: { readonly name: string; readonly id: Uuid }): TopicEntry {
    const existing = this.#topics.byId(id)
    if (existing !== undefined) return existing
    const entry: TopicEntry = { name, id, slots: [] }
    this.#topics.add(entry)
    return entry
  }

  #settingsOf(topic: string): TopicSettings {
    const { nodeId, staticEntries } = this.#options.config
    const sources = brokerConfigSources(this.#image, nodeId, staticEntries)
    return topicSettings(resolveTopicConfig(this.#image.configs.forTopic(topic), sources))
  }

  #place(placements: readonly Placement[]): void {
    for (const { topicId, partition, shard } of placements) {
      const shards = this.#placements.get(topicId)
      if (shards === undefined) this.#placements.set(topicId, sparse(partition, shard))
      else shards[partition] = shard
    }
  }

  #isOwn({ id }: TopicEntry, index: number, { replicas }: PartitionImage): boolean {
    return (
      replicas.includes(this.#options.config.nodeId) &&
      this.#placements.get(id)?.[index] === this.#topics.ownShard
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
