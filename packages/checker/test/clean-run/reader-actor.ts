/** A reader that assigns itself keys, changes its mind, crashes, and sometimes does not learn how a poll ended. */
import type { Value } from '../../src/index.ts'
import type { Actor, World } from './world.ts'

export class ReaderActor implements Actor {
  readonly #world: World
  readonly #proc: string
  #positions = new Map<string, number>()

  constructor(world: World, proc: string) {
    this.#world = world
    this.#proc = proc
  }

  act(): void {
    const { script, chance } = this.#world
    if (this.#positions.size === 0 || chance(5)) this.#assign()
    else if (chance(3)) {
      this.#positions.clear()
      script.add(this.#proc, 'crash', 'info', [])
    } else this.#poll()
  }

  finish(): void {
    this.#positions.clear()
  }

  #assign(): void {
    const { script, logs, chance, key } = this.#world
    const keys = new Set([key(), ...[...logs.keys()].filter(() => chance(50))])
    this.#positions = new Map([...keys].map((name) => [name, this.#positions.get(name) ?? 0]))
    script.add(this.#proc, 'assign', 'ok', [['a', [...keys]]])
  }

  #poll(): void {
    const { script, logs, chance, rng, committedOnly } = this.#world
    const isLost = chance(5)
    const polled: Record<string, [number, Value][]> = {}
    for (const [key, position] of this.#positions) {
      const result = logs.get(key)!.read(position, rng.below(6), committedOnly)
      if (result.records.length > 0) polled[key] = result.records
      if (!isLost) this.#positions.set(key, result.position)
    }
    script.add(this.#proc, 'poll', 'invoke', [['p', {}]])
    script.add(this.#proc, 'poll', isLost ? 'info' : 'ok', [['p', polled]])
  }
}
