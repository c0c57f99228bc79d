/** Says in the log what a broker waits for, when it has waited for a while, and now and then after that. */
import type { Env } from '@millrace/base'

const FIRST_MS = 2000
const INTERVAL_MS = 10_000

export class WaitJournal {
  readonly #env: Pick<Env, 'clock' | 'log'>
  #sinceMs: number | null = null
  #nextLineMs = 0

  constructor(env: Pick<Env, 'clock' | 'log'>) {
    this.#env = env
  }

  /** It still waits. @param reason for people */
  report(state: string, reason: string): void {
    const nowMs = this.#env.clock.monoMs()
    if (this.#sinceMs === null) {
      this.#sinceMs = nowMs
      this.#nextLineMs = nowMs + FIRST_MS
    }
    if (nowMs < this.#nextLineMs) return
    this.#nextLineMs = nowMs + INTERVAL_MS
    this.#env.log.warn({ state, waitedMs: nowMs - this.#sinceMs, reason }, 'waiting for the controller')
  }

  over(): void {
    this.#sinceMs = null
  }
}
