/**
 * An answer that comes later and needs no promise: whoever waits is called within `give`. A produce request that is
 * answered at the end of the same read callback would otherwise take a turn of the microtask queue, and leave in a write
 * of its own.
 *
 * Invariant: is given once, and handed on once.
 */
import { assert } from '@millrace/base'

export class LateAnswer<T> {
  #value: T | undefined
  #given = false
  #onGiven: ((value: T) => void) | null = null

  give(value: T): void {
    assert(!this.#given, 'an answer is given once')
    this.#given = true
    if (this.#onGiven === null) this.#value = value
    else this.#onGiven(value)
  }

  /** Runs `callback` with the answer, at once when it is there already. */
  whenGiven(callback: (value: T) => void): void {
    if (this.#given) callback(this.#value as T)
    else this.#onGiven = callback
  }
}
