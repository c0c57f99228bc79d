/**
 * This broker's session, by its own clock: over when nothing has renewed it for as long as it lasts.
 *
 * Owns: one timer to its end, which renewing does not touch. Must not know: what renews it, and what follows from its end.
 * Invariant: ends and renewals are told in turn; before the first renewal, and once it is closed, nothing is.
 */
import type { Env, TimerId } from '@millrace/base'

export class SessionClock {
  readonly #env: Pick<Env, 'clock' | 'timers'>
  readonly #timeoutMs: number
  readonly #onChange: (isOver: boolean) => void
  #renewedAtMs = 0
  #isOver = false
  #timer: TimerId | null = null

  constructor(env: Pick<Env, 'clock' | 'timers'>, timeoutMs: number, onChange: (isOver: boolean) => void) {
    this.#env = env
    this.#timeoutMs = timeoutMs
    this.#onChange = onChange
  }

  renew(): void {
    this.#renewedAtMs = this.#env.clock.monoMs()
    if (this.#timer === null) this.#arm(this.#timeoutMs)
    if (!this.#isOver) return
    this.#isOver = false
    this.#onChange(false)
  }

  close(): void {
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#timer = null
  }

  #arm(delayMs: number): void {
    this.#timer = this.#env.timers.after(delayMs, () => {
      this.#timer = null
      const leftMs = this.#renewedAtMs + this.#timeoutMs - this.#env.clock.monoMs()
      if (leftMs > 0) return this.#arm(leftMs)
      this.#isOver = true
      this.#onChange(true)
    })
  }
}
