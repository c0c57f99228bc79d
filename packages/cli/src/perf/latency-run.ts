/**
 * Records sent at a steady rate and consumed in the same process, so that one clock times both ends. Each value begins
 * with the moment when it was due: a sender that falls behind shows as latency instead of hiding it.
 */
import type { Assignment, Consumer } from '@millrace/consumer-client'
import type { Producer } from '@millrace/producer-client'
import { CliError } from '../cli-error.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { payloads } from './payload.ts'

/** The due time, as a double. */
export const STAMP_BYTES = 8
const TICK_MS = 1
/** How long after the last record was sent the last one may arrive. */
const TAIL_TIMEOUT_MS = 10_000

export interface LatencyRunOptions {
  readonly topic: string
  readonly recordsPerSecond: number
  readonly valueBytes: number
  readonly records: number
  /** The first records warm up compilers and caches, and do not count. */
  readonly warmUpRecords: number
  readonly signal: AbortSignal
  /** Called now and then. @param fraction 0 … 1 of the records are sent */
  readonly onProgress: (fraction: number) => void
}

export class LatencyRun {
  readonly #options: LatencyRunOptions
  /** From being due to being consumed. */
  readonly endToEnd = new LatencyHistogram()
  /** From being due to being acknowledged. */
  readonly acknowledged = new LatencyHistogram()

  constructor(options: LatencyRunOptions) {
    this.#options = options
  }

  /**
   * @param ends where each partition of the topic ends now
   * @throws CliError when records do not arrive; what the clients throw
   */
  async run(producer: Producer, consumer: Consumer, ends: readonly Assignment[]): Promise<void> {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#options.signal, stop.signal])
    // Whichever side fails, the other must not go on without it.
    const stopping = (error: unknown): never => {
      stop.abort(error)
      throw error
    }
    const consuming = this.#consume(consumer, ends, signal).catch(stopping)
    const sending = this.#send(producer, signal).catch(stopping)
    const timer = sending.then(
      () => setTimeout(() => stop.abort(this.#lost()), TAIL_TIMEOUT_MS),
      () => undefined,
    )
    try {
      await Promise.all([sending, consuming])
    } finally {
      clearTimeout(await timer)
    }
  }

  async #consume(consumer: Consumer, ends: readonly Assignment[], signal: AbortSignal): Promise<void> {
    const { records, warmUpRecords } = this.#options
    let consumed = 0
    for await (const { value } of consumer.assign(ends, { signal })) {
      if (++consumed > warmUpRecords) this.endToEnd.record(performance.now() - value!.readDoubleLE(0))
      if (consumed === records) return
    }
  }

  async #send(producer: Producer, signal: AbortSignal): Promise<void> {
    const { recordsPerSecond, valueBytes, records, onProgress } = this.#options
    const values = payloads(valueBytes)
    const pending: Promise<Error | null>[] = []
    const startedMs = performance.now()
    for (let sent = 0; sent < records;) {
      signal.throwIfAborted()
      const due = Math.min(records, Math.ceil(((performance.now() - startedMs) / 1000) * recordsPerSecond))
      for (; sent < due; sent++) {
        const value = Buffer.from(values[sent % values.length]!)
        pending.push(this.#sendOne(producer, value, sent, startedMs + (sent / recordsPerSecond) * 1000))
      }
      onProgress(sent / records)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    const failure = (await Promise.all(pending)).find((error) => error !== null)
    if (failure !== undefined) throw failure
  }

  /** Never rejects, because nobody looks before all are sent. @returns why it was not stored, or null */
  async #sendOne(producer: Producer, value: Buffer, index: number, dueMs: number): Promise<Error | null> {
    value.writeDoubleLE(dueMs, 0)
    try {
      await producer.send(this.#options.topic, { value })
    } catch (error) {
      return error as Error
    }
    if (index >= this.#options.warmUpRecords) this.acknowledged.record(performance.now() - dueMs)
    return null
  }

  #lost(): CliError {
    const seconds = TAIL_TIMEOUT_MS / 1000
    return new CliError('RECORDS_MISSING', `records had not arrived ${seconds} s after the last one was sent`)
  }
}
