/** What reading adds to the clients' errors. Each names topic, partition and offset. */
import { MillraceError } from '@millrace/client'
import type { TopicPartition } from '@millrace/client'

/** The next record to read is not there: it was deleted by retention, or never written. */
export class OffsetOutOfRangeError extends MillraceError {
  override readonly name = 'OffsetOutOfRangeError'
  readonly topic: string
  readonly partition: number
  readonly offset: number

  constructor({ topic, partition }: TopicPartition, offset: number) {
    const choices = 'seek to another offset, or set offsetReset to earliest or latest'
    super('OFFSET_OUT_OF_RANGE', `${topic}-${partition} has no offset ${offset} (any more): ${choices}`)
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/** A fetched batch is broken or cannot be decompressed. Reading goes on only after a seek, such as to `nextOffset`. */
export class CorruptBatchError extends MillraceError {
  override readonly name = 'CorruptBatchError'
  readonly topic: string
  readonly partition: number
  /** Of the batch's first record. */
  readonly offset: number
  /** Behind the batch, as far as its header can be believed. */
  readonly nextOffset: number

  constructor({ topic, partition }: TopicPartition, offset: number, nextOffset: number, reason: string) {
    super(
      'CORRUPT_MESSAGE',
      `${topic}-${partition} at offset ${offset}: ${reason}. Seek to ${nextOffset} to go on behind it`,
    )
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.nextOffset = nextOffset
  }
}
