/**
 * Reads some partitions: the whole of a topic, or those that were assigned. Fetching ahead begins with the first
 * request for a message and rests while nobody iterates.
 */
import { ClosedError, ConfigError, partitionName } from '@millrace/client'
import type { Cluster, Serde, TopicPartition } from '@millrace/client'
import type { Position, ResolvedConsumerOptions } from './consumer-options.ts'
import { requirePosition } from './consumer-options.ts'
import { Delivery } from './delivery/delivery.ts'
import { batchIterator, messageIterator } from './delivery/iterators.ts'
import type { IterationHooks } from './delivery/iterators.ts'
import { Fetcher } from './fetch/fetcher.ts'
import { PartitionCursor } from './fetch/partition-cursor.ts'
import { PrefetchQueue } from './fetch/prefetch-queue.ts'
import type { MessageBatch } from './message-batch.ts'
import type { Message, MessageSource } from './message.ts'

/** A partition by number where the reader has one topic, else with its topic. */
export type PartitionRef = number | TopicPartition

/** What a reader is made of; applications get readers from `Consumer.read` and `Consumer.assign`. */
export interface ReaderPlan<Key, Value> {
  readonly key: Serde<Key, never>
  readonly value: Serde<Value, never>
  /** Partitions that are known beforehand. */
  readonly cursors: readonly PartitionCursor[]
  /** A topic all of whose partitions are read, those that are added later from their beginning. */
  readonly wholeTopic: {
    readonly name: string
    readonly from: Position
    readonly until: Position | undefined
  } | null
  readonly signal: AbortSignal | undefined
}

export interface ReaderContext {
  readonly cluster: Cluster
  readonly options: ResolvedConsumerOptions
  readonly lane: string
  readonly onClosed: () => void
}

/**
 * Iterate over it for messages, or over `batches()`. Leaving the loop keeps the position: another loop goes on where
 * the last one stopped. Iteration throws
 * - `OffsetOutOfRangeError` when the next record is gone and `offsetReset` is `error`,
 * - `CorruptBatchError` for a batch whose checksum or structure is wrong,
 * - `BrokerError` when a broker refuses, such as for a deleted topic, or a partition cannot be read for
 *   `apiTimeoutMs`; iterating again tries again.
 *
 * @example
 * ```ts
 * const reader = consumer.read(flights, { from: 'beginning', until: 'end' })
 * for await (const { key, value, offset } of reader) console.log(offset, key, value.delay)
 * ```
 */
export class Reader<Key, Value> implements AsyncIterable<Message<Key, Value>> {
  readonly #cluster: Cluster
  readonly #plan: ReaderPlan<Key, Value>
  readonly #onClosed: () => void
  readonly #cursors = new Map<string, PartitionCursor>()
  readonly #sources = new Map<PartitionCursor, MessageSource<Key, Value>>()
  readonly #queue = new PrefetchQueue()
  readonly #fetcher: Fetcher
  readonly #delivery: Delivery<Key, Value>
  readonly #onAbort = (): void => this.#delivery.wake()
  #starting: Promise<void> | null = null
  #isReady = false
  #isClosed = false

  /** @internal Use `Consumer.read` or `Consumer.assign`. */
  constructor(plan: ReaderPlan<Key, Value>, { cluster, options, lane, onClosed }: ReaderContext) {
    this.#cluster = cluster
    this.#plan = plan
    this.#onClosed = onClosed
    for (const cursor of plan.cursors) this.#cursors.set(partitionName(cursor), cursor)
    this.#fetcher = new Fetcher({
      cluster,
      options,
      queue: this.#queue,
      lane,
      cursors: () => this.#currentCursors(),
      onArrival: () => this.#delivery.wake(),
    })
    this.#delivery = new Delivery({
      env: cluster.env,
      queue: this.#queue,
      checkCrc: options.checkCrc,
      decompressedBytesMax: options.decompressedBytesMax,
      sourceOf: (cursor) => this.#sourceOf(cursor),
      onDelivered: () => this.#fetcher.pump(),
      isFinished: () => this.#isFinished(),
    })
    plan.signal?.addEventListener('abort', this.#onAbort)
  }

  /** Partitions as known so far: all of them after `connect` or the first message. */
  get partitions(): readonly TopicPartition[] {
    return [...this.#cursors.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  /** Bytes that were fetched and not delivered yet. */
  get prefetchedBytes(): number {
    return this.#queue.bytes
  }

  /**
   * Finds the partitions now instead of at the first message.
   *
   * @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION, ConfigError for a partition that the topic lacks
   */
  async connect(): Promise<void> {
    this.#requireOpen()
    this.#starting ??= this.#start().finally(() => (this.#starting = null))
    await this.#starting
  }

  /** The same as iterating over the reader. */
  messages(): AsyncIterableIterator<Message<Key, Value>> {
    return messageIterator(this.#delivery, this.#hooks())
  }

  /** Messages as they were stored together: quicker than one by one. */
  batches(): AsyncIterableIterator<MessageBatch<Key, Value>> {
    return batchIterator(this.#delivery, this.#hooks())
  }

  [Symbol.asyncIterator](): AsyncIterator<Message<Key, Value>> {
    return this.messages()
  }

  /** Goes on from another position; what was fetched ahead of the partition is dropped. */
  seek(partition: PartitionRef, to: Position): void {
    requirePosition('to', to)
    this.#change(this.#cursor(partition), (cursor) => cursor.seek(to))
  }

  /** Delivers nothing of these partitions until `resume`; all partitions when left out. */
  pause(partitions?: readonly PartitionRef[]): void {
    for (const cursor of this.#selected(partitions)) this.#change(cursor, () => cursor.pause())
  }

  resume(partitions?: readonly PartitionRef[]): void {
    for (const cursor of this.#selected(partitions)) this.#change(cursor, () => cursor.resume())
  }

  isPaused(partition: PartitionRef): boolean {
    return this.#cursor(partition).isPaused
  }

  /** Offset of the next message of a partition; null until it was looked up. */
  position(partition: PartitionRef): number | null {
    const { position } = this.#cursor(partition)
    return position < 0 ? null : position
  }

  /** Messages between here and the end of a partition, or of all, as of the last fetch; null before that. */
  lag(partition?: PartitionRef): number | null {
    if (partition !== undefined) return this.#cursor(partition).lag
    let total = 0
    for (const { lag } of this.#cursors.values()) {
      if (lag === null) return null
      total += lag
    }
    return this.#isReady ? total : null
  }

  /** Ends iteration and drops what was fetched ahead. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#isClosed = true
    this.#plan.signal?.removeEventListener('abort', this.#onAbort)
    this.#fetcher.stop()
    this.#queue.clear()
    this.#delivery.stop()
    this.#onClosed()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #hooks(): IterationHooks {
    return {
      prepare: () => (this.#isReady || this.#isClosed ? null : this.connect()),
      onNext: () => {
        this.#plan.signal?.throwIfAborted()
        if (this.#isReady) this.#fetcher.resume()
      },
      onEnd: () => this.#fetcher.rest(),
    }
  }

  async #start(): Promise<void> {
    const { wholeTopic, signal } = this.#plan
    const scope = this.#cluster.scope({ signal })
    if (wholeTopic !== null) {
      const { partitions } = await this.#cluster.topic(wholeTopic.name, scope)
      for (const { partition } of partitions) this.#addCursor(wholeTopic.name, partition, wholeTopic.from)
    }
    for (const cursor of this.#cursors.values()) {
      const { partitions } = await this.#cluster.topic(cursor.topic, scope)
      if (cursor.partition < partitions.length) continue
      const range = `0 to ${partitions.length - 1}`
      throw new ConfigError(`topic ${cursor.topic} has no partition ${cursor.partition}: it has ${range}`)
    }
    this.#isReady = true
  }

  /** Takes in partitions that were added to the topic. */
  #currentCursors(): Iterable<PartitionCursor> {
    const { wholeTopic } = this.#plan
    if (wholeTopic !== null && wholeTopic.until === undefined) {
      const count = this.#cluster.metadata.topic(wholeTopic.name)?.partitions.length ?? 0
      for (let partition = this.#cursors.size; partition < count; partition++) {
        this.#addCursor(wholeTopic.name, partition, 'beginning')
      }
    }
    return this.#cursors.values()
  }

  #addCursor(topic: string, partition: number, from: Position): PartitionCursor {
    const name = partitionName({ topic, partition })
    const known = this.#cursors.get(name)
    if (known !== undefined) return known
    const cursor = new PartitionCursor(topic, partition, from, this.#plan.wholeTopic?.until)
    this.#cursors.set(name, cursor)
    return cursor
  }

  #sourceOf(cursor: PartitionCursor): MessageSource<Key, Value> {
    let source = this.#sources.get(cursor)
    if (source === undefined) {
      const { topic, partition } = cursor
      source = { topic, partition, key: this.#plan.key, value: this.#plan.value }
      this.#sources.set(cursor, source)
    }
    return source
  }

  #isFinished(): boolean {
    if (this.#isClosed) return true
    return this.#isReady && [...this.#cursors.values()].every((cursor) => cursor.isFinished)
  }

  #change(cursor: PartitionCursor, act: (cursor: PartitionCursor) => void): void {
    this.#requireOpen()
    act(cursor)
    this.#queue.prune()
    if (this.#isReady) this.#fetcher.pump()
    this.#delivery.wake()
  }

  #selected(partitions: readonly PartitionRef[] | undefined): Iterable<PartitionCursor> {
    return partitions === undefined ? this.#cursors.values() : partitions.map((ref) => this.#cursor(ref))
  }

  #cursor(ref: PartitionRef): PartitionCursor {
    const { topic, partition } = typeof ref === 'number' ? { topic: this.#onlyTopic(), partition: ref } : ref
    const cursor = this.#cursors.get(partitionName({ topic, partition }))
    if (cursor !== undefined) return cursor
    const { wholeTopic } = this.#plan
    // Whether the topic has this partition is checked when it is looked up.
    if (!this.#isReady && wholeTopic?.name === topic)
      return this.#addCursor(topic, partition, wholeTopic.from)
    throw new ConfigError(`this reader does not read ${partitionName({ topic, partition })}`)
  }

  #onlyTopic(): string {
    const topics = new Set([...this.#cursors.values()].map((cursor) => cursor.topic))
    if (this.#plan.wholeTopic !== null) topics.add(this.#plan.wholeTopic.name)
    const [topic] = topics
    if (topic !== undefined && topics.size === 1) return topic
    throw new ConfigError('this reader has several topics: name a partition as { topic, partition }')
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new ClosedError('reader')
  }
}
