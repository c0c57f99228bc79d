/**
 * Brings records into the accumulator: finds out the topic's partitions, chooses one, and makes records wait in line
 * while there is no room or no metadata. Knows nothing of serdes and of the application's types.
 */
import type { BufferPool, TimerId } from '@millrace/base'
import { BrokerError, ConfigError, MillraceError, TimeoutError } from '@millrace/client'
import type { Cluster } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import type { CompressionType } from '@millrace/record'
import { Accumulator } from './accumulator/accumulator.ts'
import type { DeliverySink } from './accumulator/delivery-sink.ts'
import { Admission } from './admission.ts'
import type { PendingRecord } from './admission.ts'
import { createPartitioner } from './partitioner/partitioner.ts'
import type { Partitioner } from './partitioner/partitioner.ts'
import type { ResolvedProducerOptions } from './producer-options.ts'
import { Sender } from './sender/sender.ts'

export interface IntakeOptions {
  readonly cluster: Cluster
  readonly options: ResolvedProducerOptions
  readonly compression: CompressionType
  readonly pool: BufferPool
}

interface FlushWaiter {
  /** Records in line before this have to leave it. */
  readonly sequence: number
  readonly resolve: () => void
}

export class Intake {
  readonly #cluster: Cluster
  readonly #options: ResolvedProducerOptions
  readonly #accumulator: Accumulator
  readonly #admission = new Admission()
  readonly #sender: Sender
  readonly #partitioners = new Map<string, Partitioner>()
  /** Topics whose partitions are being looked up. */
  readonly #lookups = new Set<string>()
  #flushWaiters: FlushWaiter[] = []
  #flushes = 0
  /** Why no record is accepted any more. */
  #fatalError: Error | null = null
  /** Somebody was refused for lack of memory and must not be overtaken by smaller records. */
  #isFull = false
  #timer: TimerId | null = null
  #timerAtMs = Infinity

  constructor({ cluster, options, compression, pool }: IntakeOptions) {
    this.#cluster = cluster
    this.#options = options
    const { clock } = cluster.env
    // Brokers know the last five batches of a producer (Kafka's number); without idempotence only one keeps the order.
    const partitionInFlightMax = options.enableIdempotence ? Math.min(5, options.inFlightMax) : 1
    this.#accumulator = new Accumulator({ ...options, partitionInFlightMax, clock, pool, compression })
    this.#sender = new Sender({
      cluster,
      accumulator: this.#accumulator,
      options,
      onProgress: () => this.#advance(),
      isUrgent: () => this.#isFull || this.#flushes > 0,
      onFatal: (error) => this.#onFatal(error),
    })
  }

  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  /**
   * Takes a record over; its sink hears what became of it.
   *
   * @returns false when it has to wait in line: `onLeft` will be called
   */
  accept(topic: string, record: PendingRecord): boolean {
    const outcome = this.#fatalError ?? (this.#admission.hasLine(topic) ? false : this.#enter(topic, record))
    if (outcome === true) return true
    if (outcome === false) return this.#wait(topic, record)
    record.sink.onFailed(outcome, 1)
    return true
  }

  /** Takes a record out of the line, if it still waits there. */
  withdraw(topic: string, sink: DeliverySink): void {
    this.#admission.withdraw(topic, sink)
    this.#checkFlushes()
  }

  /** Nothing lingers until all records accepted so far are delivered or failed. Never rejects. */
  async drain(): Promise<void> {
    this.#flushes++
    this.#sender.wake()
    try {
      const sequence = this.#admission.nextSequence
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#flushWaiters.push({ sequence, resolve })
      this.#checkFlushes()
      await promise
      await this.#accumulator.whenDone()
    } finally {
      this.#flushes--
    }
  }

  /** Fails everything that is not delivered. */
  stop(error: Error): void {
    this.#sender.stop()
    if (this.#timer !== null) this.#cluster.env.timers.cancel(this.#timer)
    this.#timer = null
    this.#admission.fail(error)
    for (const batch of this.#accumulator.takeAll()) batch.fail(error)
    this.#checkFlushes()
  }

  /** Nothing can ever be sent. */
  #onFatal(error: Error): void {
    this.#fatalError = error
    this.#admission.fail(error)
    for (const batch of this.#accumulator.takeAll()) batch.fail(error)
    this.#checkFlushes()
  }

  /** @returns false: not now; an error: never */
  #enter(topic: string, record: PendingRecord): boolean | Error {
    const partitions = this.#cluster.metadata.topic(topic)?.partitions.length
    if (partitions === undefined) {
      this.#lookUp(topic)
      return false
    }
    const { key, value, headers, timestamp, sink } = record
    const bytes = Accumulator.estimateBytes(key, value, headers)
    if (bytes > this.#options.requestBytesMax) return tooLarge(topic, bytes, this.#options.requestBytesMax)
    if (this.#isFull || !this.#accumulator.hasRoom(bytes)) {
      this.#isFull = true
      return false
    }
    const partitioner = this.#partitioner(topic)
    let { partition } = record
    try {
      if (partition < 0) partition = partitioner.partition(key, value, partitions)
    } catch (error) {
      return error as Error
    }
    if (partition >= partitions) return noPartition(topic, partition, partitions)
    const changed = this.#accumulator.append(topic, partition, timestamp, key, value, headers, sink)
    if (record.partition < 0) partitioner.onAppended(partition, bytes)
    if (changed !== null) this.#sender.onChanged(changed)
    return true
  }

  #wait(topic: string, record: PendingRecord): boolean {
    const { waitingRecordsMax, maxBlockMs } = this.#options
    if (this.#admission.size >= waitingRecordsMax) {
      const text = `${waitingRecordsMax} records wait already: await the results of send before sending more`
      record.sink.onFailed(new MillraceError('BUFFER_FULL', text, true), 1)
      return true
    }
    const deadlineMs = this.#cluster.env.clock.monoMs() + maxBlockMs
    this.#admission.wait(topic, record, deadlineMs)
    this.#expireAt(deadlineMs)
    if (this.#isFull) this.#sender.wake()
    return false
  }

  #advance(): void {
    if (this.#admission.size > 0) {
      this.#isFull = false
      this.#admission.advance((topic, record) => this.#enter(topic, record))
    } else {
      this.#isFull = false
    }
    this.#checkFlushes()
  }

  #lookUp(topic: string): void {
    if (this.#lookups.has(topic)) return
    this.#lookups.add(topic)
    const scope = this.#cluster.scope({ timeoutMs: this.#options.maxBlockMs })
    this.#cluster
      .topic(topic, scope)
      .then(() => this.#lookups.delete(topic))
      .catch((error: unknown) => {
        this.#lookups.delete(topic)
        this.#admission.fail(error as Error, topic)
      })
      .finally(() => this.#advance())
  }

  #expireAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return
    const { timers, clock } = this.#cluster.env
    if (this.#timer !== null) timers.cancel(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = timers.after(Math.max(0, atMs - clock.monoMs()), () => {
      this.#timer = null
      this.#timerAtMs = Infinity
      this.#admission.expire(clock.monoMs(), (topic) => this.#blockedError(topic))
      const nextMs = this.#admission.nextDeadlineMs()
      if (nextMs !== Infinity) this.#expireAt(nextMs)
      this.#checkFlushes()
    })
  }

  #checkFlushes(): void {
    if (this.#flushWaiters.length === 0) return
    const oldest = this.#admission.oldestSequence()
    for (const { sequence, resolve } of this.#flushWaiters) if (oldest >= sequence) resolve()
    this.#flushWaiters = this.#flushWaiters.filter(({ sequence }) => oldest < sequence)
  }

  #partitioner(topic: string): Partitioner {
    let partitioner = this.#partitioners.get(topic)
    if (partitioner === undefined) {
      const { partitioner: option, batchBytes } = this.#options
      partitioner = createPartitioner(option, topic, this.#cluster.env.rng.fork(topic), batchBytes)
      this.#partitioners.set(topic, partitioner)
    }
    return partitioner
  }

  #blockedError(topic: string): TimeoutError {
    const { maxBlockMs, bufferBytes } = this.#options
    const reason = this.#lookups.has(topic)
      ? 'its partitions could not be looked up'
      : `${this.#accumulator.bufferedBytes} of ${bufferBytes} buffered bytes wait for acknowledgement`
    return new TimeoutError(`no record of topic ${topic} was accepted within ${maxBlockMs} ms: ${reason}`)
  }
}

function tooLarge(topic: string, bytes: number, limit: number): BrokerError {
  const detail = `it has about ${bytes} bytes; requestBytesMax is ${limit}`
  return new BrokerError(ErrorCode.MESSAGE_TOO_LARGE, `record for topic ${topic}`, detail)
}

function noPartition(topic: string, partition: number, partitions: number): ConfigError {
  return new ConfigError(`topic ${topic} has no partition ${partition}: it has 0 to ${partitions - 1}`)
}
