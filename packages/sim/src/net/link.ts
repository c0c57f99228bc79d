/**
 * The way from one host to another, in this direction only: latency, capacity, cuts, clogs. The state of the bytes on
 * it belongs to their connections; a link tells them when it comes back.
 */
import type { Rng } from '@millrace/base'
import { LOOPBACK_LATENCY_MS, type NetworkProfile } from './network-profile.ts'

export interface LinkDelay {
  readonly latencyMs: number
  readonly jitterMs: number
}

export class Link {
  readonly from: string
  readonly to: string
  /** This link's own stream: what happens here shifts no draw elsewhere. */
  readonly rng: Rng
  readonly #profile: NetworkProfile
  #delay: LinkDelay
  #cuts = 0
  #clogUntilMs = 0
  #busyUntilMs = 0
  /** Whom to tell that bytes pass again. */
  #waiting = new Set<() => void>()

  constructor(from: string, to: string, rng: Rng, profile: NetworkProfile) {
    this.from = from
    this.to = to
    this.rng = rng
    this.#profile = profile
    this.#delay = this.#usualDelay()
  }

  get isCut(): boolean {
    return this.#cuts > 0
  }

  /** Bytes do not come out before this time. */
  get clogUntilMs(): number {
    return this.#clogUntilMs
  }

  /** When bytes that leave now arrive. */
  arrivalMs(nowMs: number, bytes: number): number {
    const { bytesPerMs } = this.#profile
    let leftMs = nowMs
    if (bytesPerMs !== Infinity) {
      leftMs = Math.max(nowMs, this.#busyUntilMs) + bytes / bytesPerMs
      this.#busyUntilMs = leftMs
    }
    return leftMs + this.delayMs()
  }

  /** Latency of one packet. */
  delayMs(): number {
    const { latencyMs, jitterMs } = this.#delay
    return latencyMs + (jitterMs === 0 ? 0 : exponential(this.rng, jitterMs))
  }

  /** Cuts add up: the link is whole again after as many heals. */
  cut(): void {
    this.#cuts += 1
  }

  heal(): void {
    if (this.#cuts === 0) return
    this.#cuts -= 1
    if (this.#cuts === 0) this.#tell()
  }

  healAll(): void {
    if (this.#cuts > 0) this.#tell(() => (this.#cuts = 0))
    this.#clogUntilMs = 0
    this.#delay = this.#usualDelay()
  }

  clog(untilMs: number): void {
    this.#clogUntilMs = Math.max(this.#clogUntilMs, untilMs)
  }

  setDelay(delay: LinkDelay | null): void {
    this.#delay = delay ?? this.#usualDelay()
  }

  whenHealed(tell: () => void): void {
    this.#waiting.add(tell)
  }

  #tell(before?: () => void): void {
    before?.()
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const tell of waiting) tell()
  }

  #usualDelay(): LinkDelay {
    if (this.from === this.to) return { latencyMs: LOOPBACK_LATENCY_MS, jitterMs: 0 }
    return this.#profile
  }
}

function exponential(rng: Rng, mean: number): number {
  return -Math.log(1 - rng.u32() / 2 ** 32) * mean
}
