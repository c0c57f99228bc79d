/** Writes short histories by hand: numbers the lines, a millisecond apart. */
import {
  type AnomalyGroup,
  type AnomalyKind,
  formatHistoryLine,
  HistoryChecker,
  type HistoryLine,
  HistoryReader,
  type LineType,
  type Mode,
  type Mop,
  type Operator,
  type Report,
  type SendMop,
  type Value,
} from '../src/index.ts'

export type Polled = Readonly<Record<string, readonly (readonly [number, Value])[]>>

interface Extras {
  readonly reb?: readonly string[]
  readonly gen?: number
  readonly err?: string
}

export class HistoryScript {
  readonly lines: HistoryLine[] = []
  /** Of the next line. */
  nowMs = 0

  add(proc: string, f: Operator, type: LineType, mops: readonly Mop[], extras: Extras = {}): this {
    this.lines.push({ i: this.lines.length, proc, f, type, t: this.nowMs, mops, ...extras })
    this.nowMs += 1
    return this
  }

  at(ms: number): this {
    this.nowMs = ms
    return this
  }

  mode(mode: Partial<Mode>): this {
    return this.add('harness', 'mode', 'info', [['m', mode]])
  }

  /** Both lines of a send; the offset is of its acknowledgement. */
  send(proc: string, key: string, value: Value, offset: number | null = null, type: LineType = 'ok'): this {
    this.add(proc, 'send', 'invoke', [['s', key, null, value]])
    return this.add(proc, 'send', type, [['s', key, offset, value]])
  }

  poll(proc: string, polled: Polled, extras: Extras = {}): this {
    return this.add(proc, 'poll', 'ok', [['p', polled]], extras)
  }

  txn(proc: string, type: LineType, sends: readonly SendMop[], polled: Polled = {}): this {
    return this.add(proc, 'txn', type, [...sends, ['p', polled]])
  }

  /** A fresh reader reads the whole key and comes to its end. */
  finalRead(key: string, records: readonly (readonly [number, Value])[], endOffset?: number): this {
    this.add('final', 'final', 'invoke', [['e', key, 0]])
    if (records.length > 0) this.poll('final', { [key]: records })
    return this.add('final', 'final', 'ok', [['e', key, endOffset ?? (records.at(-1)?.[0] ?? -1) + 1]])
  }

  /** Through text and back, as every history goes. */
  check(): Report {
    return checkLines(this.lines)
  }
}

export function script(): HistoryScript {
  return new HistoryScript()
}

export function checkLines(lines: Iterable<HistoryLine>): Report {
  const checker = new HistoryChecker()
  const reader = new HistoryReader((line) => checker.add(line))
  for (const line of lines) reader.push(formatHistoryLine(line))
  reader.end()
  return checker.finish()
}

/** The group of a kind, legal or not; undefined when there is none. */
export function groupOf(report: Report, kind: AnomalyKind): AnomalyGroup | undefined {
  return report.anomalies.find((group) => group.kind === kind)
}

/** Kinds of the illegal anomalies. */
export function wrongKinds(report: Report): AnomalyKind[] {
  return report.anomalies.filter(({ legal }) => !legal).map(({ kind }) => kind)
}

/** `i` of the operations that the first example names. */
export function shownBy(report: Report, kind: AnomalyKind): number[] {
  return (groupOf(report, kind)?.examples[0]?.operations ?? []).map(({ i }) => i)
}
