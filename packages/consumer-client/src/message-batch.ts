/**
 * Messages of one partition that were stored together: the quickest way to read, because waiting happens once per
 * batch. Iterate over it once.
 */
import type { Offset } from '@millrace/base'
import type { OpenBatch } from './delivery/open-batch.ts'
import type { Message } from './message.ts'

/** @example `for await (const batch of reader.batches()) for (const { value } of batch) sum += value.delay` */
export class MessageBatch<Key, Value> implements Iterable<Message<Key, Value>> {
  readonly topic: string
  readonly partition: number
  /** Of the first message; offsets may have gaps in compacted topics. */
  readonly firstOffset: Offset
  /** Behind the last message: where reading goes on. */
  readonly endOffset: Offset
  /** As the batch is stored, with its header, compressed or not. */
  readonly sizeInBytes: number
  /** End of what consumers may read of the partition, as of the fetch. */
  readonly highWatermark: Offset
  readonly #batch: OpenBatch<Key, Value>

  constructor(batch: OpenBatch<Key, Value>) {
    this.#batch = batch
    this.topic = batch.cursor.topic
    this.partition = batch.cursor.partition
    this.firstOffset = batch.firstOffset as Offset
    this.endOffset = batch.endOffset as Offset
    this.sizeInBytes = batch.sizeInBytes
    this.highWatermark = batch.cursor.highWatermark as Offset
  }

  /** @throws CorruptBatchError when a record turns out to be broken */
  [Symbol.iterator](): Iterator<Message<Key, Value>, undefined> {
    return {
      next: () => {
        const value = this.#batch.next()
        return value === null ? { done: true, value: undefined } : { done: false, value }
      },
    }
  }
}
