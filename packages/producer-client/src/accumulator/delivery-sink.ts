/** Who is told what became of records: one sink per `send`, one for all records of a `sendMany`. */
import type { Offset, TimestampMs } from '@millrace/base'

/** A batch that was stored. */
export interface Delivered {
  readonly topic: string
  readonly partition: number
  /** Of the batch's first record; −1 with `acks: 0`. */
  readonly baseOffset: Offset
  /** −1 where records keep their own time. */
  readonly logAppendTime: TimestampMs
}

/** `firstIndex` and `count` say which records of the batch are the sink's: neighbours, in the order of sending. */
export interface DeliverySink {
  onDelivered(delivered: Delivered, firstIndex: number, count: number): void
  onFailed(error: Error, count: number): void
}
