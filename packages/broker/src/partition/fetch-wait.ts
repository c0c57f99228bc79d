/**
 * A fetch that found too little and waits until enough was appended, its deadline passed, or its connection died.
 *
 * Owns: how many bytes are still missing, and its registration with the partitions it watches.
 * Must not know: what is read, and for whom. Invariant: completes at most once, and watches nothing afterwards.
 */
import type { Deadline, Deadlines } from '../deadlines.ts'

/** What a fetch wait needs of a partition. */
interface Watched {
  readonly fetchWaits: Set<FetchWait>
}

export class FetchWait {
  #missingBytes: number
  readonly #partitions: readonly Watched[]
  readonly #deadlines: Deadlines
  readonly #deadline: Deadline
  readonly #onComplete: () => void
  #completed = false

  constructor(
    missingBytes: number,
    maxWaitMs: number,
    partitions: readonly Watched[],
    deadlines: Deadlines,
    onComplete: () => void,
  ) {
    this.#missingBytes = missingBytes
    this.#partitions = partitions
    this.#deadlines = deadlines
    this.#onComplete = onComplete
    this.#deadline = deadlines.after(maxWaitMs, () => this.complete())
    for (const partition of partitions) partition.fetchWaits.add(this)
  }

  /** `bytes` more can be read from a watched partition. */
  onReadable(bytes: number): void {
    this.#missingBytes -= bytes
    if (this.#missingBytes <= 0) this.complete()
  }

  /** Answers with what there is: enough came, time is up, or a watched partition left this shard. */
  complete(): void {
    if (this.#completed) return
    this.abandon()
    this.#onComplete()
  }

  /** Nobody is left to answer. */
  abandon(): void {
    this.#completed = true
    this.#deadlines.cancel(this.#deadline)
    for (const partition of this.#partitions) partition.fetchWaits.delete(this)
  }
}
