/**
 * What will happen, ordered by (time, sequence): a binary heap. Cancelled events stay in it until they surface, or
 * until they are the majority.
 */
import type { Incarnation } from './incarnation.ts'
import type { EventKind } from './trace.ts'

export interface SimEvent {
  timeMs: number
  sequence: number
  readonly kind: EventKind
  /** Whose code runs; null: the world's own. */
  readonly owner: Incarnation | null
  /** null once it ran or was cancelled */
  run: (() => void) | null
  /** In the heap, as opposed to held by a paused process. */
  queued: boolean
}

/** Below this many, cancelled events are not worth a clean-up. */
const CANCELLED_MIN = 1024

export class EventHeap {
  #events: SimEvent[] = []
  #cancelled = 0

  /** Events that have not been cancelled. */
  get size(): number {
    return this.#events.length - this.#cancelled
  }

  peek(): SimEvent | undefined {
    this.#dropCancelled()
    return this.#events[0]
  }

  push(event: SimEvent): void {
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = events[parentAt]!
      if (!before(event, parent)) break
      events[at] = parent
      at = parentAt
    }
    events[at] = event
    event.queued = true
  }

  pop(): SimEvent | undefined {
    this.#dropCancelled()
    const event = this.#popAny()
    if (event !== undefined) event.queued = false
    return event
  }

  /** No effect on an event that ran. */
  cancel(event: SimEvent): void {
    if (event.run === null) return
    event.run = null
    if (!event.queued) return
    this.#cancelled += 1
    if (this.#cancelled > CANCELLED_MIN && this.#cancelled * 2 > this.#events.length) this.#rebuild()
  }

  /** Drops the events that `doomed` picks. */
  remove(doomed: (event: SimEvent) => boolean): void {
    for (const event of this.#events) {
      if (event.run !== null && doomed(event)) event.run = null
    }
    this.#rebuild()
  }

  #dropCancelled(): void {
    while (this.#events.length > 0 && this.#events[0]!.run === null) {
      this.#popAny()
      this.#cancelled -= 1
    }
  }

  #popAny(): SimEvent | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (first === undefined || last === undefined || events.length === 0) return first
    const half = events.length >> 1
    let at = 0
    while (at < half) {
      let childAt = 2 * at + 1
      let child = events[childAt]!
      const right = events[childAt + 1]
      if (right !== undefined && before(right, child)) {
        child = right
        childAt += 1
      }
      if (!before(child, last)) break
      events[at] = child
      at = childAt
    }
    events[at] = last
    return first
  }

  #rebuild(): void {
    const kept = this.#events.filter(({ run }) => run !== null)
    // A sorted array is a heap; the order of (time, sequence) is total, so that a rebuild changes nothing.
    kept.sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)
    this.#events = kept
    this.#cancelled = 0
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence)
}
