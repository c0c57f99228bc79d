/**
 * Turns what was fetched into batches for the application, in the order of arrival, and makes those who ask too early
 * wait. Shared by the iterators of one reader: who stops iterating inside a batch goes on there.
 *
 * Invariants: `poll` never waits; the event loop gets a turn at the latest after `TURN_BYTES`, because awaiting
 * promises that are already resolved would keep sockets and timers from being served.
 */
import type { ClientEnv } from '@millrace/base'
import { batchSizeAt, RecordBatchView } from '@millrace/record'
import type { PartitionCursor } from '../fetch/partition-cursor.ts'
import type { FetchedChunk, PrefetchQueue } from '../fetch/prefetch-queue.ts'
import type { MessageSource } from '../message.ts'
import { openBatch } from './open-batch.ts'
import type { OpenBatch, OpenOptions } from './open-batch.ts'

export interface DeliveryOptions<Key, Value> extends OpenOptions {
  readonly env: Pick<ClientEnv, 'timers'>
  readonly queue: PrefetchQueue
  readonly sourceOf: (cursor: PartitionCursor) => MessageSource<Key, Value>
  /** Memory became free. */
  readonly onDelivered: () => void
  /** Whether nothing will arrive any more. */
  readonly isFinished: () => boolean
}

/** Before compression this is some thousand messages, about a millisecond. */
const TURN_BYTES = 256 * 1024

export class Delivery<Key, Value> {
  readonly #options: DeliveryOptions<Key, Value>
  #current: OpenBatch<Key, Value> | null = null
  #turnBytes = 0
  #waiters: (() => void)[] = []

  constructor(options: DeliveryOptions<Key, Value>) {
    this.#options = options
  }

  /** The batch that is being read, or the next one; null when there is none yet or it is time for a turn. */
  poll(): OpenBatch<Key, Value> | null {
    const current = this.#current
    if (current !== null && current.isWanted) return current
    this.#current = null
    return this.#turnBytes >= TURN_BYTES ? null : (this.#current = this.#open())
  }

  /** The polled batch has been read to its end. */
  finish(batch: OpenBatch<Key, Value>): void {
    if (batch.isWanted) batch.cursor.advanceTo(batch.endOffset)
    if (this.#current === batch) this.#current = null
  }

  /** Resolves when polling makes sense again; false: there will be nothing any more. */
  async wait(): Promise<boolean> {
    const { env, queue, isFinished } = this.#options
    if (this.#turnBytes >= TURN_BYTES) {
      await new Promise<void>((resolve) => env.timers.endOfTurn(resolve))
      this.#turnBytes = 0
      return true
    }
    if (queue.peek() !== null) return true
    if (isFinished()) return false
    await new Promise<void>((resolve) => this.#waiters.push(resolve))
    this.#turnBytes = 0
    return true
  }

  /** Nothing is delivered any more, not even the rest of the current batch. */
  stop(): void {
    this.#current = null
    this.wake()
  }

  /** Something changed: those who wait look again. */
  wake(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }

  /** @throws what the fetcher reported, in its place between the records */
  #open(): OpenBatch<Key, Value> | null {
    const { queue, onDelivered } = this.#options
    for (;;) {
      const entry = queue.peek()
      if (entry === null) return null
      if (entry.kind === 'failure') {
        queue.shift()
        entry.cursor.recover()
        throw entry.error
      }
      const batch = this.#nextOf(entry)
      // Before the batch is read, because its memory is the application's from now on.
      if (entry.at >= entry.end) {
        queue.shift()
        onDelivered()
      }
      if (batch !== null) return batch
    }
  }

  /** The next batch of a chunk that holds something for the reader. */
  #nextOf(chunk: FetchedChunk): OpenBatch<Key, Value> | null {
    const { cursor, records } = chunk
    const view = new RecordBatchView(records)
    while (chunk.at < chunk.end) {
      const size = batchSizeAt(records, chunk.at)!
      const { lastOffset, baseOffset } = view.at(records, chunk.at)
      if (baseOffset >= cursor.endOffset) {
        chunk.at = chunk.end
        cursor.advanceTo(cursor.endOffset)
        return null
      }
      const batch = lastOffset < cursor.position ? null : this.#openAt(chunk)
      chunk.at += size
      if (batch === null) continue
      this.#turnBytes += batch.sizeInBytes
      if (!batch.isControl) return batch
      // Markers of transactions: for brokers, not for applications.
      cursor.advanceTo(batch.endOffset)
    }
    return null
  }

  /** @throws CorruptBatchError */
  #openAt(chunk: FetchedChunk): OpenBatch<Key, Value> {
    const batch = openBatch(chunk, this.#options.sourceOf(chunk.cursor), this.#options)
    if (!(batch instanceof Error)) return batch
    this.#options.queue.shift()
    chunk.cursor.recover()
    this.#options.onDelivered()
    throw batch
  }
}
