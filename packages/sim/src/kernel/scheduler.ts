/**
 * Virtual time, and the one loop in which everything happens.
 *
 * Owns: the events to come, the current time, whose code is running, the violation that ends the run. One step: an
 * event, then all promise continuations it set free, then the callbacks for the end of the turn (continuations after
 * each), all at one time. Must not know: nodes, networks, disks.
 * Invariants: time never falls; events of a dead incarnation never run; those of a paused one wait in order.
 */
import { EventHeap, type SimEvent } from './event-heap.ts'
import type { Incarnation } from './incarnation.ts'
import { microtaskDrain, rejectionFlush } from './microtasks.ts'
import { EventKind, type Trace } from './trace.ts'
import { Violation, type ViolationKind } from './violation.ts'

/**
 * All times lie on a grid of 1/1024 ms, which doubles hold exactly for 200,000 years: sums do not depend on their
 * order.
 */
const GRID_PER_MS = 1024

/** Events at one time before the run counts as stuck. */
const EVENTS_PER_TIME_MAX = 1_000_000

interface TurnEnd {
  readonly owner: Incarnation
  readonly callback: () => void
}

export class Scheduler {
  readonly trace: Trace
  nowMs = 0
  /** Events that ran. */
  steps = 0
  /** Called after each step, for invariants. */
  readonly afterStep: (() => void)[] = []
  readonly #heap = new EventHeap()
  #sequence = 0
  #owner: Incarnation | null = null
  #turnEnds: TurnEnd[] = []
  /** `steps` when the time last moved. */
  #stepsBefore = 0
  #violation: Violation | null = null
  readonly #drain = microtaskDrain()
  readonly #flushRejections = rejectionFlush()

  constructor(trace: Trace) {
    this.trace = trace
  }

  /** Whose code is running. */
  get owner(): Incarnation | null {
    return this.#owner
  }

  get violation(): Violation | null {
    return this.#violation
  }

  /** Events still to come. */
  get pending(): number {
    return this.#heap.size
  }

  /** @param owner whose code `run` is; the event dies with it */
  schedule(delayMs: number, kind: EventKind, owner: Incarnation | null, run: () => void): SimEvent {
    const timeMs = this.nowMs + Math.ceil(Math.max(0, delayMs) * GRID_PER_MS) / GRID_PER_MS
    const event: SimEvent = { timeMs, sequence: (this.#sequence += 1), kind, owner, run, queued: false }
    this.#heap.push(event)
    return event
  }

  cancel(event: SimEvent): void {
    this.#heap.cancel(event)
  }

  /** Runs `callback` after the current event and its continuations, or in an event of its own. */
  endOfTurn(owner: Incarnation, callback: () => void): void {
    if (this.#owner === owner) this.#turnEnds.push({ owner, callback })
    else this.schedule(0, EventKind.turn, owner, callback)
  }

  /** From here on the current event runs code of `owner`, which must be able to run now. */
  enter(owner: Incarnation): void {
    this.#owner = owner
    owner.busyUntilMs = this.nowMs + owner.eventMs
    this.trace.note(-1, owner.id)
  }

  /** False while `owner` is dead, paused or busy: its events must be scheduled then. */
  canEnter(owner: Incarnation): boolean {
    return owner.alive && !owner.paused && owner.busyUntilMs <= this.nowMs
  }

  /** Ends a life: its events are gone at once. */
  kill(owner: Incarnation): void {
    owner.die()
    this.#heap.remove((event) => event.owner === owner)
  }

  pause(owner: Incarnation): void {
    owner.paused = true
  }

  /** What became due meanwhile happens now, in order. */
  resume(owner: Incarnation): void {
    if (!owner.paused) return
    owner.paused = false
    const held = owner.held
    owner.held = []
    for (const event of held) this.#reschedule(event, this.nowMs)
  }

  /** Ends the run: the first violation is the one that counts. */
  violate(kind: ViolationKind, message: string, cause?: unknown): Violation {
    const violation = new Violation(kind, this.nowMs, this.#owner?.node ?? null, message, cause)
    this.#violation ??= violation
    return violation
  }

  /** A promise that nobody handles was rejected by what ran last. */
  onRejection(reason: unknown): void {
    if (this.#owner?.alive !== false) this.violate('rejection', describe(reason), reason)
  }

  /**
   * Runs the next event.
   * @returns false when nothing is left, or nothing before `untilMs`
   * @throws Violation
   */
  step(untilMs = Infinity): boolean {
    for (;;) {
      const event = this.#heap.peek()
      if (event === undefined || event.timeMs > untilMs) return false
      this.#heap.pop()
      const { owner, run } = event
      if (run === null || !this.#isDue(event)) continue
      this.steps += 1
      this.#moveTo(event.timeMs)
      this.#owner = owner
      event.run = null
      if (owner !== null) owner.busyUntilMs = event.timeMs + owner.eventMs
      this.trace.event(event.timeMs, event.kind, owner === null ? 0 : owner.id)
      this.#run(run)
      if (this.#turnEnds.length > 0) this.#runTurnEnds()
      for (const check of this.afterStep) check()
      this.#owner = null
      if (this.#violation !== null) throw this.#violation
      return true
    }
  }

  /** Runs everything up to `untilMs`, and moves the time there. @throws Violation */
  runUntil(untilMs: number): void {
    while (this.step(untilMs));
    this.nowMs = Math.max(this.nowMs, Math.floor(untilMs * GRID_PER_MS) / GRID_PER_MS)
  }

  #moveTo(timeMs: number): void {
    if (timeMs > this.nowMs) {
      this.nowMs = timeMs
      this.#stepsBefore = this.steps
    } else if (this.steps - this.#stepsBefore > EVENTS_PER_TIME_MAX) {
      throw this.violate('stuck', `${EVENTS_PER_TIME_MAX} events and time does not move`)
    }
  }

  /** False for what never runs or later: of the dead, the paused, the busy. */
  #isDue(event: SimEvent): boolean {
    const { owner } = event
    if (owner === null) return true
    if (!owner.alive) return false
    if (owner.paused) {
      owner.held.push(event)
      return false
    }
    if (owner.busyUntilMs > event.timeMs) {
      this.#reschedule(event, owner.busyUntilMs)
      return false
    }
    return true
  }

  #reschedule(event: SimEvent, timeMs: number): void {
    // Cancelled while it was held.
    if (event.run === null) return
    event.timeMs = timeMs
    event.sequence = this.#sequence += 1
    this.#heap.push(event)
  }

  #run(task: () => void): void {
    try {
      task()
    } catch (error) {
      // What the dead throw has no effect: mostly SimulatedStop on its way out.
      if (this.#owner?.alive !== false) this.violate('exception', describe(error), error)
    }
    this.#drain()
    this.#flushRejections()
  }

  #runTurnEnds(): void {
    const due = this.#turnEnds
    this.#turnEnds = []
    for (const { owner, callback } of due) {
      if (!owner.alive) continue
      this.trace.note(EventKind.turn, owner.id)
      this.#run(callback)
    }
    // Asked for at the end of a turn: the next turn's end.
    const next = this.#turnEnds
    this.#turnEnds = []
    for (const { owner, callback } of next) this.schedule(0, EventKind.turn, owner, callback)
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
