/**
 * What has been fetched and not delivered: chunks of whole batches, in the order of arrival, with errors between them
 * where they belong. Counts their bytes.
 *
 * Invariant: `bytes` is the sum over the chunks in the queue.
 */
import type { PartitionCursor } from './partition-cursor.ts'

/** Records of one partition from one answer. */
export interface FetchedChunk {
  readonly kind: 'chunk'
  readonly cursor: PartitionCursor
  readonly generation: number
  /** Whole batches from `at` to `end`. Owned by this chunk and the messages made of it. */
  readonly records: Buffer
  /** Where the next batch starts; moved by whoever delivers. */
  at: number
  readonly end: number
  /** Memory that the chunk holds. */
  readonly bytes: number
}

/** Reading this partition cannot go on. */
interface FetchFailure {
  readonly kind: 'failure'
  readonly cursor: PartitionCursor
  readonly generation: number
  readonly error: Error
}

type Entry = FetchedChunk | FetchFailure

export class PrefetchQueue {
  #entries: Entry[] = []
  #head = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
    if (entry.kind === 'chunk') this.#bytes += entry.bytes
  }

  /** The first entry that is still wanted; those before it are dropped. */
  peek(): Entry | null {
    for (;;) {
      const entry = this.#entries[this.#head]
      if (entry === undefined) return null
      if (entry.generation === entry.cursor.generation) return entry
      this.shift()
    }
  }

  /** Removes the first entry. */
  shift(): void {
    const entry = this.#entries[this.#head++]
    if (entry?.kind === 'chunk') this.#bytes -= entry.bytes
    if (this.#head < this.#entries.length) return
    this.#entries = []
    this.#head = 0
  }

  /** Drops what nobody wants any more, after seeks and pauses. */
  prune(): void {
    const wanted = this.#entries
      .slice(this.#head)
      .filter(({ cursor, generation }) => generation === cursor.generation)
    this.#entries = wanted
    this.#head = 0
    this.#bytes = wanted.reduce((sum, entry) => sum + (entry.kind === 'chunk' ? entry.bytes : 0), 0)
  }

  clear(): void {
    this.#entries = []
    this.#head = 0
    this.#bytes = 0
  }
}
