/** One transactional client: sends and polls of several keys, then a commit, an abort, or an end that it never learns. */
import type { PollMop, SendMop, Value } from '../../src/index.ts'
import type { Transaction } from './model-log.ts'
import type { Actor, World } from './world.ts'

interface Running {
  readonly transaction: Transaction
  readonly mops: (SendMop | PollMop)[]
  readonly positions: Map<string, number>
  readonly written: Set<string>
  /** Announced in the first line, and not sent yet. */
  readonly planned: { readonly key: string; readonly value: Value }[]
}

export class TransactionActor implements Actor {
  readonly #world: World
  readonly #proc: string
  readonly #positions = new Map<string, number>()
  #running: Running | null = null

  constructor(world: World, proc: string) {
    this.#world = world
    this.#proc = proc
  }

  act(): void {
    if (this.#running === null) this.#running = this.#begin()
    else if (this.#running.planned.length > 0) this.#step(this.#running)
    else this.#end(this.#running)
  }

  finish(): void {
    while (this.#running !== null) this.act()
  }

  #begin(): Running {
    const { rng, script, key, nextValue } = this.#world
    const planned = Array.from({ length: 1 + rng.below(4) }, () => ({ key: key(), value: nextValue() }))
    script.add(
      this.#proc,
      'txn',
      'invoke',
      planned.map(({ key: to, value }): SendMop => ['s', to, null, value]),
    )
    const positions = new Map(this.#positions)
    return { transaction: { state: 'open' }, mops: [], positions, written: new Set(), planned }
  }

  #step({ transaction, mops, positions, written, planned }: Running): void {
    const { rng, chance, logs, committedOnly, key } = this.#world
    if (chance(40)) {
      const from = key()
      // At read_uncommitted it reads its own records, as it may.
      const result = logs.get(from)!.read(positions.get(from) ?? 0, 1 + rng.below(5), committedOnly)
      positions.set(from, result.position)
      mops.push(['p', { [from]: result.records }])
      return
    }
    const { key: to, value } = planned.shift()!
    mops.push(['s', to, logs.get(to)!.append(value, transaction), value])
    written.add(to)
  }

  #end({ transaction, mops, positions, written }: Running): void {
    const { chance, script, logs } = this.#world
    const commits = chance(75)
    transaction.state = commits ? 'committed' : 'aborted'
    for (const key of written) logs.get(key)!.append(null)
    this.#running = null
    if (chance(15)) {
      script.add(this.#proc, 'txn', 'info', chance(50) ? mops : [], { err: 'REQUEST_TIMED_OUT' })
      script.add(this.#proc, 'crash', 'info', [])
      this.#positions.clear()
      return
    }
    script.add(this.#proc, 'txn', commits ? 'ok' : 'fail', mops)
    if (commits) for (const [key, position] of positions) this.#positions.set(key, position)
  }
}
