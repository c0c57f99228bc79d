/** What is sent and what comes back, as applications see it. */
import type { Offset, TimestampMs } from '@millrace/base'

/** A header's name may occur more than once: then pass a list of pairs. */
export type HeadersInput =
  | Readonly<Record<string, HeaderValue>>
  | readonly (readonly [name: string, value: HeaderValue])[]

/** Strings become UTF-8. */
export type HeaderValue = string | Uint8Array | null

interface RecordFields<Value> {
  readonly value: Value
  readonly headers?: HeadersInput | undefined
  /** Overrules the partitioner. */
  readonly partition?: number | undefined
  /** Milliseconds since 1970 or a `Date`; default: now. Topics may store the broker's time instead. */
  readonly timestamp?: number | Date | undefined
}

/** One record to send. The key may be left out where null is a key that the topic accepts. */
export type ProducerRecord<Key, Value> = RecordFields<Value> &
  (null extends Key ? { readonly key?: Key | undefined } : { readonly key: Key })

/** Records for `sendMany`: an array, a generator, an async stream. */
export type BulkRecords<Key, Value> =
  | Iterable<ProducerRecord<Key, Value>>
  | AsyncIterable<ProducerRecord<Key, Value>>

/** Where a record was stored. */
export interface RecordResult {
  readonly topic: string
  readonly partition: number
  /** −1 with `acks: 0`, where nobody tells. */
  readonly offset: Offset
  /** The broker's time where the topic stores that, else the record's own. */
  readonly timestamp: TimestampMs
}

/** Records of one call that were stored next to each other. */
export interface StoredRange {
  readonly partition: number
  /** −1 with `acks: 0`. */
  readonly baseOffset: Offset
  readonly recordCount: number
}

export interface SendManyResult {
  readonly topic: string
  readonly recordCount: number
  /** In the order of acknowledgement; neighbours are merged. */
  readonly ranges: readonly StoredRange[]
}
