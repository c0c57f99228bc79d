/**
 * When preferred replicas are made leaders again: every so often while this node is the active controller, and at once
 * where one decision was not enough.
 *
 * Owns: one timer. Must not know: what is decided.
 */
import type { Env, TimerId } from '@millrace/base'

export interface LeaderBalanceConfig {
  /** `auto.leader.rebalance.enable` */
  readonly isEnabled: boolean
  /** `leader.imbalance.check.interval.seconds` */
  readonly intervalMs: number
  /** `leader.imbalance.per.broker.percentage` */
  readonly imbalancePercentage: number
}

/** So that clients of the first partitions have found their new leaders before the next ones move. */
const NEXT_PART_MS = 1000

export class LeaderBalancer {
  readonly #env: Pick<Env, 'timers'>
  readonly #config: LeaderBalanceConfig
  readonly #balance: (imbalancePercentage: number) => Promise<boolean>
  #timer: TimerId | null = null
  /** Rises with each start and stop: what was begun before is not carried on. */
  #term = 0

  /** @param balance decides and commits; resolves to whether there is more to do soon */
  constructor(
    env: Pick<Env, 'timers'>,
    config: LeaderBalanceConfig,
    balance: (imbalancePercentage: number) => Promise<boolean>,
  ) {
    this.#env = env
    this.#config = config
    this.#balance = balance
  }

  start(): void {
    this.stop()
    if (this.#config.isEnabled) this.#arm(this.#config.intervalMs)
  }

  stop(): void {
    this.#term += 1
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#timer = null
  }

  #arm(delayMs: number): void {
    const term = this.#term
    this.#timer = this.#env.timers.after(delayMs, () => {
      this.#timer = null
      void this.#balance(this.#config.imbalancePercentage).then((hasMore) => {
        if (this.#term === term) this.#arm(hasMore ? NEXT_PART_MS : this.#config.intervalMs)
      })
    })
  }
}
