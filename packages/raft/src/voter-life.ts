/**
 * Which voters the leader has heard from lately, in ticks of half a fetch timeout: a voter that lives fetches at least once
 * in a fetch timeout.
 *
 * Must not know: time, why anybody asks.
 */
import type { NodeId } from '@millrace/base'

export class VoterLife {
  /** Since the last tick. */
  #heard = new Set<NodeId>()
  /** Between the last tick and the one before. */
  #heardBefore: ReadonlySet<NodeId> = new Set()
  #ticks = 0

  onHeardFrom(id: NodeId): void {
    this.#heard.add(id)
  }

  onTick(): void {
    this.#heardBefore = this.#heard
    this.#heard = new Set()
    this.#ticks += 1
  }

  /** It need not be told who leads. */
  hasFetchedSinceTick(id: NodeId): boolean {
    return this.#heard.has(id)
  }

  isAlive(id: NodeId): boolean {
    return this.#heard.has(id) || this.#heardBefore.has(id)
  }

  /** Whether one that is not alive is silent: it has had the time of two ticks to be heard. */
  get isKnown(): boolean {
    return this.#ticks >= 2
  }
}
