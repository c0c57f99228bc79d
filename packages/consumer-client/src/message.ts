/**
 * One record as applications see it. Key, value and headers are decoded when they are asked for, so that a record
 * which cannot be decoded throws where it is used, and reading can go on behind it.
 */
import { asBuffer } from '@millrace/base'
import type { Offset, TimestampMs } from '@millrace/base'
import { SerdeError } from '@millrace/client'
import type { Serde } from '@millrace/client'
import type { RecordView } from '@millrace/record'

/** What the messages of a partition share. */
export interface MessageSource<Key, Value> {
  readonly topic: string
  readonly partition: number
  readonly key: Serde<Key, never>
  readonly value: Serde<Value, never>
}

export interface MessageHeader {
  readonly key: string
  readonly value: Buffer | null
}

const NOT_DECODED: unique symbol = Symbol('not decoded')

export class Message<Key, Value> {
  readonly #source: MessageSource<Key, Value>
  readonly #record: RecordView
  #key: Key | typeof NOT_DECODED = NOT_DECODED
  #value: Value | typeof NOT_DECODED = NOT_DECODED

  constructor(source: MessageSource<Key, Value>, record: RecordView) {
    this.#source = source
    this.#record = record
  }

  get topic(): string {
    return this.#source.topic
  }

  get partition(): number {
    return this.#source.partition
  }

  get offset(): Offset {
    return this.#record.offset
  }

  /** Milliseconds since 1970: the producer's time, or the broker's where the topic stores that. */
  get timestamp(): TimestampMs {
    return this.#record.timestamp
  }

  /** @throws SerdeError naming topic, partition and offset */
  get key(): Key {
    if (this.#key === NOT_DECODED) this.#key = this.#decode('key', this.#source.key, this.#record.key)
    return this.#key
  }

  /** @throws SerdeError naming topic, partition and offset */
  get value(): Value {
    if (this.#value === NOT_DECODED)
      this.#value = this.#decode('value', this.#source.value, this.#record.value)
    return this.#value
  }

  /** In the producer's order; keys may repeat. */
  get headers(): MessageHeader[] {
    return this.#record.headers.map(({ key, value }) => ({
      key,
      value: value === null ? null : asBuffer(value),
    }))
  }

  /** Of the first header with this key as text; undefined when there is none, null when its value is null. */
  header(key: string): string | null | undefined {
    const header = this.headers.find((candidate) => candidate.key === key)
    return header === undefined ? undefined : (header.value?.toString('utf8') ?? null)
  }

  /** A plain object with everything decoded. */
  toJSON(): object {
    const { topic, partition, offset, timestamp, key, value, headers } = this
    const texts = headers.map((header) => [header.key, header.value?.toString('utf8') ?? null])
    return { topic, partition, offset, timestamp, key, value, headers: texts }
  }

  /** What `console.log` shows; bytes that cannot be decoded must not keep anybody from looking. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    try {
      return this.toJSON()
    } catch (error) {
      const { topic, partition, offset, timestamp } = this
      return { topic, partition, offset, timestamp, error }
    }
  }

  #decode<T>(field: 'key' | 'value', serde: Serde<T, never>, stored: Uint8Array | null): T {
    try {
      return serde.decode(stored === null ? null : asBuffer(stored))
    } catch (error) {
      throw new SerdeError(
        'decode',
        `${field} of ${this.topic}-${this.partition} at offset ${this.offset}`,
        error,
      )
    }
  }
}
