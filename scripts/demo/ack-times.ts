/** When which partition acknowledged records: how long writes stood still. */

export class AckTimes {
  /** Ascending, in ms of `performance.now()`, by partition. */
  readonly #byPartition = new Map<number, number[]>()

  add(partition: number, atMs: number): void {
    const times = this.#byPartition.get(partition)
    if (times === undefined) this.#byPartition.set(partition, [atMs])
    else times.push(atMs)
  }

  /**
   * @returns the longest time, in ms, for which one of the partitions acknowledged nothing, of those that end after `sinceMs`
   * and begin before `untilMs`
   */
  longestPauseMs(partitions: readonly number[], sinceMs: number, untilMs: number): number {
    let longestMs = 0
    for (const partition of partitions) {
      const times = this.#byPartition.get(partition) ?? []
      for (const [index, atMs] of times.entries()) {
        const beforeMs = times[index - 1] ?? atMs
        if (atMs > sinceMs && beforeMs < untilMs) longestMs = Math.max(longestMs, atMs - beforeMs)
      }
    }
    return longestMs
  }
}
