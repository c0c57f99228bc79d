/**
 * A run in which nothing is wrong, by seed: pipelined producers with retries, unknown outcomes and crashes; transactions
 * that commit, abort, or end without an answer; readers by assignment and in a group that rebalances; watchers, offset
 * commits, deleted records and nemesis lines. What the clients see is what the model log holds.
 */
import type { HistoryLine } from '../../src/index.ts'
import { GroupActor } from './group-actor.ts'
import type { ModelLog } from './model-log.ts'
import { ProducerActor } from './producer-actor.ts'
import { ReaderActor } from './reader-actor.ts'
import { TransactionActor } from './transaction-actor.ts'
import { WatcherActor } from './watcher-actor.ts'
import { type Actor, newWorld, type World } from './world.ts'

const STEPS = 400

export function cleanRun(seed: number): HistoryLine[] {
  const world = newWorld(seed)
  const { rng, script, logs } = world
  script.mode(world.mode)
  const actors: Actor[] = [new GroupActor(world), new WatcherActor(world)]
  for (let at = rng.below(3); at >= 0; at -= 1) actors.push(new ProducerActor(world, `writer-${at}`))
  for (let at = rng.below(4); at > 0; at -= 1) actors.push(new TransactionActor(world, `txn-${at}`))
  for (let at = rng.below(2); at >= 0; at -= 1) actors.push(new ReaderActor(world, `reader-${at}`))
  for (let step = 0; step < STEPS; step += 1) actors[rng.below(actors.length)]!.act()
  for (const actor of actors) actor.finish()
  for (const [key, log] of logs) finalRead(world, key, log)
  return script.lines
}

function finalRead({ script, committedOnly, rng }: World, key: string, log: ModelLog): void {
  const proc = `final-${key}`
  script.add(proc, 'final', 'invoke', [['e', key, 0]])
  for (let position = 0; position < log.endOffset;) {
    const result = log.read(position, 1 + rng.below(20), committedOnly)
    script.poll(proc, { [key]: result.records })
    position = result.position
  }
  script.add(proc, 'final', 'ok', [['e', key, log.endOffset]])
}
