/**
 * Answers that are better given after the next change of the metadata.
 *
 * Owns: who waits, each with a deadline. Must not know: what is answered.
 * Invariant: each wait ends exactly once: when its condition holds after a change, at its deadline, or when all are hurried;
 * or it is abandoned.
 */
import type { Deadline, Deadlines } from '../deadlines.ts'

interface Wait {
  readonly deadline: Deadline
  /** Asked after each change. */
  isOver(): boolean
  onOver(): void
}

export class MetadataWaits {
  readonly #deadlines: Deadlines
  readonly #waits = new Set<Wait>()
  #isHurried = false

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  /** @returns to be called when nobody is left to answer */
  add(maxMs: number, isOver: () => boolean, onOver: () => void): () => void {
    if (this.#isHurried) {
      onOver()
      return () => {}
    }
    const deadline = this.#deadlines.after(maxMs, () => this.#end(wait))
    const wait: Wait = { deadline, isOver, onOver }
    this.#waits.add(wait)
    return () => this.#forget(wait)
  }

  /** The metadata is another one now, or something else that conditions look at. */
  onChange(): void {
    for (const wait of this.#waits) if (wait.isOver()) this.#end(wait)
  }

  /** The shard is about to stop: from here on nobody waits. */
  hurry(): void {
    this.#isHurried = true
    for (const wait of this.#waits) this.#end(wait)
  }

  #end(wait: Wait): void {
    this.#forget(wait)
    wait.onOver()
  }

  #forget(wait: Wait): void {
    this.#deadlines.cancel(wait.deadline)
    this.#waits.delete(wait)
  }
}
