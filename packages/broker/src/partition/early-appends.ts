/**
 * Appends that came to a follower which has not led of late: most likely their client knows of an election of which this broker
 * has not heard yet. Refused, the client would pause, and some ask others for metadata first; so they wait for that news,
 * a moment.
 *
 * Owns: copies of the waiting batches, and one deadline. Must not know: the log, who leads.
 * Invariants: leave in the order of their arrival, all at once; after a wait for nothing none waits until `reset`, so that
 * clients with old metadata lose that moment once.
 */
import { ownedCopy } from '@millrace/base'
import type { Deadline, Deadlines } from '../deadlines.ts'
import type { Append } from './append.ts'

interface EarlyAppend {
  readonly append: Append
  readonly batch: Buffer
}

/** Metadata is everywhere within milliseconds of its commit, unless a machine is short of processors. */
const WAIT_MAX_MS = 250
/** A producer has five requests of a MiB on their way, as a rule. */
const BYTES_MAX = 8 * 1024 * 1024

export class EarlyAppends {
  readonly #deadlines: Deadlines
  readonly #refuse: (append: Append) => void
  #waiting: EarlyAppend[] = []
  #bytes = 0
  #deadline: Deadline | null = null
  #isInVain = false

  /** @param refuse is given those for which no news came */
  constructor(deadlines: Deadlines, refuse: (append: Append) => void) {
    this.#deadlines = deadlines
    this.#refuse = refuse
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** @returns whether it waits; the batch is copied then */
  add(batch: Buffer, append: Append): boolean {
    if (this.#isInVain || this.#bytes + batch.length > BYTES_MAX) return false
    this.#waiting.push({ append, batch: ownedCopy(batch) })
    this.#bytes += batch.length
    this.#deadline ??= this.#deadlines.after(WAIT_MAX_MS, () => {
      this.#isInVain = true
      this.refuseAll()
    })
    return true
  }

  /** Hands over those whose clients still wait. */
  release(take: (batch: Buffer, append: Append) => void): void {
    for (const { batch, append } of this.#takeAll()) if (!append.settled) take(batch, append)
  }

  refuseAll(): void {
    for (const { append } of this.#takeAll()) this.#refuse(append)
  }

  /** There was news. */
  reset(): void {
    this.#isInVain = false
  }

  #takeAll(): readonly EarlyAppend[] {
    const waiting = this.#waiting
    if (this.#deadline !== null) this.#deadlines.cancel(this.#deadline)
    this.#waiting = []
    this.#bytes = 0
    this.#deadline = null
    return waiting
  }
}
