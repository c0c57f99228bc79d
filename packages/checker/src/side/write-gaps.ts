/**
 * How long nothing was acknowledged: for each fault, the longest gap between two acknowledgements of one key that touches
 * the fault's time, in milliseconds. Time in which nobody tried to write does not count.
 *
 * A fault lasts from its `invoke` to the next other line of the same fault and target; one that never ends is a moment.
 */
import type { HistoryLine } from '../history/history-line.ts'

export interface WriteGap {
  readonly lengthMs: number
  readonly key: string
  readonly beganMs: number
  /** Nothing was acknowledged any more; the gap lasts to the last attempt's end. */
  readonly open: boolean
}

export interface FaultGap {
  readonly fault: string
  readonly target: string | null
  readonly beganMs: number
  readonly endedMs: number
  /** Null: no gap touches the fault. */
  readonly gap: WriteGap | null
}

interface Fault {
  readonly fault: string
  readonly target: string | null
  readonly beganMs: number
  /** Infinity: it has not ended. */
  endedMs: number
  /** The longest that touches the fault's time. */
  gap: WriteGap | null
  /** The longest that touches its begin, in case that it never ends. */
  firstGap: WriteGap | null
}

interface KeyProgress {
  /** Of the last acknowledgement; −1 before the first. */
  ackedMs: number
  /** Begin of the first attempt since then; −1 for none. */
  triedMs: number
  /** End of the last attempt that failed since then; −1 for none. */
  failedMs: number
}

const NEVER = -1

export class WriteGaps {
  readonly #keys = new Map<string, KeyProgress>()
  readonly #faults: Fault[] = []
  readonly #openFaults = new Map<string, Fault>()
  #longest: WriteGap | null = null

  add(line: HistoryLine): void {
    if (line.f === 'nemesis') this.#takeFault(line)
    if (line.f !== 'send' && line.f !== 'txn') return
    for (const mop of line.mops) if (mop[0] === 's') this.#takeSend(line, mop[1])
  }

  /** To be called once, after the last line. */
  finish(): { readonly longest: WriteGap | null; readonly faults: readonly FaultGap[] } {
    for (const [key, { ackedMs, triedMs, failedMs }] of this.#keys) {
      const beganMs = Math.max(ackedMs, triedMs)
      if (failedMs > beganMs && beganMs !== NEVER)
        this.#takeGap({ lengthMs: failedMs - beganMs, key, beganMs, open: true })
    }
    for (const fault of this.#openFaults.values()) shorten(fault)
    const faults = this.#faults.map(({ firstGap: _, ...fault }) => fault)
    return { longest: this.#longest, faults }
  }

  #takeSend({ type, t }: HistoryLine, key: string): void {
    let progress = this.#keys.get(key)
    if (progress === undefined) {
      progress = { ackedMs: NEVER, triedMs: NEVER, failedMs: NEVER }
      this.#keys.set(key, progress)
    }
    if (type === 'invoke') {
      if (progress.triedMs === NEVER) progress.triedMs = t
      return
    }
    if (type !== 'ok') {
      progress.failedMs = t
      return
    }
    const beganMs = Math.max(progress.ackedMs, progress.triedMs)
    if (beganMs !== NEVER) this.#takeGap({ lengthMs: t - beganMs, key, beganMs, open: false })
    progress.ackedMs = t
    progress.triedMs = NEVER
    progress.failedMs = NEVER
  }

  #takeGap(gap: WriteGap): void {
    if (isLonger(gap, this.#longest)) this.#longest = gap
    const endedMs = gap.beganMs + gap.lengthMs
    for (const fault of this.#faults) {
      if (fault.beganMs > endedMs || fault.endedMs < gap.beganMs) continue
      if (isLonger(gap, fault.gap)) fault.gap = gap
      if (gap.beganMs <= fault.beganMs && isLonger(gap, fault.firstGap)) fault.firstGap = gap
    }
  }

  #takeFault({ type, t, mops }: HistoryLine): void {
    for (const mop of mops) {
      if (mop[0] !== 'n') continue
      const [, fault, target] = mop
      const name = JSON.stringify([fault, target])
      const open = this.#openFaults.get(name)
      if (type === 'invoke') {
        if (open !== undefined) shorten(open)
        const begun: Fault = { fault, target, beganMs: t, endedMs: Infinity, gap: null, firstGap: null }
        this.#faults.push(begun)
        this.#openFaults.set(name, begun)
      } else if (open !== undefined) {
        open.endedMs = t
        this.#openFaults.delete(name)
      }
    }
  }
}

/** A fault that had no end was a moment. */
function shorten(fault: Fault): void {
  fault.endedMs = fault.beganMs
  fault.gap = fault.firstGap
}

function isLonger(gap: WriteGap, than: WriteGap | null): boolean {
  return than === null || gap.lengthMs > than.lengthMs
}
