/**
 * The partitions that hold appends which are not written yet. What was staged by one read of a connection, or within
 * one turn of the event loop, goes to disk in one write per partition.
 *
 * Invariant: a partition is in the list exactly while its log has staged batches.
 */
import type { Timers } from '@millrace/base'

interface Writable {
  /** Never throws: a failed write is an answer to whoever waits. */
  writeStaged(): void
}

export class StagedWrites {
  readonly #timers: Timers
  #partitions: Writable[] = []
  #spare: Writable[] = []
  #scheduled = false

  constructor(timers: Timers) {
    this.#timers = timers
  }

  add(partition: Writable): void {
    this.#partitions.push(partition)
  }

  /** Must run before the memory that staged batches lie in is used again. */
  writeAll(): void {
    if (this.#partitions.length === 0) return
    const partitions = this.#partitions
    // An answer may cause further appends; they belong to the next round.
    this.#partitions = this.#spare
    for (const partition of partitions) partition.writeStaged()
    partitions.length = 0
    this.#spare = partitions
  }

  /** For appends that no read of a connection brought: their memory is their own. */
  writeSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#timers.endOfTurn(() => {
      this.#scheduled = false
      this.writeAll()
    })
  }
}
