/**
 * A group of two: partitions move between its members, sometimes in the middle of a poll; whoever gets one goes on at the
 * committed offset, which may be behind what was read.
 */
import type { Mop, Value } from '../../src/index.ts'
import type { Actor, World } from './world.ts'

interface Member {
  readonly proc: string
  readonly positions: Map<string, number>
}

const GROUP = 'group'

export class GroupActor implements Actor {
  readonly #world: World
  readonly #members: readonly Member[] = [
    { proc: 'member-0', positions: new Map() },
    { proc: 'member-1', positions: new Map() },
  ]
  readonly #committed = new Map<string, number>()
  #generation = 0

  constructor(world: World) {
    this.#world = world
    for (const { proc } of this.#members) world.script.add(proc, 'subscribe', 'ok', [['a', ['topic']]])
  }

  act(): void {
    const { chance, rng } = this.#world
    const member = this.#members[rng.below(2)]!
    if (this.#generation === 0 || chance(10)) this.#rebalance()
    else if (chance(11)) this.#pollAcrossRebalance(member)
    else if (chance(25)) this.#commit(member)
    else if (chance(12)) this.#ask(member)
    else this.#world.script.poll(member.proc, this.#take(member))
  }

  finish(): void {
    for (const { positions } of this.#members) positions.clear()
  }

  #rebalance(): void {
    const { logs, rng } = this.#world
    for (const member of this.#members) {
      this.#own('-', member)
      member.positions.clear()
    }
    this.#generation += 1
    for (const key of logs.keys())
      this.#members[rng.below(2)]!.positions.set(key, this.#committed.get(key) ?? 0)
    for (const member of this.#members) this.#own('+', member)
  }

  #own(sign: '+' | '-', { proc, positions }: Member): void {
    const mops = [...positions.keys()].map((key): Mop => [sign, GROUP, key])
    if (mops.length > 0) this.#world.script.add(proc, 'own', 'ok', mops, { gen: this.#generation })
  }

  #take({ positions }: Member): Record<string, [number, Value][]> {
    const { logs, rng, committedOnly } = this.#world
    const polled: Record<string, [number, Value][]> = {}
    for (const [key, position] of positions) {
      const result = logs.get(key)!.read(position, rng.below(6), committedOnly)
      polled[key] = result.records
      positions.set(key, result.position)
    }
    return polled
  }

  #pollAcrossRebalance(member: Member): void {
    const before = this.#take(member)
    this.#rebalance()
    const after = this.#take(member)
    const reb = [...this.#world.logs.keys()]
    this.#world.script.add(
      member.proc,
      'poll',
      'ok',
      [
        ['p', before],
        ['p', after],
      ],
      { reb },
    )
  }

  #commit({ proc, positions }: Member): void {
    const mops: Mop[] = []
    for (const [key, position] of positions) {
      if (position < (this.#committed.get(key) ?? 0)) continue
      this.#committed.set(key, position)
      mops.push(['c', GROUP, key, position])
    }
    this.#world.script.add(proc, 'commit', 'ok', mops, { gen: this.#generation })
  }

  #ask({ proc }: Member): void {
    const { script, key } = this.#world
    const asked = key()
    script.add(proc, 'committed', 'invoke', [['g', GROUP, asked, null]])
    script.add(proc, 'committed', 'ok', [['g', GROUP, asked, this.#committed.get(asked) ?? null]])
  }
}
