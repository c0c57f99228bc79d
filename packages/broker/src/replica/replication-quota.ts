/**
 * How much the throttled replicas of one broker may be sent, or fetch, in bytes a second: one side of KIP-73. Replicas in sync
 * count, as in Kafka, and never ask whether they may go, because producers wait for them.
 *
 * One budget for all shards rather than a share for each: what is moved may be on a single shard, and would then move at a
 * fraction of the rate that somebody has asked for. It is one number, the time from which on something may go again, in memory
 * that all shards see, on the clock that all threads of a process share.
 *
 * Owns: when the next bytes may go. Must not know: who gets them.
 */
import { assert } from '@millrace/base'
import type { Clock } from '@millrace/base'

/** Time that was left unused counts for so long (`replication.quota.window.size.seconds`, Kafka's default). */
const WINDOW_MS = 1000
/** So far ahead at most what replicas in sync got holds the others up: it ends soon after the burst that it came from. */
const COUNTED_AHEAD_MS = 1000
const US_PER_MS = 1000

export class ReplicationQuota {
  readonly #clock: Clock
  /** Of all shards: one number, µs of the clock. */
  readonly #freeAtUs: BigInt64Array<SharedArrayBuffer>
  #bytesPerSecond = Infinity

  /** @param shared one element, zero at first, that all shards of the broker have */
  constructor(clock: Clock, shared: BigInt64Array<SharedArrayBuffer>) {
    assert(shared.length === 1, `a quota has one number, not ${shared.length}`)
    this.#clock = clock
    this.#freeAtUs = shared
  }

  /** @param bytesPerSecond Infinity: no limit; 0: nothing goes. Another one forgets what was overdrawn under the one before. */
  setRate(bytesPerSecond: number): void {
    if (bytesPerSecond === this.#bytesPerSecond) return
    this.#bytesPerSecond = bytesPerSecond
    this.#change((freeAtUs, nowUs) => Math.min(freeAtUs, nowUs))
  }

  /** Until something may go; 0: now; Infinity: not before the rate is another. */
  get waitMs(): number {
    if (this.#bytesPerSecond === Infinity) return 0
    if (this.#bytesPerSecond === 0) return Infinity
    const leftUs = Number(Atomics.load(this.#freeAtUs, 0)) - this.#nowUs
    return Math.max(0, Math.ceil(leftUs / US_PER_MS))
  }

  /** Most that may go at once: what a window has. */
  get bytesMax(): number {
    return Math.max(1, Math.floor((this.#bytesPerSecond * WINDOW_MS) / 1000))
  }

  /**
   * A batch goes whole, whatever its size: the rest of it is waited out afterwards.
   * @param bytes below zero: so much of what was spent before did not go
   */
  spend(bytes: number): void {
    if (!this.#hasRate) return
    this.#change((freeAtUs, nowUs) => fromUs(freeAtUs, nowUs) + this.#costUs(bytes))
  }

  /** What went without asking, to replicas in sync. */
  count(bytes: number): void {
    if (!this.#hasRate) return
    this.#change((freeAtUs, nowUs) => {
      const countedUs = fromUs(freeAtUs, nowUs) + this.#costUs(bytes)
      return Math.max(freeAtUs, Math.min(countedUs, nowUs + COUNTED_AHEAD_MS * US_PER_MS))
    })
  }

  get #hasRate(): boolean {
    return this.#bytesPerSecond > 0 && this.#bytesPerSecond < Infinity
  }

  get #nowUs(): number {
    return Math.floor(this.#clock.monoMs() * US_PER_MS)
  }

  #costUs(bytes: number): number {
    return Math.ceil((bytes * 1000 * US_PER_MS) / this.#bytesPerSecond)
  }

  /** Another shard may spend in between: then it is looked at again. */
  #change(next: (freeAtUs: number, nowUs: number) => number): void {
    const nowUs = this.#nowUs
    for (;;) {
      const before = Atomics.load(this.#freeAtUs, 0)
      const after = BigInt(next(Number(before), nowUs))
      if (after === before || Atomics.compareExchange(this.#freeAtUs, 0, before, after) === before) return
    }
  }
}

function fromUs(freeAtUs: number, nowUs: number): number {
  return Math.max(freeAtUs, nowUs - WINDOW_MS * US_PER_MS)
}
