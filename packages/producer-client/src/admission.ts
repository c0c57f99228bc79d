/**
 * Records that cannot enter the accumulator yet, because their topic's partitions are not known or because memory is
 * full: a line per topic, in the order of sending. Pure: times are arguments, letting in is a function.
 *
 * Invariant: a record of a topic enters only when no other record of that topic stands before it.
 */
import type { RecordData, RecordHeaderInput } from '@millrace/record'
import type { DeliverySink } from './accumulator/delivery-sink.ts'

/** A record as it will be stored. */
export interface PendingRecord {
  readonly key: RecordData
  readonly value: RecordData
  readonly headers: readonly RecordHeaderInput[] | undefined
  /** Chosen by the application; −1: by the partitioner. */
  readonly partition: number
  readonly timestamp: number
  readonly sink: DeliverySink
  /** Called when the record leaves the line, whether it entered or failed. */
  readonly onLeft: (() => void) | null
}

interface Waiting {
  readonly record: PendingRecord
  readonly deadlineMs: number
  /** Rises with every record of any topic. */
  readonly sequence: number
}

export class Admission {
  readonly #lines = new Map<string, Waiting[]>()
  #size = 0
  #nextSequence = 0

  /** Records in line, of all topics. */
  get size(): number {
    return this.#size
  }

  /** What the next record in line will get; records before it have lower ones. */
  get nextSequence(): number {
    return this.#nextSequence
  }

  hasLine(topic: string): boolean {
    return this.#size > 0 && this.#lines.has(topic)
  }

  wait(topic: string, record: PendingRecord, deadlineMs: number): void {
    const waiting = { record, deadlineMs, sequence: this.#nextSequence++ }
    const line = this.#lines.get(topic)
    if (line === undefined) this.#lines.set(topic, [waiting])
    else line.push(waiting)
    this.#size++
  }

  /**
   * Lets records in, topic by topic, each until `enter` refuses one.
   *
   * @param enter false: not now; an error: never
   */
  advance(enter: (topic: string, record: PendingRecord) => boolean | Error): void {
    // A snapshot: the lines change their order below, so that each is the first one in turn.
    for (const [topic, line] of Array.from(this.#lines)) {
      let left = 0
      while (left < line.length) {
        const { record } = line[left]!
        const outcome = enter(topic, record)
        if (outcome === false) break
        left++
        if (outcome !== true) record.sink.onFailed(outcome, 1)
        record.onLeft?.()
      }
      if (left > 0) this.#moveBack(topic, line, left)
    }
  }

  /** Fails what has waited too long. */
  expire(nowMs: number, errorFor: (topic: string) => Error): void {
    for (const [topic, line] of this.#lines) {
      const alive = line.findIndex(({ deadlineMs }) => deadlineMs > nowMs)
      const expired = alive === -1 ? line.length : alive
      if (expired > 0) this.#failFirst(topic, line, expired, errorFor(topic))
    }
  }

  /** Fails all that wait for one topic, or for any. */
  fail(error: Error, topic?: string): void {
    for (const [name, line] of this.#lines) {
      if (topic === undefined || name === topic) this.#failFirst(name, line, line.length, error)
    }
  }

  /** Takes a record out of its line, if it still stands there: its sink hears no more of it. */
  withdraw(topic: string, sink: DeliverySink): void {
    const line = this.#lines.get(topic)
    const index = line?.findIndex((waiting) => waiting.record.sink === sink) ?? -1
    if (line === undefined || index === -1) return
    line.splice(index, 1)
    this.#size--
    if (line.length === 0) this.#lines.delete(topic)
  }

  /** Infinity when nobody waits. */
  nextDeadlineMs(): number {
    return Math.min(...this.#heads().map(({ deadlineMs }) => deadlineMs))
  }

  /** Infinity when nobody waits. */
  oldestSequence(): number {
    return Math.min(...this.#heads().map(({ sequence }) => sequence))
  }

  #heads(): Waiting[] {
    return [...this.#lines.values()].map((line) => line[0]!)
  }

  #failFirst(topic: string, line: Waiting[], count: number, error: Error): void {
    const failed = line.splice(0, count)
    this.#size -= count
    if (line.length === 0) this.#lines.delete(topic)
    for (const { record } of failed) {
      record.sink.onFailed(error, 1)
      record.onLeft?.()
    }
  }

  #moveBack(topic: string, line: Waiting[], left: number): void {
    line.splice(0, left)
    this.#size -= left
    this.#lines.delete(topic)
    if (line.length > 0) this.#lines.set(topic, line)
  }
}
