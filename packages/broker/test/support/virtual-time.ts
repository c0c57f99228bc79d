/** A clock that moves only when told, with its timers and ends of turns. */
import type { Clock, TimerId, Timers } from '@millrace/base'

interface VirtualTimer {
  readonly dueMs: number
  readonly callback: () => void
}

export class VirtualTime implements Clock, Timers {
  wallNowMs = 1_700_000_000_000
  /** Timers that were armed so far. */
  armed = 0
  readonly #pending = new Set<VirtualTimer>()
  #turnEnds: (() => void)[] = []
  #nowMs = 1000

  get pendingTimers(): number {
    return this.#pending.size
  }

  monoMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.wallNowMs
  }

  after(delayMs: number, callback: () => void): TimerId {
    const timer = { dueMs: this.#nowMs + delayMs, callback }
    this.armed++
    this.#pending.add(timer)
    return timer as unknown as TimerId
  }

  cancel(timer: TimerId): void {
    this.#pending.delete(timer as unknown as VirtualTimer)
  }

  endOfTurn(callback: () => void): void {
    this.#turnEnds.push(callback)
  }

  /** Ends the turn: runs what waits for it, and what that adds. */
  endTurn(): void {
    while (this.#turnEnds.length > 0) {
      const due = this.#turnEnds
      this.#turnEnds = []
      for (const callback of due) callback()
    }
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#pending]
        .filter(({ dueMs }) => dueMs <= untilMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.#pending.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.callback()
    }
    this.#nowMs = untilMs
  }
}

/** Lets promises that are settled already run on. */
export async function microtasks(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}
