/** Asks for offsets, deletes records, and plays the nemesis: faults that do nothing. */
import type { Actor, World } from './world.ts'

export class WatcherActor implements Actor {
  readonly #world: World
  readonly #epochs = new Map<string, number>()
  #isFaulty = false

  constructor(world: World) {
    this.#world = world
  }

  act(): void {
    const { chance, script, logs, key, rng, deletes } = this.#world
    if (chance(30)) {
      this.#toggleFault()
      return
    }
    const watched = key()
    const log = logs.get(watched)!
    if (deletes && chance(10)) log.logStart += rng.below(1 + log.lastStableOffset - log.logStart)
    const epoch = (this.#epochs.get(watched) ?? 0) + (chance(10) ? 1 : 0)
    this.#epochs.set(watched, epoch)
    const { logStart, endOffset: highWatermark, lastStableOffset: lastStable } = log
    script.add('watcher', 'watch', 'ok', [['w', watched, { epoch, logStart, highWatermark, lastStable }]])
  }

  finish(): void {
    if (this.#isFaulty) this.#toggleFault()
  }

  #toggleFault(): void {
    this.#isFaulty = !this.#isFaulty
    const type = this.#isFaulty ? 'invoke' : 'ok'
    this.#world.script.add('nemesis', 'nemesis', type, [['n', 'kill', 'broker 1']])
  }
}
