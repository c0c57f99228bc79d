/**
 * Where a reader stands in one partition: what it will deliver next, what it will fetch next, and where it stops.
 * Pure state; every transition is a method.
 *
 * Invariants: `position ≤ fetchOffset`; everything fetched under an older `generation` is dropped; a paused, failed or
 * finished partition is not fetched.
 */
import { NO_LEADER_EPOCH } from '@millrace/base'
import type { LeaderEpoch, Uuid } from '@millrace/base'
import type { Position } from '../consumer-options.ts'

const UNKNOWN = -1

export class PartitionCursor {
  readonly topic: string
  readonly partition: number
  /** Rises with every seek, pause and failure. */
  generation = 0
  /** Offset of the next record to deliver; −1 until the start is known. */
  position = UNKNOWN
  /** Where the next fetch starts. */
  fetchOffset = UNKNOWN
  /** First offset that is not delivered any more; Infinity: read on for ever. */
  endOffset = Infinity
  /** −1 until a broker told. */
  highWatermark = UNKNOWN
  /** Of the last batch that was fetched: the broker compares it with its own history (KIP-595). */
  lastFetchedEpoch: LeaderEpoch = NO_LEADER_EPOCH
  /** Of the topic that the offsets belong to; null where brokers give no ids. */
  topicId: Uuid | null = null
  isFetching = false
  /** Failures in a row, since when, and when to try again; on the monotonic clock. */
  failures = 0
  failingSinceMs = 0
  retryAtMs = 0
  #start: Position | null
  readonly #askedUntil: Position | null
  #until: Position | null
  #isPaused = false
  #hasFailed = false

  constructor(topic: string, partition: number, start: Position, until: Position | undefined) {
    this.topic = topic
    this.partition = partition
    this.#start = start
    this.#askedUntil = until ?? null
    this.#until = this.#askedUntil
  }

  /** What has to be looked up before the first fetch; null when the position is known. */
  get start(): Position | null {
    return this.position === UNKNOWN ? this.#start : null
  }

  /** What has to be looked up before it is known where to stop. */
  get until(): Position | null {
    return this.#until
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Nothing will be delivered any more, unless somebody seeks. */
  get isFinished(): boolean {
    return this.#until === null && this.position !== UNKNOWN && this.position >= this.endOffset
  }

  /** Records between here and the high watermark; null while either is unknown. */
  get lag(): number | null {
    if (this.position === UNKNOWN || this.highWatermark === UNKNOWN) return null
    return Math.max(0, this.highWatermark - this.position)
  }

  canFetch(nowMs: number): boolean {
    return (
      this.fetchOffset !== UNKNOWN &&
      this.#until === null &&
      this.fetchOffset < this.endOffset &&
      !this.isFetching &&
      !this.#isPaused &&
      !this.#hasFailed &&
      nowMs >= this.retryAtMs
    )
  }

  needsStart(nowMs: number): boolean {
    return (
      (this.start !== null || this.#until !== null) &&
      !this.isFetching &&
      !this.#hasFailed &&
      nowMs >= this.retryAtMs
    )
  }

  /** The start was looked up. */
  onStart(offset: number): void {
    this.position = offset
    this.fetchOffset = offset
  }

  /** @returns whether that is less than was known: records have been lost since then */
  onUntil(offset: number): boolean {
    const isLess = this.endOffset !== Infinity && offset < this.endOffset
    // What came later is behind the end all the same.
    this.endOffset = Math.min(this.endOffset, offset)
    this.#until = null
    return isLess
  }

  /**
   * All there is was fetched, and the end is not reached: perhaps the log has lost what was there when the end was looked
   * up. An end that was given as a number may be ahead of the log and is waited for.
   */
  askForEndAgain(): void {
    const until = this.#askedUntil
    const isNumber = typeof until === 'object' && until !== null && 'offset' in until
    const isBehind = this.highWatermark !== UNKNOWN && this.highWatermark < this.endOffset
    if (isBehind && this.fetchOffset >= this.highWatermark && !isNumber) this.#until = until
  }

  onFetched(nextOffset: number, lastEpoch: LeaderEpoch): void {
    this.fetchOffset = nextOffset
    this.lastFetchedEpoch = lastEpoch
    this.#start = null
  }

  /** Everything below `offset` has been delivered or was nothing to deliver. */
  advanceTo(offset: number): void {
    if (offset > this.position) this.position = offset
  }

  seek(to: Position): void {
    this.#restart(to)
    this.#hasFailed = false
  }

  /** The position is outside the log: starts again from what it was asked to start from, if that was no number. */
  get symbolicStart(): Position | null {
    return this.#start !== null && !(typeof this.#start === 'object' && 'offset' in this.#start)
      ? this.#start
      : null
  }

  /** Fetched records are dropped, so that they do not occupy memory that others wait for; resuming fetches them anew. */
  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#rewind()
  }

  resume(): void {
    this.#isPaused = false
  }

  /** Nothing is fetched until the error was reported: what had been fetched before comes first. */
  fail(): void {
    this.#hasFailed = true
  }

  /** The error was reported: whoever asks for more tries once more from the same position. */
  recover(): void {
    this.#hasFailed = false
    this.failures = 0
    this.retryAtMs = 0
    this.#rewind()
  }

  onSuccess(): void {
    this.failures = 0
    this.retryAtMs = 0
  }

  onFailure(nowMs: number): void {
    if (this.failures++ === 0) this.failingSinceMs = nowMs
  }

  #rewind(): void {
    this.generation++
    this.fetchOffset = this.position
    this.lastFetchedEpoch = NO_LEADER_EPOCH
  }

  #restart(start: Position): void {
    this.#start = start
    const isOffset = typeof start === 'object' && 'offset' in start
    this.position = isOffset ? start.offset : UNKNOWN
    this.failures = 0
    this.retryAtMs = 0
    this.#rewind()
  }
}
