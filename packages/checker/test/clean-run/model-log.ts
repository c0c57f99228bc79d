/** One partition of a cluster without faults: records and markers at rising offsets, open transactions, a log start. */
import type { Value } from '../../src/index.ts'

export interface Transaction {
  state: 'open' | 'committed' | 'aborted'
}

interface Entry {
  readonly offset: number
  /** Null: a marker, which no reader gets. */
  readonly value: Value | null
  readonly transaction: Transaction | null
}

interface ReadResult {
  readonly records: [number, Value][]
  /** Where to go on. */
  readonly position: number
}

export class ModelLog {
  logStart = 0
  readonly #entries: Entry[] = []

  get endOffset(): number {
    return this.#entries.length
  }

  get lastStableOffset(): number {
    return this.#entries.find(({ transaction }) => transaction?.state === 'open')?.offset ?? this.endOffset
  }

  /** @returns the offset */
  append(value: Value | null, transaction: Transaction | null = null): number {
    const offset = this.endOffset
    this.#entries.push({ offset, value, transaction })
    return offset
  }

  /** Up to `countMax` records from a position on. */
  read(position: number, countMax: number, committedOnly: boolean): ReadResult {
    const records: [number, Value][] = []
    const limit = committedOnly ? this.lastStableOffset : this.endOffset
    let next = Math.max(position, this.logStart)
    for (; next < limit && records.length < countMax; next += 1) {
      const { offset, value, transaction } = this.#entries[next]!
      const isAborted = committedOnly && transaction?.state === 'aborted'
      if (value !== null && !isAborted) records.push([offset, value])
    }
    return { records, position: next }
  }
}
