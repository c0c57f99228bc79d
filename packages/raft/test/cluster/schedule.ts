/** Virtual time: what happens next is what is due first, and of that what was planned first. */

interface Planned {
  readonly atMs: number
  readonly sequence: number
  readonly run: () => void
}

export class Schedule {
  nowMs = 0
  /** Events that have happened. */
  count = 0
  #sequence = 0
  readonly #heap: Planned[] = []

  after(delayMs: number, run: () => void): void {
    this.#sequence += 1
    const planned = { atMs: this.nowMs + delayMs, sequence: this.#sequence, run }
    const heap = this.#heap
    let index = heap.length
    heap.push(planned)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(planned, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = planned
  }

  /** @returns whether anything was due by then */
  step(untilMs: number): boolean {
    const next = this.#heap[0]
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = untilMs
      return false
    }
    this.#removeFirst()
    this.nowMs = next.atMs
    this.count += 1
    next.run()
    return true
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
