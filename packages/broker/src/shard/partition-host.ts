/**
 * The partitions of one shard: opened, kept in their roles, and closed as the metadata says. A replica stays open for as long
 * as this broker has it, so that a leadership that comes back, as after every fencing, costs no recovery.
 *
 * Owns: the shard's partitions and the topic table's entries. Must not know: requests, other shards' partitions (beyond
 * who has them), what a role means.
 * Invariant: a log that can't be opened leaves its partition unavailable and all others alone.
 */
import type { Env, Uuid } from '@millrace/base'
import { brokerConfigSources, MetadataImage, resolveTopicConfig } from '@millrace/metadata'
import type { ConfigEntries, MetadataDelta, PartitionImage, TopicDelta } from '@millrace/metadata'
import { ErrorCode } from '@millrace/protocol'
import type { Log } from '@millrace/storage'
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
  /** Folders that are losing their names, by name: a new topic of that name waits for it. */
  readonly #removals = new Map<string, Promise<void>>()
  #image: MetadataImage
  /** Of all topics without a configuration of their own; null: to be resolved anew. */
  #inheritedSettings: TopicSettings | null = null

  constructor(options: PartitionHostOptions) {
    this.#options = options
    this.#topics = options.topics
    this.#image = MetadataImage.empty('')
  }

  /** Every partition that has a replica here. */
  *partitions(): Generator<Partition> {
    for (const { slots } of this.#topics.values()) {
      for (const slot of slots) if (slot instanceof Partition) yield slot
    }
  }

  /** Opens everything that the image gives to this shard. @param isRestart it was open in this process before */
  async openAll(image: MetadataImage, placements: readonly Placement[], isRestart: boolean): Promise<void> {
    this.#image = image
    this.#inheritedSettings = null
    this.#place(placements)
    const openings: Promise<void>[] = []
    for (const topic of image.topics.values()) {
      const entry = this.#entryOf(topic)
      const settings = this.#settingsOf(topic.name)
      for (const [index, partition] of topic.partitions.entries()) {
        entry.slots[index] = this.#slotElsewhere(entry, index, partition)
        if (this.#isOwn(entry, index, partition))
          openings.push(this.#recover(entry, index, { image: partition, settings, resumesEpochs: isRestart }))
      }
    }
    await Promise.all(openings)
  }

  /**
   * Resolves when every new partition can be used; the rest has happened at the return.
   * @param image what `delta` leads to
   */
  async apply(delta: MetadataDelta, image: MetadataImage, placements: readonly Placement[]): Promise<void> {
    const brokerEpoch = this.#brokerEpochIn(this.#image)
    const everyTopic = delta.configs.changedBrokers.size > 0
    this.#image = image
    if (everyTopic) this.#inheritedSettings = null
    this.#place(placements)
    const openings: Promise<void>[] = []
    for (const id of delta.topics.deleted.keys()) this.#deleteTopic(id)
    if (this.#brokerEpochIn(image) !== brokerEpoch) this.#reopenAll()
    for (const topic of delta.topics.changed.values()) openings.push(...this.#changeTopic(topic))
    for (const entry of this.#topics.values()) {
      if (everyTopic || delta.configs.changedTopics.has(entry.name)) this.#reconfigure(entry)
    }
    await Promise.all(openings)
  }

  checkpoints(): PartitionCheckpoint[] {
    return [...this.partitions()].map(checkpointOf)
  }

  /** Flushes and closes every log. */
  async closeAll(): Promise<ShardStopped> {
    const partitions = [...this.partitions()]
    for (const partition of partitions) partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const outcomes = await Promise.all(partitions.map(({ log }) => closed(log)))
    return { clean: outcomes.every((clean) => clean), checkpoints: this.checkpoints() }
  }

  /** This broker has another place in the cluster than before: what it says to others has to carry its new epoch. */
  #reopenAll(): void {
    for (const partition of this.partitions()) {
      partition.writeStaged()
      partition.replica.reopen()
    }
  }

  #brokerEpochIn(image: MetadataImage): number {
    return image.brokers.get(this.#options.config.nodeId)?.epoch ?? -1
  }

  async #recover(entry: TopicEntry, index: number, opening: Opening): Promise<void> {
    try {
      const log = await this.#options.logs.recover(identityOf(entry, index), opening.settings.logConfig)
      entry.slots[index] = this.#newPartition(entry, index, log, opening)
    } catch (error) {
      entry.slots[index] = this.#unopened(entry, index, error)
    }
  }

  #create(entry: TopicEntry, index: number, image: PartitionImage, settings: TopicSettings): void {
    try {
      const log = this.#options.logs.create(identityOf(entry, index), settings.logConfig)
      entry.slots[index] = this.#newPartition(entry, index, log, { image, settings, resumesEpochs: false })
    } catch (error) {
      entry.slots[index] = this.#unopened(entry, index, error)
    }
  }

  #newPartition(
    entry: TopicEntry,
    index: number,
    log: Log,
    { image, settings, resumesEpochs }: Opening,
  ): Partition {
    const { surroundings, logs } = this.#options
    const checkpoint = logs.checkpointOf(identityOf(entry, index))
    const { name: topic, id: topicId } = entry
    const state = { image, settings, checkpoint, resumesEpochs }
    const partition = new Partition({ topic, topicId, index, log, ...state, surroundings })
    // Whatever its first steps lead to has to find it.
    entry.slots[index] = partition
    partition.start()
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
    for (const slot of entry.slots) {
      if (slot instanceof Partition) this.#remove(slot, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
  }

  #remove(partition: Partition, errorCode: number): void {
    partition.close(errorCode)
    const folder = `${partition.topic}-${partition.index}`
    const removal = this.#removeFolder(partition).finally(() => this.#removals.delete(folder))
    this.#removals.set(folder, removal)
  }

  async #removeFolder({ topic, index: partition, log }: Partition): Promise<void> {
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
    let settings: TopicSettings | null = null
    const openings: Promise<void>[] = []
    for (const [index, partition] of topic.partitions) {
      const slot = entry.slots[index]
      const removal = this.#removals.get(`${entry.name}-${index}`)
      if (!this.#isOwn(entry, index, partition)) this.#giveUp(entry, index, partition)
      else if (slot instanceof Partition) slot.update(partition)
      else if (isBroken(slot)) continue
      else if (removal !== undefined) openings.push(this.#createAfter(removal, entry, index))
      else this.#create(entry, index, partition, (settings ??= this.#settingsOf(topic.name)))
    }
    return openings
  }

  async #createAfter(removal: Promise<void>, entry: TopicEntry, index: number): Promise<void> {
    entry.slots[index] = NOT_HERE
    await removal
    // Meanwhile this topic, too, may have been deleted, or its partition given to somebody else.
    const partition = this.#image.topics.byId(entry.id)?.partitions[index]
    if (partition !== undefined && this.#isOwn(entry, index, partition) && entry.slots[index] === NOT_HERE)
      this.#create(entry, index, partition, this.#settingsOf(entry.name))
  }

  /** This broker, or this shard, has no replica of it, or has none any more. */
  #giveUp(entry: TopicEntry, index: number, image: PartitionImage): void {
    const slot = entry.slots[index]
    if (slot instanceof Partition) this.#remove(slot, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    entry.slots[index] = this.#slotElsewhere(entry, index, image)
  }

  #reconfigure(entry: TopicEntry): void {
    const settings = this.#settingsOf(entry.name)
    for (const slot of entry.slots) if (slot instanceof Partition) slot.reconfigure(settings)
  }

  #entryOf({ name, id }: { readonly name: string; readonly id: Uuid }): TopicEntry {
    const existing = this.#topics.byId(id)
    if (existing !== undefined) return existing
    const entry: TopicEntry = { name, id, slots: [] }
    this.#topics.add(entry)
    return entry
  }

  #settingsOf(topic: string): TopicSettings {
    const own = this.#image.configs.forTopic(topic)
    return own.size > 0 ? this.#resolve(own) : (this.#inheritedSettings ??= this.#resolve(own))
  }

  #resolve(own: ConfigEntries): TopicSettings {
    const { nodeId, staticEntries } = this.#options.config
    const sources = brokerConfigSources(this.#image, nodeId, staticEntries)
    return topicSettings(resolveTopicConfig(own, sources), nodeId)
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

/** How a partition is to begin. */
interface Opening {
  readonly image: PartitionImage
  readonly settings: TopicSettings
  readonly resumesEpochs: boolean
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

/** Its log could not be opened, and will not be before the next start. */
function isBroken(slot: Slot | undefined): boolean {
  return slot !== undefined && 'errorCode' in slot && slot.errorCode === ErrorCode.KAFKA_STORAGE_ERROR
}

function checkpointOf({ topic, index: partition, log, replica }: Partition): PartitionCheckpoint {
  const { recoveryPoint, logStartOffset } = log
  const { highWatermark, owedEndOffset } = replica
  return { topic, partition, recoveryPoint, logStartOffset, highWatermark, owedEndOffset }
}

function closed(log: Log): Promise<boolean> {
  return new Promise((resolve) => log.close((error) => resolve(error === null)))
}
