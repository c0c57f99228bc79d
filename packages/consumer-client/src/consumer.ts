/** The consumer: connections that its readers share, and the options that they have in common. */
import { ClosedError, Cluster, ConfigError, rawTopic } from '@millrace/client'
import type { CallOptions, RawTopic, Topic } from '@millrace/client'
import { requirePosition, resolveConsumerOptions } from './consumer-options.ts'
import type { Assignment, ConsumerOptions, ReadOptions, ResolvedConsumerOptions } from './consumer-options.ts'
import { PartitionCursor } from './fetch/partition-cursor.ts'
import { Reader } from './reader.ts'
import type { ReaderPlan } from './reader.ts'

/** A topic to read: what its serdes take from producers does not matter here. */
type ConsumedTopic<Key, Value> = Topic<Key, Value, never, never>

/**
 * Reads partitions at positions of one's own choosing; nothing is committed anywhere. Connects when first used.
 *
 * @example
 * ```ts
 * const flights = topic('flights', { key: string(), value: json(flightSchema) })
 * await using consumer = new Consumer({ bootstrap: '127.0.0.1:9092' })
 * for await (const { key, value } of consumer.read(flights, { from: 'beginning' })) console.log(key, value.delay)
 * ```
 */
export class Consumer {
  readonly #cluster: Cluster
  readonly #options: ResolvedConsumerOptions
  readonly #readers = new Set<Reader<unknown, unknown>>()
  #nextLane = 1

  /** @throws ConfigError for options that cannot work */
  constructor(options: ConsumerOptions) {
    this.#options = resolveConsumerOptions(options)
    this.#cluster = new Cluster({ ...options, allowAutoTopicCreation: false })
  }

  /** Reaches the cluster now instead of at the first message. */
  connect(options: CallOptions = {}): Promise<void> {
    return this.#cluster.connect(this.#cluster.scope(options))
  }

  /**
   * Reads a topic: all partitions or some. Records of a partition come in order; between partitions there is none.
   *
   * @param topic a typed topic, or a name: keys and values are `Buffer | null` then
   * @throws ConfigError for options that cannot work
   */
  read(topic: string, options: ReadOptions): Reader<Buffer | null, Buffer | null>
  read<Key, Value>(topic: ConsumedTopic<Key, Value>, options: ReadOptions): Reader<Key, Value>
  read<Key, Value>(
    topic: string | ConsumedTopic<Key, Value>,
    { from, until, partitions, signal }: ReadOptions,
  ): Reader<Key, Value> | Reader<Buffer | null, Buffer | null> {
    requirePosition('from', from)
    if (until !== undefined) requirePosition('until', until)
    const { name, key, value } =
      typeof topic === 'string' ? (rawTopic(topic) as ConsumedTopic<Key, Value> & RawTopic) : topic
    const cursors = partitions?.map((partition) => newCursor(name, partition, { from, until })) ?? []
    const wholeTopic = partitions === undefined ? { name, from, until } : null
    return this.#open({ key, value, cursors, wholeTopic, signal })
  }

  /**
   * Reads partitions of any topics, each from its own position.
   *
   * @example
   * ```ts
   * const reader = consumer.assign([{ topic: 'flights', partition: 0, from: { offset: 4711 } }])
   * ```
   */
  assign(
    assignments: readonly Assignment[],
    { signal }: Pick<ReadOptions, 'signal'> = {},
  ): Reader<Buffer | null, Buffer | null> {
    const cursors = assignments.map(({ topic, partition, from, until }) => {
      requirePosition('from', from)
      if (until !== undefined) requirePosition('until', until)
      return newCursor(topic, partition, { from, until })
    })
    const { key, value } = rawTopic('')
    return this.#open({ key, value, cursors, wholeTopic: null, signal })
  }

  /** Ends all readers and closes the connections. */
  async close(): Promise<void> {
    for (const reader of this.#readers) await reader.close()
    this.#cluster.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open<Key, Value>(plan: ReaderPlan<Key, Value>): Reader<Key, Value> {
    if (this.#cluster.isClosed) throw new ClosedError('consumer')
    const reader = new Reader(plan, {
      cluster: this.#cluster,
      options: this.#options,
      lane: `fetch-${this.#nextLane++}`,
      onClosed: () => this.#readers.delete(reader),
    })
    this.#readers.add(reader)
    return reader
  }
}

function newCursor(
  topic: string,
  partition: number,
  { from, until }: Pick<ReadOptions, 'from' | 'until'>,
): PartitionCursor {
  if (Number.isInteger(partition) && partition >= 0) return new PartitionCursor(topic, partition, from, until)
  throw new ConfigError(`the partition must be 0 or greater, not ${String(partition)}`)
}
