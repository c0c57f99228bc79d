/**
 * Fetches of throttled followers that wait until the broker may fetch more (KIP-73), and how much those that were let go may
 * bring.
 *
 * Owns: who waits, in which order; the bytes taken from the quota for fetches that are under way. Must not know: leaders,
 * connections.
 * Invariants: what is in sync, or not throttled, never waits; at most one fetch of a replica waits. Each that was let go has
 * taken from the quota what it may bring before the next one goes, so that a thousand that wait do not all go at once.
 */
import type { TimerId, Timers } from '@millrace/base'
import type { FetchAnswer, FollowerFetch } from '@millrace/replication'
import type { FetchingReplica } from '../replica-fetch.ts'
import type { ReplicationQuota } from '../replication-quota.ts'

export interface HeldFetchesOptions {
  readonly timers: Timers
  readonly quota: ReplicationQuota
  /** Most that the leader answers to one fetch. */
  readonly answerBytesMax: number
}

export class HeldFetches {
  readonly #options: HeldFetchesOptions
  readonly #held = new Map<FetchingReplica, () => void>()
  /** Taken from the quota for the fetch under way. */
  readonly #taken = new WeakMap<FetchingReplica, number>()
  /** They had all that was committed when their leader answered last, whether or not the ISR says so yet. */
  readonly #caughtUp = new WeakSet<FetchingReplica>()
  #timer: TimerId | null = null

  constructor(options: HeldFetchesOptions) {
    this.#options = options
  }

  /** Runs `send` now, or when the fetch may go; replaces what waits of this replica. */
  pass(replica: FetchingReplica, send: () => void): void {
    this.#held.delete(replica)
    if (this.#mayGo(replica)) return this.#letGo(replica, send)
    this.#held.set(replica, send)
    this.#arm()
  }

  remove(replica: FetchingReplica): void {
    this.#held.delete(replica)
  }

  /** The rate, the list of throttled replicas or the ISR may have changed, or time has passed. */
  reconsider(): void {
    if (this.#held.size === 0) return
    if (this.#timer !== null) this.#options.timers.cancel(this.#timer)
    this.#timer = null
    for (const [replica, send] of this.#held) {
      if (!this.#mayGo(replica)) continue
      this.#held.delete(replica)
      this.#letGo(replica, send)
    }
    this.#arm()
  }

  /** @param answer null: none came */
  onAnswer(replica: FetchingReplica, fetch: FollowerFetch, answer: FetchAnswer | null): void {
    const taken = this.#taken.get(replica)
    if (taken === undefined && !replica.isThrottledAsFollower) return
    this.#taken.delete(replica)
    const bytes = bytesOf(answer)
    if (taken !== undefined) this.#options.quota.spend(bytes - taken)
    else this.#options.quota.count(bytes)
    if (answer?.kind !== 'records') return
    const endOffset = answer.records?.endOffset ?? fetch.fetchOffset
    if (endOffset >= answer.highWatermark) this.#caughtUp.add(replica)
    else this.#caughtUp.delete(replica)
  }

  close(): void {
    if (this.#timer !== null) this.#options.timers.cancel(this.#timer)
    this.#timer = null
    this.#held.clear()
  }

  #mayGo(replica: FetchingReplica): boolean {
    return !this.#keepsToQuota(replica) || this.#options.quota.waitMs === 0
  }

  #keepsToQuota(replica: FetchingReplica): boolean {
    return replica.isThrottledAsFollower && !replica.isInSync && !this.#caughtUp.has(replica)
  }

  #letGo(replica: FetchingReplica, send: () => void): void {
    if (this.#keepsToQuota(replica)) {
      const { quota, answerBytesMax } = this.#options
      const bytes = Math.min(answerBytesMax, quota.bytesMax)
      quota.spend(bytes)
      this.#taken.set(replica, bytes)
    }
    send()
  }

  #arm(): void {
    const { quota, timers } = this.#options
    const { waitMs } = quota
    if (this.#held.size === 0 || this.#timer !== null || waitMs === Infinity) return
    this.#timer = timers.after(waitMs, () => {
      this.#timer = null
      this.reconsider()
    })
  }
}

function bytesOf(answer: FetchAnswer | null): number {
  return answer?.kind === 'records' && answer.records !== null ? (answer.records.data as Buffer).length : 0
}
