/**
 * One life of a process: from its start to its death. Everything that a process causes is tagged with its life, so
 * that a death drops all of it at once, and nothing of an earlier life reaches a later one.
 */
import { SimulatedStop } from './simulated-stop.ts'
import type { SimEvent } from './event-heap.ts'

export class Incarnation {
  readonly node: string
  /** Unique in the world: what the trace calls it. */
  readonly id: number
  /** 1 for a node's first. */
  readonly number: number
  /** Stopped by the scheduler: events wait in `held`. */
  paused = false
  held: SimEvent[] = []
  /** A slow processor: each event keeps the process busy for so long. */
  eventMs = 0
  busyUntilMs = 0
  #alive = true
  readonly #deathListeners: (() => void)[] = []

  constructor(node: string, number: number, id: number) {
    this.node = node
    this.number = number
    this.id = id
  }

  get alive(): boolean {
    return this.#alive
  }

  /** @throws SimulatedStop after the death */
  assertAlive(): void {
    if (!this.#alive) throw new SimulatedStop(`${this.node} is dead`)
  }

  onDeath(listener: () => void): void {
    this.#deathListeners.push(listener)
  }

  die(): void {
    if (!this.#alive) return
    this.#alive = false
    this.held = []
    for (const listener of this.#deathListeners.splice(0)) listener()
  }
}
