/**
 * The order of the records of one key as far as anybody saw it: by offset, from all polls and from the acknowledgements
 * of committed sends. Offsets that nobody saw (markers, aborted records) are no versions, so that neighbours are one
 * index apart.
 *
 * Owns: `version` of the key's records, which it sets when it is made.
 * Invariants: `offsets` rises strictly; `readRanks` never falls.
 */
import { NO_OFFSET } from '@millrace/base'
import type { KeyLog, TrackedRecord } from '../history/history.ts'
import type { Commitment } from './commitment.ts'

export interface OffsetConflict {
  readonly offset: number
  readonly first: TrackedRecord
  readonly second: TrackedRecord
}

interface Place {
  readonly offset: number
  readonly record: TrackedRecord
}

export class VersionOrder {
  readonly key: KeyLog
  /** Offset of each version. */
  readonly offsets: readonly number[]
  /** The record of each version; where two claim an offset, the first one in the history, but rather one that was read. */
  readonly records: readonly TrackedRecord[]
  readonly conflicts: readonly OffsetConflict[]
  /** Highest version that an ok poll read; −1 for none. Whatever is committed below must have been read too. */
  readonly lastRead: number
  /** How many of the versions below each one were ever read: polls are measured by what can be read. */
  readonly #readRanks: Int32Array

  constructor(key: KeyLog, commitment: Commitment) {
    this.key = key
    const offsets: number[] = []
    const records: TrackedRecord[] = []
    const conflicts: OffsetConflict[] = []
    for (const { offset, record } of placesOf(key, commitment)) {
      if (offset !== offsets.at(-1)) {
        offsets.push(offset)
        records.push(record)
      } else if (record !== records.at(-1)) {
        conflicts.push({ offset, first: records.at(-1)!, second: record })
        if (records.at(-1)!.reader === null) records[records.length - 1] = record
      }
      if (record.version < 0) record.version = offsets.length - 1
    }
    this.offsets = offsets
    this.records = records
    this.conflicts = conflicts
    this.#readRanks = new Int32Array(records.length)
    let rank = 0
    let lastRead = -1
    records.forEach((record, version) => {
      this.#readRanks[version] = rank
      if (record.reader === null) return
      rank += 1
      lastRead = version
    })
    this.lastRead = lastRead
  }

  /** −1 when the offset is no version. */
  versionAt(offset: number): number {
    let low = 0
    let high = this.offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.offsets[middle]! < offset) low = middle + 1
      else high = middle
    }
    return this.offsets[low] === offset ? low : -1
  }

  /** Of a record that was found there; nearly always that is its one place. */
  versionOf(record: TrackedRecord, offset: number): number {
    return this.offsets[record.version] === offset ? record.version : this.versionAt(offset)
  }

  readRank(version: number): number {
    return this.#readRanks[version]!
  }
}

function placesOf(key: KeyLog, commitment: Commitment): Place[] {
  const places: Place[] = []
  for (const record of key.records.values()) {
    const { readOffset, ackedOffset } = record
    if (readOffset !== NO_OFFSET) places.push({ offset: readOffset, record })
    if (ackedOffset !== NO_OFFSET && ackedOffset !== readOffset && commitment.isCommitted(record))
      places.push({ offset: ackedOffset, record })
    for (const { offset } of record.otherOffsets ?? [])
      if (offset !== ackedOffset || !commitment.isCommitted(record)) places.push({ offset, record })
  }
  // The sort is stable: at one offset, the record that came first in the history stays first.
  return places.sort((a, b) => a.offset - b.offset)
}
