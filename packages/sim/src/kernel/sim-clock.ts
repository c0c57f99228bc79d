/**
 * A machine's two clocks: one that never goes back but runs a little fast or slow, one that says what day it is and
 * may jump.
 */
import type { Clock } from '@millrace/base'
import type { Scheduler } from './scheduler.ts'

/** 2026-01-01T00:00:00Z: the day on which every simulation begins. */
const WALL_START_MS = 1_767_225_600_000

export class SimClock implements Clock {
  readonly #scheduler: Scheduler
  #rate = 1
  /** What this machine had counted when its rate last changed, and the true time then. */
  #countedMs = 0
  #sinceMs: number
  #monoOffsetMs: number
  #wallOffsetMs = 0

  /** @param startMs what `monoMs` shows at first */
  constructor(scheduler: Scheduler, startMs: number) {
    this.#scheduler = scheduler
    this.#sinceMs = scheduler.nowMs
    this.#monoOffsetMs = startMs
  }

  monoMs(): number {
    return this.#monoOffsetMs + this.#elapsedMs()
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.#wallOffsetMs + this.#elapsedMs())
  }

  /** True time in which this machine's clock counts `localMs`. */
  trueMs(localMs: number): number {
    return localMs / this.#rate
  }

  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs
  }

  /** @param rate milliseconds of this clock in one true millisecond, 1 ± 0.05. Timers that run keep their due time. */
  setRate(rate: number): void {
    this.#countedMs = this.#elapsedMs()
    this.#sinceMs = this.#scheduler.nowMs
    this.#rate = rate
  }

  /** The machine starts again: its monotonic clock begins anew. */
  reboot(startMs: number): void {
    this.#monoOffsetMs = startMs - this.#elapsedMs()
  }

  #elapsedMs(): number {
    return this.#countedMs + (this.#scheduler.nowMs - this.#sinceMs) * this.#rate
  }
}
