/**
 * One follower as its leader sees it, in the current leader epoch.
 *
 * Invariants: what it acknowledged in another epoch, or in a fetch that was overtaken, is not in here.
 */
import { NO_OFFSET } from '@millrace/base'
import type { NodeId, Offset } from '@millrace/base'
import type { FollowerFetch } from './message.ts'

const NO_EPOCH = -1

export class FollowerProgress {
  readonly id: NodeId
  /** Its acknowledgement; NO_OFFSET: it has not fetched in this epoch. May fall: a damaged log is cut below what it held. */
  endOffset: Offset = NO_OFFSET
  /** The process that fetched; −1: none has. */
  brokerEpoch = NO_EPOCH
  logStartOffset: Offset = NO_OFFSET
  /** As it said, or as it was told since. */
  highWatermark: Offset = NO_OFFSET
  /** Waits until there is something to tell. */
  waiting: FollowerFetch | null = null
  #fetchId = -1
  #caughtUpAtMs: number
  #fetchedAtMs = -Infinity
  #leaderEndAtFetch: Offset = NO_OFFSET

  /** @param caughtUpAtMs members of the ISR get the benefit of the doubt */
  constructor(id: NodeId, caughtUpAtMs: number) {
    this.id = id
    this.#caughtUpAtMs = caughtUpAtMs
  }

  /** @returns whether the fetch was not overtaken by another, or by another process */
  isNews({ brokerEpoch, fetchId }: FollowerFetch): boolean {
    if (brokerEpoch !== this.brokerEpoch) return brokerEpoch > this.brokerEpoch
    return fetchId > this.#fetchId
  }

  /** The fetch arrived; what it acknowledges is not believed yet. */
  arrived({ brokerEpoch, fetchId }: FollowerFetch): void {
    this.waiting = null
    this.endOffset = NO_OFFSET
    this.brokerEpoch = brokerEpoch
    this.#fetchId = fetchId
  }

  /** Its log is a beginning of the leader's. */
  acknowledged(fetch: FollowerFetch, leaderEndOffset: Offset, nowMs: number): void {
    this.endOffset = fetch.fetchOffset
    this.logStartOffset = fetch.logStartOffset
    this.highWatermark = fetch.highWatermark
    // Never at the end while appends go on, yet it has all that was there when it fetched before: it keeps up.
    if (fetch.fetchOffset >= leaderEndOffset) this.#caughtUpAtMs = nowMs
    else if (fetch.fetchOffset >= this.#leaderEndAtFetch && this.#fetchedAtMs > this.#caughtUpAtMs) {
      this.#caughtUpAtMs = this.#fetchedAtMs
    }
    this.#fetchedAtMs = nowMs
    this.#leaderEndAtFetch = leaderEndOffset
  }

  /** The leader is about to append: who waits at the end may have fetched long ago, because there was nothing to fetch. */
  endMoves(leaderEndOffset: Offset, nowMs: number): void {
    if (this.endOffset === leaderEndOffset) this.#caughtUpAtMs = nowMs
  }

  /** `replica.lag.time.max.ms`: at the log's end, or there not long ago. */
  keepsUp(leaderEndOffset: Offset, nowMs: number, lagTimeMaxMs: number): boolean {
    return this.endOffset === leaderEndOffset || nowMs - this.#caughtUpAtMs <= lagTimeMaxMs
  }
}
