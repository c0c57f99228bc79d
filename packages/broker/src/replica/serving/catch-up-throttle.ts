/**
 * How fast replicas that are behind may be sent what they lack, so that a broker that comes back does not slow down those who
 * produce (`leader.replication.throttled.rate`, KIP-73). In-sync replicas are never throttled: producers wait for them.
 *
 * Owns: when the next bytes may go. Must not know: who gets them.
 */
import { assert } from '@millrace/base'
import type { Clock } from '@millrace/base'

export class CatchUpThrottle {
  readonly #clock: Clock
  readonly #bytesPerSecondMax: number
  #freeAtMs = 0

  /** @param bytesPerSecondMax at least 1; Infinity: no limit */
  constructor(clock: Clock, bytesPerSecondMax: number) {
    assert(
      bytesPerSecondMax >= 1,
      `a rate of ${bytesPerSecondMax} bytes a second would stop replicas for good`,
    )
    this.#clock = clock
    this.#bytesPerSecondMax = Math.floor(bytesPerSecondMax)
  }

  /** Until something may be sent; 0: now. */
  get waitMs(): number {
    return Math.max(0, Math.ceil(this.#freeAtMs - this.#clock.monoMs()))
  }

  /** Most that may be sent at once: what a second has. */
  get bytesMax(): number {
    return this.#bytesPerSecondMax
  }

  /** A batch goes whole, whatever its size: the rest of it is waited out afterwards. */
  spend(bytes: number): void {
    const fromMs = Math.max(this.#freeAtMs, this.#clock.monoMs())
    this.#freeAtMs = fromMs + (bytes * 1000) / this.#bytesPerSecondMax
  }
}
