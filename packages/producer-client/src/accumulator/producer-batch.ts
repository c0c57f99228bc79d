/**
 * One batch of one partition, from its first record until all its sinks have been told. Owns the encoded records and
 * who waits for them; knows nothing of time beyond the two instants it was given.
 *
 * Invariant: each record's sink is called exactly once.
 */
import { assert } from '@millrace/base'
import type { BufferPool } from '@millrace/base'
import { readRecords, RecordBatchBuilder, RecordBatchView } from '@millrace/record'
import type { CompressionType, RecordData, RecordHeaderInput, RecordView } from '@millrace/record'
import type { BatchSequence } from '../idempotence/batch-sequence.ts'
import type { Delivered, DeliverySink } from './delivery-sink.ts'

export interface ProducerBatchOptions {
  readonly topic: string
  readonly partition: number
  readonly maxBytes: number
  readonly pool: BufferPool
  readonly compression: CompressionType
  /** On the monotonic clock. */
  readonly createdMs: number
  /** On the monotonic clock: no try begins afterwards. */
  readonly deadlineMs: number
}

export class ProducerBatch {
  readonly topic: string
  readonly partition: number
  readonly createdMs: number
  readonly deadlineMs: number
  /** Tries so far. */
  attempts = 0
  /** Why the last try failed. */
  lastError: Error | null = null
  /** Of the leader that it was sent to last. */
  leaderEpoch = -1
  /** When it was sent last, all batches before it were done with. */
  wasFirst = false
  /** A try ended without a word on whether the batch was stored. */
  isUncertain = false
  readonly #compression: CompressionType
  readonly #builder: RecordBatchBuilder
  /** Runs of neighbours with the same sink: `#sinks[i]` has the records from `#starts[i]` to the next run's start. */
  readonly #sinks: DeliverySink[] = []
  readonly #starts: number[] = []
  #encoded: Buffer | null = null
  #sequence: BatchSequence | null = null
  #finished: PromiseWithResolvers<void> | null = null
  #isDone = false

  constructor(options: ProducerBatchOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.createdMs = options.createdMs
    this.deadlineMs = options.deadlineMs
    this.#compression = options.compression
    this.#builder = new RecordBatchBuilder({ maxBytes: options.maxBytes, pool: options.pool })
  }

  get recordCount(): number {
    return this.#builder.recordCount
  }

  /** Before compression. */
  get sizeInBytes(): number {
    return this.#builder.sizeInBytes
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Given when it is first sent; null before, and for producers without idempotence. */
  get sequence(): BatchSequence | null {
    return this.#sequence
  }

  /** Another one than before is for a batch that is known not to be stored: its bytes are no connection's any more. */
  set sequence(sequence: BatchSequence | null) {
    this.#sequence = sequence
    if (sequence === null || this.#encoded === null) return
    const { producerId, producerEpoch, baseSequence } = sequence
    new RecordBatchView(this.#encoded).stampProducer(producerId, producerEpoch, baseSequence)
  }

  /** @returns false when the record does not fit any more */
  tryAppend(
    timestamp: number,
    key: RecordData,
    value: RecordData,
    headers: readonly RecordHeaderInput[] | undefined,
    sink: DeliverySink,
  ): boolean {
    assert(this.#encoded === null, 'a batch that was sent takes no more records')
    const index = this.#builder.recordCount
    if (!this.#builder.tryAppend(timestamp, key, value, headers)) return false
    const sinks = this.#sinks
    if (sinks.length === 0 || sinks[sinks.length - 1] !== sink) {
      sinks.push(sink)
      this.#starts.push(index)
    }
    return true
  }

  /** The bytes to send: compressed once, the same at every try with the same sequence. */
  encode(): Buffer {
    this.#encoded ??= this.#builder.build({ compression: this.#compression, ...this.#sequence })
    return this.#encoded
  }

  /** The records as they were appended, each with its sink. */
  forEachRecord(visit: (record: RecordView, sink: DeliverySink) => void): void {
    const records = readRecords(this.encode(), { maxDecompressedBytes: this.sizeInBytes, checkCrc: false })
    assert(!('kind' in records), 'a batch that was just encoded can be read')
    let index = 0
    let run = 0
    for (const record of records) {
      if (this.#starts[run + 1] === index) run++
      visit(record, this.#sinks[run]!)
      index++
    }
  }

  deliver(delivered: Delivered): void {
    this.#finish((sink, start, count) => sink.onDelivered(delivered, start, count))
    // Acknowledged bytes have left this process: nobody reads the buffer any more. After a failure, a connection might.
    if (delivered.baseOffset >= 0) this.#builder.release()
  }

  /** @param errorOf the error of one record; all have the same when it is a plain error */
  fail(errorOf: Error | ((index: number) => Error)): void {
    if (errorOf instanceof Error) {
      this.#finish((sink, _start, count) => sink.onFailed(errorOf, count))
      return
    }
    this.#finish((sink, start, count) => {
      for (let index = start; index < start + count; index++) sink.onFailed(errorOf(index), 1)
    })
  }

  /** Its records live on in `parts`: nobody is told, and it is done when they are. */
  supersede(parts: readonly ProducerBatch[]): void {
    const finished = this.#finished
    this.#finished = null
    this.#finish(() => undefined)
    if (finished !== null)
      void Promise.all(parts.map((part) => part.whenDone())).then(() => finished.resolve())
  }

  /** Resolves when the sinks have been told, whatever it was. */
  whenDone(): Promise<void> {
    if (this.#isDone) return Promise.resolve()
    this.#finished ??= Promise.withResolvers<void>()
    return this.#finished.promise
  }

  #finish(tell: (sink: DeliverySink, start: number, count: number) => void): void {
    assert(!this.#isDone, 'a batch ends once')
    this.#isDone = true
    const recordCount = this.recordCount
    for (let run = 0; run < this.#sinks.length; run++) {
      const start = this.#starts[run]!
      tell(this.#sinks[run]!, start, (this.#starts[run + 1] ?? recordCount) - start)
    }
    this.#finished?.resolve()
  }
}
