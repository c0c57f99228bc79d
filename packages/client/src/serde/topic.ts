/**
 * Typed topics: a name together with the serdes of key and value. Declared once, shared by producers and consumers;
 * the compiler then checks what is sent and knows what is received.
 */
import { raw } from './serde.ts'
import type { RawInput, Serde } from './serde.ts'

/** `Key` and `Value` are what consumers get; `KeyInput` and `ValueInput` what producers pass. */
export interface Topic<Key, Value, KeyInput = Key, ValueInput = Value> {
  readonly name: string
  readonly key: Serde<Key, KeyInput>
  readonly value: Serde<Value, ValueInput>
}

/** A topic whose keys and values are plain bytes: what a bare topic name stands for. */
export type RawTopic = Topic<Buffer | null, Buffer | null, RawInput, RawInput>

export interface TopicSerdes<Key, Value, KeyInput, ValueInput> {
  /** Default: `raw()`, that is strings, bytes or null. */
  readonly key?: Serde<Key, KeyInput>
  /** Default: `raw()`. */
  readonly value?: Serde<Value, ValueInput>
}

/**
 * Declares a topic with its types. Nothing is sent: the topic need not exist yet.
 *
 * @example
 * ```ts
 * const flights = topic('flights', { key: string(), value: json(flightSchema) })
 * await producer.send(flights, { key: 'SFO', value: { origin: 'SFO', delay: 12 } })
 * for await (const { value } of consumer.read(flights, { from: 'beginning' })) console.log(value.delay)
 * ```
 */
export function topic<Key = Buffer | null, Value = Buffer | null, KeyInput = RawInput, ValueInput = RawInput>(
  name: string,
  serdes: TopicSerdes<Key, Value, KeyInput, ValueInput> = {},
): Topic<Key, Value, KeyInput, ValueInput> {
  // A left-out serde leaves its type parameters at their defaults, which are exactly those of raw().
  const key = serdes.key ?? (raw() as unknown as Serde<Key, KeyInput>)
  const value = serdes.value ?? (raw() as unknown as Serde<Value, ValueInput>)
  return { name, key, value }
}

const rawTopics = new Map<string, RawTopic>()
const RAW_TOPICS_MAX = 10_000

/** The raw topic of a name; the same object for the same name, as long as there are not absurdly many. */
export function rawTopic(name: string): RawTopic {
  const known = rawTopics.get(name)
  if (known !== undefined) return known
  if (rawTopics.size >= RAW_TOPICS_MAX) rawTopics.clear()
  const created: RawTopic = { name, key: raw(), value: raw() }
  rawTopics.set(name, created)
  return created
}
