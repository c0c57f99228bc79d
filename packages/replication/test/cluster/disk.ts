/** A disk whose contents are numbers: what is in memory, and what a power cut would leave. One record a batch. */
import { leaderEpoch, type Offset, offset as toOffset } from '@millrace/base'
import type { EpochStart, LogSummary } from '../../src/index.ts'

export interface Entry {
  readonly epoch: number
  readonly value: number
}

/** A log that begins at `startOffset`; `emptyEpoch` begins at its end. */
interface Image {
  readonly startOffset: number
  readonly entries: readonly Entry[]
  readonly emptyEpoch: number | null
}

const EMPTY: Image = { startOffset: 0, entries: [], emptyEpoch: null }

export class Disk {
  startOffset = 0
  entries: Entry[] = []
  highWatermark = 0
  owedEndOffset: number | null = null
  damagedFrom: number | null = null
  #emptyEpoch: number | null = null
  #durable: Image = EMPTY

  get endOffset(): number {
    return this.startOffset + this.entries.length
  }

  at(offset: number): Entry | undefined {
    return this.entries[offset - this.startOffset]
  }

  /** What would survive a power cut. */
  durableAt(offset: number): Entry | undefined {
    return this.#durable.entries[offset - this.#durable.startOffset]
  }

  append(entries: readonly Entry[]): void {
    this.entries.push(...entries)
    this.#emptyEpoch = null
  }

  assignEpoch(epoch: number): void {
    this.#emptyEpoch = epoch
  }

  truncate(offset: number): void {
    this.entries.length = offset - this.startOffset
    this.#emptyEpoch = null
    if (this.damagedFrom !== null && this.damagedFrom >= offset) this.damagedFrom = null
  }

  restart(offset: number): void {
    this.startOffset = offset
    this.entries = []
    this.#emptyEpoch = null
    this.damagedFrom = null
  }

  advanceStart(offset: number): void {
    this.entries.splice(0, offset - this.startOffset)
    this.startOffset = offset
  }

  wipe(): void {
    this.restart(0)
    this.highWatermark = 0
    this.owedEndOffset = null
    this.#durable = EMPTY
  }

  /** @returns what makes durable what is written now */
  beginFlush(): () => void {
    const image = {
      startOffset: this.startOffset,
      entries: [...this.entries],
      emptyEpoch: this.#emptyEpoch,
    }
    return () => {
      this.#durable = image
    }
  }

  /** @param survivors of the records that were not flushed, how many are there all the same */
  cutPower(survivors: (unflushed: number) => number): void {
    const written = this.entries
    const offset = this.startOffset
    const { startOffset, entries, emptyEpoch } = this.#durable
    this.startOffset = startOffset
    this.entries = [...entries]
    this.#emptyEpoch = emptyEpoch
    // A log that was cut or begun anew since the last flush does not continue what that left.
    const continuesAt = this.endOffset - offset
    if (continuesAt >= 0 && continuesAt < written.length && this.#isPrefixOf(offset, written)) {
      const unflushed = written.slice(continuesAt)
      const count = survivors(unflushed.length)
      if (count > 0) this.append(unflushed.slice(0, count))
    }
    this.beginFlush()()
  }

  recover(): LogSummary {
    const epochs: EpochStart[] = []
    this.entries.forEach(({ epoch }, index) => {
      if (epochs.at(-1)?.epoch === epoch) return
      epochs.push({ epoch: leaderEpoch(epoch), startOffset: toOffset(this.startOffset + index) })
    })
    if (this.#emptyEpoch !== null && this.#emptyEpoch > (epochs.at(-1)?.epoch ?? -1)) {
      epochs.push({ epoch: leaderEpoch(this.#emptyEpoch), startOffset: toOffset(this.endOffset) })
    }
    return {
      logStartOffset: toOffset(this.startOffset),
      logEndOffset: toOffset(this.endOffset),
      flushedEndOffset: this.#flushedEndOffset(),
      epochs,
      highWatermark: toOffset(this.highWatermark),
      owedEndOffset: this.owedEndOffset === null ? null : toOffset(this.owedEndOffset),
      damagedFrom: this.damagedFrom === null ? null : toOffset(this.damagedFrom),
    }
  }

  #flushedEndOffset(): Offset {
    let end = Math.max(this.startOffset, this.#durable.startOffset)
    while (end < this.endOffset && this.at(end)?.value === this.durableAt(end)?.value) end += 1
    return toOffset(Math.min(end, this.endOffset))
  }

  #isPrefixOf(offset: number, written: readonly Entry[]): boolean {
    return this.entries.every((entry, index) => {
      const other = written[this.startOffset + index - offset]
      return this.startOffset + index < offset || other?.value === entry.value
    })
  }
}
