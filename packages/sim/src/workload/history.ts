/**
 * What clients asked for, what they were told, and whether that is so: acknowledged changes must be committed by then,
 * acknowledged records must be read at their offset with their value, what was read once is read again, and nothing is
 * stored twice.
 *
 * Owns: operations under way, acknowledged records, values seen at offsets. Must not know: how the cluster works.
 */
import type { MetadataFacts } from '../invariant/metadata-facts.ts'
import { ALTERED_KEY, type Operation, type Outcome } from './operation.ts'

export interface HistoryOptions {
  readonly facts: MetadataFacts
  nowMs(): number
  violate(invariant: string, details: string): void
  /** False where the data of this partition may be lost by what its broker went through. */
  isKept(topic: string, partition: number): boolean
}

export interface Stored {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: string
}

export class History {
  readonly #options: HistoryOptions
  readonly #pending = new Map<number, { readonly operation: Operation; readonly invokedMs: number }>()
  readonly #values = new Map<string, string>()
  /** Where a value was seen, by partition and value: each is sent once, by producers that send again (KIP-98). */
  readonly #offsets = new Map<string, number>()
  readonly acknowledged: Stored[] = []
  readonly outcomes = { ok: 0, fail: 0, info: 0 }

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  /** Operations without an outcome. */
  get pending(): Operation[] {
    return [...this.#pending.values()].map(({ operation }) => operation)
  }

  invoke(operation: Operation): void {
    this.#pending.set(operation.id, { operation, invokedMs: this.#options.nowMs() })
  }

  /** @param topicId of what was created */
  resolve(operation: Operation, outcome: Outcome, topicId: string | null): void {
    const { invokedMs } = this.#pending.get(operation.id)!
    this.#pending.delete(operation.id)
    this.outcomes[outcome] += 1
    if (outcome === 'ok') this.#checkChange(operation, invokedMs, topicId)
  }

  acknowledge(stored: Stored): void {
    this.acknowledged.push(stored)
    this.see(stored, 'acknowledged')
  }

  /** A value was read, or acknowledged, at this offset. */
  see({ topic, partition, offset, value }: Stored, how: string): void {
    this.#seeOnce({ topic, partition, offset, value }, how)
    const key = `${topic}-${partition}@${offset}`
    const before = this.#values.get(key)
    if (before === undefined) this.#values.set(key, value)
    else if (before !== value && this.#options.isKept(topic, partition)) {
      this.#options.violate('record-stays', `${key} was "${before}" and is ${how} as "${value}"`)
    }
  }

  /** At the end, with what could be read. @param read by `topic-partition@offset` */
  checkAcknowledged(read: ReadonlyMap<string, string>, isReadable: (stored: Stored) => boolean): void {
    for (const [key, value] of read) this.#seeOnce({ ...placeOf(key), value }, 'read')
    for (const stored of this.acknowledged) {
      const { topic, partition, offset, value } = stored
      if (!isReadable(stored) || !this.#options.isKept(topic, partition)) continue
      const key = `${topic}-${partition}@${offset}`
      const found = read.get(key)
      if (found === value) continue
      const instead = found === undefined ? 'is gone' : `is "${found}"`
      this.#options.violate('acknowledged-record', `${key} was acknowledged as "${value}" and ${instead}`)
    }
  }

  #seeOnce({ topic, partition, offset, value }: Stored, how: string): void {
    const key = `${topic}-${partition} ${value}`
    const before = this.#offsets.get(key)
    if (before === undefined) this.#offsets.set(key, offset)
    else if (before !== offset && this.#options.isKept(topic, partition)) {
      this.#options.violate(
        'record-once',
        `"${value}" of ${topic}-${partition} is at ${before}, and ${how} at ${offset}`,
      )
    }
  }

  #checkChange(operation: Operation, invokedMs: number, topicId: string | null): void {
    const { facts, violate } = this.#options
    const wrong = (problem: string): void =>
      violate('acknowledged-change', `${operation.kind} ${JSON.stringify(operation)}: ${problem}`)
    switch (operation.kind) {
      case 'create': {
        const topic = facts.topic(topicId ?? '')
        if (topic?.name !== operation.topic) return wrong(`no topic ${topicId} is committed`)
        if (topic.createdMs < invokedMs) return wrong(`${topicId} was there before`)
        if (topic.partitions < operation.partitions) return wrong(`it has ${topic.partitions} partitions`)
        return
      }
      case 'delete': {
        const removed = facts.named(operation.topic).some(({ removedMs }) => (removedMs ?? -1) >= invokedMs)
        return removed ? undefined : wrong('no topic of that name was removed meanwhile')
      }
      case 'grow': {
        const grown = facts
          .named(operation.topic)
          .some(
            ({ partitions, partitionsMs }) => partitions >= operation.partitions && partitionsMs >= invokedMs,
          )
        return grown ? undefined : wrong('no topic of that name has so many partitions since')
      }
      case 'alter': {
        const setMs = facts.configSetMs(operation.topic, ALTERED_KEY, operation.value)
        return setMs !== undefined && setMs >= invokedMs ? undefined : wrong('the value was never committed')
      }
      default:
    }
  }
}

/** @param key `topic-partition@offset` */
function placeOf(key: string): Pick<Stored, 'topic' | 'partition' | 'offset'> {
  const [, topic, partition, offset] = /^(.*)-(\d+)@(\d+)$/.exec(key)!
  return { topic: topic!, partition: Number(partition), offset: Number(offset) }
}
