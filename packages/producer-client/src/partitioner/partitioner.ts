/**
 * Which partition a record goes to. One `Partitioner` serves one topic and may keep state; it sees the key as it will
 * be stored.
 *
 * Invariant: with the same number of partitions, a key always gets the same partition as from Kafka's Java client.
 */
import type { Rng } from '@millrace/base'
import { ConfigError } from '@millrace/client'
import { murmur2, murmur2Ascii } from './murmur2.ts'

export type EncodedField = string | Uint8Array | null

/** What a function of the application gets to choose by. */
export interface PartitionRequest {
  readonly topic: string
  /** As stored; a string stands for its UTF-8 bytes. */
  readonly key: EncodedField
  /** As stored; a string stands for its UTF-8 bytes. */
  readonly value: EncodedField
  readonly partitionCount: number
}

/** @returns 0 … partitionCount − 1 */
export type PartitionFunction = (request: PartitionRequest) => number

/**
 * `default`: murmur2 of the key; without a key one partition until it got a batch's worth of bytes, then another
 * (KIP-794). `round-robin`: one after the other, whatever the key.
 */
export type PartitionerOption = 'default' | 'round-robin' | PartitionFunction

export interface Partitioner {
  partition(key: EncodedField, value: EncodedField, partitionCount: number): number
  /** Called after each append that the partitioner chose. */
  onAppended(partition: number, bytes: number): void
}

/** @param stickyBytes how much a partition gets before records without key move on */
export function createPartitioner(
  option: PartitionerOption,
  topic: string,
  rng: Rng,
  stickyBytes: number,
): Partitioner {
  if (option === 'default') return new DefaultPartitioner(rng, stickyBytes)
  if (option === 'round-robin') return new RoundRobinPartitioner(rng)
  if (typeof option === 'function') return new FunctionPartitioner(option, topic)
  throw new ConfigError(
    `partitioner must be 'default', 'round-robin' or a function, not ${JSON.stringify(option)}`,
  )
}

class DefaultPartitioner implements Partitioner {
  readonly #rng: Rng
  readonly #stickyBytes: number
  #stickyPartition = -1
  #bytesSince = 0

  constructor(rng: Rng, stickyBytes: number) {
    this.#rng = rng
    this.#stickyBytes = stickyBytes
  }

  partition(key: EncodedField, _value: EncodedField, partitionCount: number): number {
    if (key !== null) return hashPartition(key, partitionCount)
    if (this.#stickyPartition === -1 || this.#stickyPartition >= partitionCount) this.#moveOn(partitionCount)
    else if (this.#bytesSince >= this.#stickyBytes) this.#moveOn(partitionCount)
    return this.#stickyPartition
  }

  onAppended(partition: number, bytes: number): void {
    if (partition === this.#stickyPartition) this.#bytesSince += bytes
  }

  /** Never to the same again, so that two partitions share the load evenly even in short runs. */
  #moveOn(partitionCount: number): void {
    this.#bytesSince = 0
    const before = this.#stickyPartition
    if (before === -1 || before >= partitionCount || partitionCount === 1) {
      this.#stickyPartition = this.#rng.below(partitionCount)
      return
    }
    const other = this.#rng.below(partitionCount - 1)
    this.#stickyPartition = other >= before ? other + 1 : other
  }
}

class RoundRobinPartitioner implements Partitioner {
  #next: number

  constructor(rng: Rng) {
    this.#next = rng.below(0x1_0000)
  }

  partition(_key: EncodedField, _value: EncodedField, partitionCount: number): number {
    const partition = this.#next % partitionCount
    this.#next = partition + 1
    return partition
  }

  onAppended(): void {}
}

class FunctionPartitioner implements Partitioner {
  readonly #choose: PartitionFunction
  readonly #topic: string

  constructor(choose: PartitionFunction, topic: string) {
    this.#choose = choose
    this.#topic = topic
  }

  partition(key: EncodedField, value: EncodedField, partitionCount: number): number {
    const partition = this.#choose({ topic: this.#topic, key, value, partitionCount })
    if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) return partition
    throw new ConfigError(
      `the partitioner chose ${String(partition)} for topic ${this.#topic}: it must be 0 to ${partitionCount - 1}`,
    )
  }

  onAppended(): void {}
}

/** `toPositive(murmur2(key)) % partitionCount` of the Java client. */
export function hashPartition(key: string | Uint8Array, partitionCount: number): number {
  const hash = typeof key === 'string' ? (murmur2Ascii(key) ?? murmur2(Buffer.from(key))) : murmur2(key)
  return (hash & 0x7fff_ffff) % partitionCount
}
