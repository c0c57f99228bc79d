/** The promise behind one `send`. */
import type { Offset, TimestampMs } from '@millrace/base'
import type { Delivered, DeliverySink } from '../accumulator/delivery-sink.ts'
import type { RecordResult } from '../producer-record.ts'

export class RecordDelivery implements DeliverySink {
  readonly #timestamp: number
  readonly #resolve: (result: RecordResult) => void
  readonly #reject: (error: Error) => void

  constructor(timestamp: number, resolve: (result: RecordResult) => void, reject: (error: Error) => void) {
    this.#timestamp = timestamp
    this.#resolve = resolve
    this.#reject = reject
  }

  onDelivered({ topic, partition, baseOffset, logAppendTime }: Delivered, firstIndex: number): void {
    this.#resolve({
      topic,
      partition,
      offset: (baseOffset < 0 ? baseOffset : baseOffset + firstIndex) as Offset,
      timestamp: (logAppendTime < 0 ? this.#timestamp : logAppendTime) as TimestampMs,
    })
  }

  onFailed(error: Error): void {
    this.#reject(error)
  }
}
