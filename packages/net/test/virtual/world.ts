/**
 * Virtual time for tests: a clock that moves only when told, timers, ends of turns, and a log that remembers.
 */
import type { Clock, Log, TimerId, Timers } from '@millrace/base'

interface VirtualTimer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

export class VirtualWorld {
  readonly lines: LogLine[] = []
  readonly #timers = new Set<VirtualTimer>()
  #turnEnds: (() => void)[] = []
  #events: (() => void)[] = []
  #nowMs = 1000
  #order = 0
  #settling: Promise<void> | null = null

  readonly clock: Clock = { monoMs: () => this.#nowMs, wallMs: () => 1_700_000_000_000 + this.#nowMs }

  readonly timers: Timers = {
    after: (delayMs, callback) => {
      const timer: VirtualTimer = { dueMs: this.#nowMs + delayMs, order: (this.#order += 1), callback }
      this.#timers.add(timer)
      return timer as unknown as TimerId
    },
    cancel: (timer) => void this.#timers.delete(timer as unknown as VirtualTimer),
    endOfTurn: (callback) => void this.#turnEnds.push(callback),
  }

  readonly log: Log = {
    debug: (fields, message) => void this.lines.push({ level: 'debug', fields, message }),
    info: (fields, message) => void this.lines.push({ level: 'info', fields, message }),
    warn: (fields, message) => void this.lines.push({ level: 'warn', fields, message }),
    error: (fields, message) => void this.lines.push({ level: 'error', fields, message }),
    child: () => this.log,
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  /** What the network does next: one event of the poll phase. */
  schedule(event: () => void): void {
    this.#events.push(event)
  }

  /** Runs turns of the event loop until nothing is left to do at this time. */
  async settle(): Promise<void> {
    while (this.#settling !== null) await this.#settling
    this.#settling = this.#runTurns()
    await this.#settling
    this.#settling = null
  }

  async #runTurns(): Promise<void> {
    for (let turn = 0; turn < 10_000; turn += 1) {
      await microtasks()
      if (this.#events.length === 0 && this.#turnEnds.length === 0) return
      const events = this.#events
      this.#events = []
      for (const event of events) {
        event()
        await microtasks()
      }
      const turnEnds = this.#turnEnds
      this.#turnEnds = []
      for (const callback of turnEnds) {
        callback()
        await microtasks()
      }
    }
    throw new Error('the world does not come to rest')
  }

  /** Lets time pass, running what becomes due in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.settle()
    for (let next = this.#earliest(untilMs); next !== null; next = this.#earliest(untilMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
      await this.settle()
    }
    this.#nowMs = untilMs
  }

  #earliest(untilMs: number): VirtualTimer | null {
    let earliest: VirtualTimer | null = null
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue
      if (earliest === null || timer.dueMs < earliest.dueMs) earliest = timer
      else if (timer.dueMs === earliest.dueMs && timer.order < earliest.order) earliest = timer
    }
    return earliest
  }
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < 8; i += 1) await Promise.resolve()
}
