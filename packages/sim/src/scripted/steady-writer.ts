/**
 * An application that sends a record to partition 0 every few milliseconds with the producer as it comes, whatever becomes
 * of those before, and for how long it was not told that any was stored.
 */
import { Producer } from '@millrace/producer-client'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { SimNode } from '../world/sim-node.ts'

const PAUSE_MS = 5
const WAIT_MS = 60_000

export class SteadyWriter {
  readonly #cluster: SimCluster
  readonly #machine: SimNode
  readonly #topic: string
  /** What the application was told of records that were not stored. */
  readonly errors: string[] = []
  #producer: Producer | null = null
  #next = 0
  #newest = -1
  #acknowledgedAtMs: number
  #longestSilenceMs = 0

  constructor(cluster: SimCluster, topic: string) {
    const { world, bootstrap } = cluster
    this.#cluster = cluster
    this.#topic = topic
    this.#acknowledgedAtMs = world.nowMs
    this.#machine = world.addNode('writer')
    this.#machine.start((env) => {
      this.#producer = new Producer({ bootstrap, env, lingerMs: 0 })
      this.#sendLater()
    })
  }

  /** Longest time without an acknowledgement since the last call. */
  takeLongestSilenceMs(): number {
    const longestMs = Math.max(this.#longestSilenceMs, this.#cluster.world.nowMs - this.#acknowledgedAtMs)
    this.#longestSilenceMs = 0
    return longestMs
  }

  /** Until a record that is sent from now on is acknowledged. @throws Violation of kind `stuck` */
  waitForNext(): void {
    const from = this.#next
    this.#cluster.world.runUntil(() => this.#newest >= from, WAIT_MS, 'an acknowledged record')
  }

  #sendLater(): void {
    this.#machine.env.timers.after(PAUSE_MS, () => {
      this.#send()
      this.#sendLater()
    })
  }

  #send(): void {
    const value = this.#next++
    this.#producer!.send(this.#topic, { value: String(value), partition: 0 }).then(
      () => this.#onAcknowledged(value),
      (error: unknown) => this.errors.push(String(error)),
    )
  }

  #onAcknowledged(value: number): void {
    const { nowMs } = this.#cluster.world
    this.#newest = Math.max(this.#newest, value)
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, nowMs - this.#acknowledgedAtMs)
    this.#acknowledgedAtMs = nowMs
  }
}
