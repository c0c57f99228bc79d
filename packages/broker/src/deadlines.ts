/**
 * The deadlines of everything that waits on a shard, behind one timer.
 *
 * Owns: a binary heap by due time, and at most one armed timer. A cancelled deadline leaves the heap at once, but the
 * timer stays: with a long poll per consumer and turn, re-arming would cost more than one idle wake-up.
 * Must not know: what waits.
 * Invariant: `heap[i].position === i`; a deadline outside the heap has position −1.
 */
import type { Clock, TimerId, Timers } from '@millrace/base'

export class Deadline {
  readonly dueMs: number
  readonly onDue: () => void
  /** Where it stands in the heap; −1 once it was cancelled or has run. */
  position = -1

  constructor(dueMs: number, onDue: () => void) {
    this.dueMs = dueMs
    this.onDue = onDue
  }
}

export class Deadlines {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #heap: Deadline[] = []
  #timer: TimerId | null = null
  #timerDueMs = Infinity

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  get size(): number {
    return this.#heap.length
  }

  /** Runs `onDue` once after at least `delayMs`, unless it is cancelled before. */
  after(delayMs: number, onDue: () => void): Deadline {
    const deadline = new Deadline(this.#clock.monoMs() + delayMs, onDue)
    this.#siftUp(this.#heap.length, deadline)
    if (deadline.dueMs < this.#timerDueMs) this.#arm(delayMs, deadline.dueMs)
    return deadline
  }

  /** No effect on a deadline that has run or was cancelled. */
  cancel(deadline: Deadline): void {
    const position = deadline.position
    if (position < 0) return
    deadline.position = -1
    const last = this.#heap.pop()!
    if (last === deadline) return
    this.#siftDown(position, last)
    if (last.position === position) this.#siftUp(position, last)
  }

  /** Forgets every deadline without running it. */
  close(): void {
    if (this.#timer !== null) this.#timers.cancel(this.#timer)
    this.#timer = null
    this.#timerDueMs = Infinity
    for (const deadline of this.#heap) deadline.position = -1
    this.#heap.length = 0
  }

  #arm(delayMs: number, dueMs: number): void {
    if (this.#timer !== null) this.#timers.cancel(this.#timer)
    this.#timerDueMs = dueMs
    this.#timer = this.#timers.after(delayMs, () => this.#onTimer())
  }

  #onTimer(): void {
    this.#timer = null
    this.#timerDueMs = Infinity
    const nowMs = this.#clock.monoMs()
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined) return
      if (first.dueMs > nowMs) {
        if (first.dueMs < this.#timerDueMs) this.#arm(first.dueMs - nowMs, first.dueMs)
        return
      }
      this.cancel(first)
      first.onDue()
    }
  }

  #siftUp(from: number, deadline: Deadline): void {
    let position = from
    while (position > 0) {
      const above = (position - 1) >> 1
      const parent = this.#heap[above]!
      if (parent.dueMs <= deadline.dueMs) break
      this.#place(position, parent)
      position = above
    }
    this.#place(position, deadline)
  }

  #siftDown(from: number, deadline: Deadline): void {
    let position = from
    for (;;) {
      let below = 2 * position + 1
      if (below >= this.#heap.length) break
      if (below + 1 < this.#heap.length && this.#heap[below + 1]!.dueMs < this.#heap[below]!.dueMs) below++
      const child = this.#heap[below]!
      if (child.dueMs >= deadline.dueMs) break
      this.#place(position, child)
      position = below
    }
    this.#place(position, deadline)
  }

  #place(position: number, deadline: Deadline): void {
    this.#heap[position] = deadline
    deadline.position = position
  }
}
