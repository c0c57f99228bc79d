/** How far the writers are, for those who watch a run. */

export class Progress {
  #acknowledged = 0
  #uncertain = 0
  /** Of a monotonic clock. */
  #acknowledgedAtMs = performance.now()
  /** By key: one more than the highest acknowledged offset. */
  readonly #endOffsets = new Map<string, number>()

  get acknowledged(): number {
    return this.#acknowledged
  }

  get uncertain(): number {
    return this.#uncertain
  }

  /** Since a record was acknowledged. */
  get silentMs(): number {
    return performance.now() - this.#acknowledgedAtMs
  }

  /** The end of the log must be at least here, or something acknowledged is gone. */
  endOffsetOf(key: string): number {
    return this.#endOffsets.get(key) ?? 0
  }

  onAcknowledged(key: string, offset: number): void {
    this.#acknowledged += 1
    this.#acknowledgedAtMs = performance.now()
    this.#endOffsets.set(key, Math.max(this.endOffsetOf(key), offset + 1))
  }

  onUncertain(): void {
    this.#uncertain += 1
  }
}
