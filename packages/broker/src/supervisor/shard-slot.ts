/**
 * The place of one shard: whoever runs in it, and the order of what is asked of it.
 *
 * Invariants: a shard's calls run one after another; a call to a shard that is not there, or dies meanwhile, answers
 * null, so that nobody waits for the dead.
 */
import { PortClosedError } from '../thread/calls.ts'
import type { ShardUpdate } from '../shard/shard-control.ts'
import type { LaunchedShard } from './shard-launcher.ts'

export class ShardSlot {
  readonly index: number
  /** Deaths without a long life in between. */
  deathsInARow = 0
  startedAtMs = 0
  ownPort = 0
  /** It has recovered its partitions and serves them. */
  isServing = false
  #shard: LaunchedShard | null = null
  #tail: Promise<unknown> = Promise.resolve()
  #lastPublished: Promise<unknown> = Promise.resolve()

  constructor(index: number) {
    this.index = index
  }

  get shard(): LaunchedShard | null {
    return this.#shard
  }

  enter(shard: LaunchedShard): void {
    this.#shard = shard
    this.isServing = false
    this.#tail = Promise.resolve()
  }

  /** What is still asked of it is answered with null. */
  leave(): void {
    this.#shard = null
    this.isServing = false
    this.ownPort = 0
  }

  /** Asks once everything asked before is answered. */
  ask<T>(call: (shard: LaunchedShard) => Promise<T>): Promise<T | null> {
    const shard = this.#shard
    if (shard === null) return Promise.resolve(null)
    const answer = this.#tail.then(() => (this.#shard === shard ? call(shard) : null)).catch(nullWhenGone)
    this.#tail = answer.catch(() => {
      // Whoever asked is told; those who asked later are not concerned.
    })
    return answer
  }

  /** Tells of a change of metadata. Rejects when the shard can't follow it. */
  publish(update: ShardUpdate): Promise<unknown> {
    const published = this.ask((shard) => shard.publish(update))
    this.#lastPublished = published.catch(() => {
      // Whoever published is told, and ends the shard: nothing is left to wait for.
    })
    return published
  }

  /**
   * Resolves when every change published so far is applied. Waits for nothing that was asked after it: a shard that
   * drains waits for its requests, and one of those may be waiting here.
   */
  async applied(): Promise<void> {
    await this.#lastPublished
  }
}

function nullWhenGone(error: unknown): null {
  if (error instanceof PortClosedError) return null
  throw error
}
