/** Virtual time: what happens next is what is due first, and of that what was planned first. */
interface Planned {
  readonly atMs: number
  readonly run: () => void
}

export class Schedule {
  nowMs = 0
  /** Events that have happened. */
  count = 0
  /** By time, the next one last. */
  readonly #planned: Planned[] = []

  after(delayMs: number, run: () => void): void {
    const planned = { atMs: this.nowMs + delayMs, run }
    let low = 0
    let high = this.#planned.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#planned[middle]!.atMs > planned.atMs) low = middle + 1
      else high = middle
    }
    this.#planned.splice(low, 0, planned)
  }

  /** @returns whether anything was due by then */
  step(untilMs: number): boolean {
    const next = this.#planned.at(-1)
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = untilMs
      return false
    }
    this.#planned.pop()
    this.nowMs = next.atMs
    this.count += 1
    next.run()
    return true
  }
}
