/**
 * Offsets that one client was told about one key: within a leader epoch its high watermark and last stable offset never
 * fall, its log start never falls at all.
 */
import type { AnomalyList } from '../anomaly/anomaly-list.ts'
import type { AnomalyKind, Evidence } from '../anomaly/anomaly.ts'
import type { HistoryLine, SeenOffsets } from '../history/history-line.ts'

interface Highest {
  readonly offset: number
  readonly seenIn: Evidence
}

const FALLS: readonly {
  readonly field: 'highWatermark' | 'lastStable' | 'logStart'
  readonly kind: AnomalyKind
  readonly perEpoch: boolean
}[] = [
  { field: 'highWatermark', kind: 'high-watermark-fell', perEpoch: true },
  { field: 'lastStable', kind: 'last-stable-fell', perEpoch: true },
  { field: 'logStart', kind: 'log-start-fell', perEpoch: false },
]

/** An answer that does not name its epoch is compared with others that do not. */
const UNKNOWN_EPOCH = -1

export class SeenOffsetsCheck {
  readonly #anomalies: AnomalyList
  readonly #highest = new Map<string, Highest>()

  constructor(anomalies: AnomalyList) {
    this.#anomalies = anomalies
  }

  add(line: HistoryLine): void {
    if (line.f !== 'watch' || line.type !== 'ok') return
    for (const mop of line.mops) if (mop[0] === 'w') this.#compare(line, mop[1], mop[2])
  }

  #compare(line: HistoryLine, key: string, seen: SeenOffsets): void {
    const seenIn: Evidence = { i: line.i, proc: line.proc, f: line.f, type: line.type }
    for (const { field, kind, perEpoch } of FALLS) {
      const offset = seen[field]
      if (offset === undefined) continue
      const epoch = perEpoch ? (seen.epoch ?? UNKNOWN_EPOCH) : UNKNOWN_EPOCH
      const name = JSON.stringify([line.proc, key, field, epoch])
      const before = this.#highest.get(name)
      if (before === undefined || offset >= before.offset) this.#highest.set(name, { offset, seenIn })
      else
        this.#anomalies.add(kind, {}, () => ({
          key,
          message: `${field} was ${before.offset}, then ${offset}${perEpoch ? `, in leader epoch ${epoch}` : ''}`,
          operations: [before.seenIn, seenIn],
        }))
    }
  }
}
