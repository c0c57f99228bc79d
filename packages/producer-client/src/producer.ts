/**
 * The producer: the way of a record from the application into its partition's batch, and of the result back.
 *
 * Invariant: records of one topic and partition are stored in the order of the calls, whatever waits or is retried.
 */
import { BufferPool } from '@millrace/base'
import {
  abortable,
  ClosedError,
  Cluster,
  ConfigError,
  rawTopic,
  TimeoutError,
  withinScope,
} from '@millrace/client'
import type { CallOptions, RawInput, Topic } from '@millrace/client'
import { compressionProblem, CompressionType } from '@millrace/record'
import type { DeliverySink } from './accumulator/delivery-sink.ts'
import type { PendingRecord } from './admission.ts'
import { BulkDelivery } from './delivery/bulk-delivery.ts'
import { RecordDelivery } from './delivery/record-delivery.ts'
import { encodeField, encodeHeaders } from './encode-record.ts'
import { Intake } from './intake.ts'
import { resolveProducerOptions } from './producer-options.ts'
import type { ProducerOptions, ResolvedProducerOptions } from './producer-options.ts'
import type { BulkRecords, ProducerRecord, RecordResult, SendManyResult } from './producer-record.ts'

/** A topic to send to: what its serdes yield for consumers does not matter here. */
type ProducedTopic<Key, Value> = Topic<unknown, unknown, Key, Value>

/** Keeps the accumulator's buffers for reuse; half of what may be in use at a time. */
const POOLED_SHARE = 0.5
/** `sendMany` lets other work of the process go on after this many records. */
const RECORDS_PER_TURN = 4096

/**
 * Sends records in batches. Connects when first used. Records of a partition keep their order through retries, and each
 * is stored once, however often it had to be sent (`enableIdempotence`): a record whose `send` failed for lack of an answer
 * may be stored all the same, once.
 *
 * @example
 * ```ts
 * const flights = topic('flights', { key: string(), value: json(flightSchema) })
 * await using producer = new Producer({ bootstrap: '127.0.0.1:9092' })
 * const { partition, offset } = await producer.send(flights, { key: 'SFO', value: { origin: 'SFO', delay: 12 } })
 * ```
 */
export class Producer {
  readonly #cluster: Cluster
  readonly #options: ResolvedProducerOptions
  readonly #intake: Intake
  #closing: Promise<void> | null = null

  /** @throws ConfigError for options that cannot work */
  constructor(options: ProducerOptions) {
    this.#options = resolveProducerOptions(options)
    const compression = CompressionType[this.#options.compression]
    const problem = compressionProblem(compression)
    if (problem !== null) throw new ConfigError(`compression ${this.#options.compression}: ${problem}`)
    this.#cluster = new Cluster({ ...options, allowAutoTopicCreation: true })
    const pool = new BufferPool({ maxPooledBytes: this.#options.bufferBytes * POOLED_SHARE })
    this.#intake = new Intake({ cluster: this.#cluster, options: this.#options, compression, pool })
  }

  /** Bytes of records that are accepted and not acknowledged yet. */
  get bufferedBytes(): number {
    return this.#intake.bufferedBytes
  }

  /** Reaches the cluster now instead of at the first record. */
  connect(options: CallOptions = {}): Promise<void> {
    return this.#cluster.connect(this.#cluster.scope(options))
  }

  /**
   * Sends one record. Calls need not be awaited one by one: awaiting many at once is what fills batches.
   *
   * @returns where it was stored, once as many replicas have it as `acks` says
   * @throws SerdeError; BrokerError when it was refused; TimeoutError after `deliveryTimeoutMs`, or after `maxBlockMs`
   * without room or metadata; the signal's reason. After an abort the record may be stored all the same.
   */
  send(
    topic: string,
    record: ProducerRecord<RawInput, RawInput>,
    options?: CallOptions,
  ): Promise<RecordResult>
  send<Key, Value>(
    topic: ProducedTopic<Key, Value>,
    record: NoInfer<ProducerRecord<Key, Value>>,
    options?: CallOptions,
  ): Promise<RecordResult>
  send<Key, Value>(
    topic: string | ProducedTopic<Key, Value>,
    record: ProducerRecord<Key, Value>,
    options?: CallOptions,
  ): Promise<RecordResult> {
    const typed = topicOf(topic)
    let delivery: RecordDelivery
    const promise = new Promise<RecordResult>((resolve, reject) => {
      const timestamp = this.#timestampOf(record)
      delivery = new RecordDelivery(timestamp, resolve, reject)
      this.#accept(typed, record, timestamp, delivery, null)
    })
    return options === undefined ? promise : this.#limited(promise, typed.name, delivery!, options)
  }

  /**
   * Sends many records as fast as it goes, without a promise for each: for imports and streams. Takes from `records`
   * only what fits into memory.
   *
   * @returns what was stored where, when all of it is acknowledged
   * @throws SendManyError, after the first failure, with what had been stored until then
   *
   * @example
   * ```ts
   * await producer.sendMany(flights, rows.map((row) => ({ key: row.origin, value: row })))
   * ```
   */
  sendMany(
    topic: string,
    records: BulkRecords<RawInput, RawInput>,
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<SendManyResult>
  sendMany<Key, Value>(
    topic: ProducedTopic<Key, Value>,
    records: NoInfer<BulkRecords<Key, Value>>,
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<SendManyResult>
  async sendMany<Key, Value>(
    topic: string | ProducedTopic<Key, Value>,
    records: BulkRecords<Key, Value>,
    { signal }: Pick<CallOptions, 'signal'> = {},
  ): Promise<SendManyResult> {
    const typed = topicOf(topic)
    const bulk = new BulkDelivery(typed.name)
    let stopped: Error | null = null
    try {
      signal?.throwIfAborted()
      await this.#acceptAll(typed, records, bulk, signal)
    } catch (error) {
      stopped = error as Error
    }
    return await abortable(bulk.finish(stopped), signal)
  }

  /**
   * Sends what has been accepted without lingering; resolves when all of it is delivered or failed. Failures are told
   * to whoever sent the records, not here.
   */
  async flush(options: CallOptions = {}): Promise<void> {
    const { deliveryTimeoutMs } = this.#options
    const timeoutMs = deliveryTimeoutMs + this.#cluster.options.requestTimeoutMs
    const scope = this.#cluster.scope({ timeoutMs, ...options })
    const error = (): Error =>
      new TimeoutError(`flush: ${this.bufferedBytes} bytes are not acknowledged in time`)
    await withinScope(this.#cluster.env, scope, error, () => this.#intake.drain())
  }

  /**
   * Flushes, then closes the connections. Records that are not delivered by then fail with a `ClosedError`.
   *
   * @throws TimeoutError when the flush did not succeed in time; the producer is closed all the same
   */
  close(options: CallOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(options: CallOptions): Promise<void> {
    try {
      await this.flush(options)
    } finally {
      this.#intake.stop(new ClosedError('producer'))
      this.#cluster.close()
    }
  }

  /** @returns false when the record has to wait: `onLeft` will be called */
  #accept<Key, Value>(
    topic: ProducedTopic<Key, Value>,
    record: ProducerRecord<Key, Value>,
    timestamp: number,
    sink: DeliverySink,
    onLeft: (() => void) | null,
  ): boolean {
    if (this.#closing !== null) throw new ClosedError('producer')
    const { headers, partition = -1 } = record
    if (record.partition !== undefined) requirePartition(record.partition)
    const pending: PendingRecord = {
      // A missing key is null, which the type of the record allows only where the topic's key does.
      key: encodeField(topic.key, (record.key ?? null) as Key, 'key', topic.name),
      value: encodeField(topic.value, record.value, 'value', topic.name),
      headers: headers === undefined ? undefined : encodeHeaders(headers),
      partition,
      timestamp,
      sink,
      onLeft,
    }
    return this.#intake.accept(topic.name, pending)
  }

  async #acceptAll<Key, Value>(
    topic: ProducedTopic<Key, Value>,
    records: BulkRecords<Key, Value>,
    bulk: BulkDelivery,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let untilTurn = RECORDS_PER_TURN
    const acceptOne = (record: ProducerRecord<Key, Value>): Promise<void> | null => {
      if (bulk.error !== null) throw bulk.error
      let onLeft: () => void = noop
      const isIn = this.#accept(topic, record, this.#timestampOf(record), bulk, () => onLeft())
      bulk.onAccepted()
      if (!isIn) return abortable(new Promise((resolve) => (onLeft = resolve)), signal)
      if (--untilTurn > 0) return null
      untilTurn = RECORDS_PER_TURN
      return abortable(new Promise((resolve) => this.#cluster.env.timers.endOfTurn(resolve)), signal)
    }
    // Awaiting only where there is something to wait for is worth a factor of three.
    if (Symbol.asyncIterator in records) {
      for await (const record of records) {
        const wait = acceptOne(record)
        if (wait !== null) await wait
      }
    } else {
      for (const record of records) {
        const wait = acceptOne(record)
        if (wait !== null) await wait
      }
    }
  }

  async #limited(
    promise: Promise<RecordResult>,
    topic: string,
    delivery: DeliverySink,
    options: CallOptions,
  ): Promise<RecordResult> {
    const { deliveryTimeoutMs, maxBlockMs } = this.#options
    const timeoutMs = options.timeoutMs ?? deliveryTimeoutMs + maxBlockMs
    const scope = this.#cluster.scope({ timeoutMs, signal: options.signal })
    const error = (): Error =>
      new TimeoutError(`send to topic ${topic} was not acknowledged in ${timeoutMs} ms; it may still be`)
    try {
      return await withinScope(this.#cluster.env, scope, error, () => promise)
    } finally {
      this.#intake.withdraw(topic, delivery)
    }
  }

  #timestampOf({ timestamp }: { readonly timestamp?: number | Date | undefined }): number {
    if (timestamp === undefined) return this.#cluster.env.clock.wallMs()
    const time = Number(timestamp)
    if (Number.isSafeInteger(time)) return time
    throw new ConfigError(
      `the timestamp must be milliseconds since 1970 or a valid Date, not ${String(timestamp)}`,
    )
  }
}

function topicOf<Key, Value>(topic: string | ProducedTopic<Key, Value>): ProducedTopic<Key, Value> {
  // The overloads let only raw records through for a name, which is what the raw topic takes.
  return typeof topic === 'string' ? (rawTopic(topic) as unknown as ProducedTopic<Key, Value>) : topic
}

function requirePartition(partition: number): void {
  if (Number.isInteger(partition) && partition >= 0) return
  throw new ConfigError(`the partition must be 0 or greater, not ${String(partition)}`)
}

function noop(): void {}
