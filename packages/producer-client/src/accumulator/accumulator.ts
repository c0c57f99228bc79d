/**
 * Records that were accepted and are not acknowledged yet, in batches by partition, within a bound of memory. Decides
 * which batches may go; sending them is the sender's. Reads the clock once per batch and arms no timers.
 *
 * Invariants: records of a partition leave in the order of `tryAppend`; `bufferedBytes` is the sum over all batches
 * that are not done, before compression.
 */
import type { BufferPool, Clock } from '@millrace/base'
import { addToSequence } from '@millrace/record'
import type { CompressionType, RecordData, RecordHeaderInput } from '@millrace/record'
import type { Delivered, DeliverySink } from './delivery-sink.ts'
import { PartitionQueue } from './partition-queue.ts'
import { ProducerBatch } from './producer-batch.ts'

export interface AccumulatorOptions {
  readonly clock: Pick<Clock, 'monoMs'>
  readonly pool: BufferPool
  readonly lingerMs: number
  readonly batchBytes: number
  readonly batchBytesMax: number
  readonly partitionInFlightMax: number
  readonly bufferBytes: number
  readonly deliveryTimeoutMs: number
  readonly compression: CompressionType
}

/** Varints, attributes and deltas around key and value, at most; headers are counted by themselves. */
const RECORD_OVERHEAD_BYTES = 32

export class Accumulator {
  readonly #options: AccumulatorOptions
  readonly #queues = new Map<string, PartitionQueue[]>()
  /** Queues that hold batches. */
  readonly #active = new Set<PartitionQueue>()
  /** Below `batchBytesMax` for topics whose brokers refused more. */
  readonly #learnedBatchBytesMax = new Map<string, number>()
  #bufferedBytes = 0

  constructor(options: AccumulatorOptions) {
    this.#options = options
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Queues that hold batches, the longest waiting first. */
  get active(): ReadonlySet<PartitionQueue> {
    return this.#active
  }

  /** Whether a record of about this size may be accepted now. A single record is always let in. */
  hasRoom(bytes: number): boolean {
    return this.#bufferedBytes === 0 || this.#bufferedBytes + bytes <= this.#options.bufferBytes
  }

  /**
   * Encodes a record into its partition's open batch, or into a new one.
   *
   * @returns the queue when something about it changed that a sender must look at (its first batch began, or a batch
   * became complete), else null
   */
  append(
    topic: string,
    partition: number,
    timestamp: number,
    key: RecordData,
    value: RecordData,
    headers: readonly RecordHeaderInput[] | undefined,
    sink: DeliverySink,
  ): PartitionQueue | null {
    const queue = this.#queue(topic, partition)
    const open = queue.open
    if (open !== null) {
      const before = open.sizeInBytes
      if (open.tryAppend(timestamp, key, value, headers, sink)) {
        const size = open.sizeInBytes
        this.#bufferedBytes += size - before
        const { batchBytes } = this.#options
        return before < batchBytes && size >= batchBytes ? queue : null
      }
    }
    const batch = this.#newBatch(topic, partition, this.#options.clock.monoMs())
    batch.tryAppend(timestamp, key, value, headers, sink)
    queue.push(batch)
    this.#active.add(queue)
    this.#bufferedBytes += batch.sizeInBytes
    return queue
  }

  /** A batch in flight of this queue was stored. */
  deliver(queue: PartitionQueue, batch: ProducerBatch, delivered: Delivered): void {
    this.#onDone(queue, batch)
    batch.deliver(delivered)
  }

  /** A batch in flight of this queue failed for good. */
  fail(queue: PartitionQueue, batch: ProducerBatch, errorOf: Error | ((index: number) => Error)): void {
    this.#onDone(queue, batch)
    batch.fail(errorOf)
  }

  /**
   * Replaces the batch in flight, which a broker found too large, by halves, and keeps later batches of the topic
   * below what was refused.
   */
  split(queue: PartitionQueue, batch: ProducerBatch): void {
    const { topic, partition, createdMs } = batch
    const maxBytes = Math.max(1, Math.floor(batch.sizeInBytes / 2))
    this.#learnedBatchBytesMax.set(topic, Math.min(maxBytes, this.#batchBytesMax(topic)))
    const parts = [this.#newBatch(topic, partition, createdMs)]
    batch.forEachRecord(({ timestamp, key, value, headers }, sink) => {
      if (parts.at(-1)!.tryAppend(timestamp, key, value, headers, sink)) return
      const part = this.#newBatch(topic, partition, createdMs)
      part.tryAppend(timestamp, key, value, headers, sink)
      parts.push(part)
    })
    this.#bufferedBytes -= batch.sizeInBytes
    for (const { sizeInBytes } of parts) this.#bufferedBytes += sizeInBytes
    giveSequences(batch, parts)
    queue.onSplit(batch, parts)
    batch.supersede(parts)
  }

  /** Resolves when all batches that are there now are done with. */
  async whenDone(): Promise<void> {
    await Promise.all([...this.#active].flatMap((queue) => queue.batches).map((batch) => batch.whenDone()))
  }

  /** Takes out batches whose time is over. */
  takeExpired(nowMs: number): ProducerBatch[] {
    return this.#takeFrom((queue) => queue.takeExpired(nowMs))
  }

  /** Takes out everything. */
  takeAll(): ProducerBatch[] {
    return this.#takeFrom((queue) => queue.takeAll())
  }

  /** About how many bytes of memory a record takes; cheap, and never far below the truth for text in Latin letters. */
  static estimateBytes(
    key: RecordData,
    value: RecordData,
    headers: readonly RecordHeaderInput[] | undefined,
  ): number {
    let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
    if (headers === undefined) return bytes
    for (const header of headers) bytes += 4 + header.key.length + (header.value?.length ?? 0)
    return bytes
  }

  #onDone(queue: PartitionQueue, batch: ProducerBatch): void {
    this.#bufferedBytes -= batch.sizeInBytes
    queue.onDone(batch)
    if (queue.isEmpty) this.#active.delete(queue)
  }

  #takeFrom(take: (queue: PartitionQueue) => ProducerBatch[]): ProducerBatch[] {
    const taken: ProducerBatch[] = []
    for (const queue of this.#active) {
      for (const batch of take(queue)) {
        this.#bufferedBytes -= batch.sizeInBytes
        taken.push(batch)
      }
      if (queue.isEmpty) this.#active.delete(queue)
    }
    return taken
  }

  #newBatch(topic: string, partition: number, createdMs: number): ProducerBatch {
    const { pool, compression, deliveryTimeoutMs } = this.#options
    return new ProducerBatch({
      topic,
      partition,
      maxBytes: this.#batchBytesMax(topic),
      pool,
      compression,
      createdMs,
      deadlineMs: createdMs + deliveryTimeoutMs,
    })
  }

  #batchBytesMax(topic: string): number {
    return this.#learnedBatchBytesMax.get(topic) ?? this.#options.batchBytesMax
  }

  #queue(topic: string, partition: number): PartitionQueue {
    let queues = this.#queues.get(topic)
    if (queues === undefined) {
      queues = []
      this.#queues.set(topic, queues)
    }
    return (queues[partition] ??= new PartitionQueue(topic, partition, this.#options))
  }
}

/** The parts take the place of a batch that is not stored: together they are numbered as it was (as Kafka's client does). */
function giveSequences({ sequence }: ProducerBatch, parts: readonly ProducerBatch[]): void {
  if (sequence === null) return
  let { baseSequence } = sequence
  for (const part of parts) {
    part.sequence = { ...sequence, baseSequence }
    // Later batches must not overtake them: they count as sent.
    part.attempts = 1
    baseSequence = addToSequence(baseSequence, part.recordCount)
  }
}
