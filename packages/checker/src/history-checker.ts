/**
 * The checker of RELIABILITY.md §3.3, in the manner of Jepsen's Kafka workload: takes the lines of a history one by one
 * and keeps what it needs of them; `finish` says what is wrong.
 *
 * Pure: the same lines give the same report, whoever wrote them, simulator, chaos rig or user.
 */
import { assert } from '@millrace/base'
import { AnomalyList } from './anomaly/anomaly-list.ts'
import { findCycleAnomalies } from './anomaly/cycle-anomalies.ts'
import { findMissingRecords, type MissingCounts, unfinishedRead } from './anomaly/missing-records.ts'
import { OrderAnomalies } from './anomaly/order-anomalies.ts'
import { findPrecommittedReads, findRecordAnomalies } from './anomaly/record-anomalies.ts'
import { HistoryError, type HistoryLine, type Mode } from './history/history-line.ts'
import { History } from './history/history.ts'
import { Commitment } from './order/commitment.ts'
import { dependencyGraph } from './order/dependency-graph.ts'
import { VersionOrder } from './order/version-order.ts'
import type { RecordCounts, Report } from './report.ts'
import { CommittedOffsetsCheck } from './side/committed-offsets.ts'
import { OwnershipCheck } from './side/ownership.ts'
import { SeenOffsetsCheck } from './side/seen-offsets.ts'
import { WriteGaps } from './side/write-gaps.ts'

/** What our clients do unless they are told otherwise. */
export const DEFAULT_MODE: Mode = {
  assignment: 'assign',
  isolation: 'read_committed',
  idempotent: true,
}

export interface CheckerOptions {
  /** What a `mode` line of the history does not say. Default: `DEFAULT_MODE` */
  readonly mode?: Partial<Mode>
  /** Examples that are kept of each kind of anomaly. Default: 8 */
  readonly examplesMax?: number
}

export class HistoryChecker {
  readonly #options: CheckerOptions
  readonly #history = new History()
  readonly #gaps = new WriteGaps()
  /** Only a `mode` line that comes before everything else can say by what the rest is judged. */
  #judges: Judges | null = null
  #mode: Mode
  #lines = 0
  #lastLine = -1
  #finished = false

  constructor(options: CheckerOptions = {}) {
    this.#options = options
    this.#mode = { ...DEFAULT_MODE, ...options.mode }
  }

  /** @throws HistoryError when the line does not fit the ones before it */
  add(line: HistoryLine): void {
    assert(!this.#finished, 'a history that was judged takes no more lines')
    if (line.i <= this.#lastLine)
      throw new HistoryError(`i ${line.i} comes after i ${this.#lastLine}: i must rise`)
    this.#lastLine = line.i
    this.#lines += 1
    if (line.f === 'mode') {
      this.#setMode(line)
      return
    }
    this.#judges ??= new Judges(this.#mode, this.#options.examplesMax ?? 8)
    this.#history.add(line)
    this.#gaps.add(line)
    this.#judges.add(line)
  }

  finish(): Report {
    assert(!this.#finished, 'a history is judged once')
    this.#finished = true
    const { anomalies } = (this.#judges ??= new Judges(this.#mode, 0))
    const commitment = new Commitment(this.#mode.isolation)
    const orders = new Map<string, VersionOrder>()
    for (const [name, key] of this.#history.keys) orders.set(name, new VersionOrder(key, commitment))

    const missing: MissingCounts = { lost: 0, undecided: 0, expired: 0 }
    let duplicated = 0
    for (const order of orders.values()) {
      duplicated += findRecordAnomalies(order, commitment, anomalies)
      findMissingRecords(order, commitment, anomalies, missing)
    }
    findPrecommittedReads(this.#history, anomalies)
    const disorder = new OrderAnomalies(orders, commitment, this.#mode, anomalies).find(this.#history)
    findCycleAnomalies(dependencyGraph(this.#history, orders.values()), anomalies)

    const records = { ...countRecords(this.#history), ...missing, ...disorder, duplicated }
    const { longest, faults } = this.#gaps.finish()
    return {
      mode: this.#mode,
      lines: this.#lines,
      operations: this.#history.operations.length,
      keys: this.#history.keys.size,
      records,
      anomalies: anomalies.groups(),
      longestGap: longest,
      faults,
      gapsOfKnowledge: gapsOfKnowledge(this.#history, records),
    }
  }

  #setMode(line: HistoryLine): void {
    if (this.#judges !== null)
      throw new HistoryError(`i ${line.i}: the mode must come before everything else`)
    for (const mop of line.mops) if (mop[0] === 'm') this.#mode = { ...this.#mode, ...mop[1] }
  }
}

/** The checks that need no more than the lines in their order. */
class Judges {
  readonly anomalies: AnomalyList
  readonly #checks: readonly { add(line: HistoryLine): void }[]

  constructor(mode: Mode, examplesMax: number) {
    this.anomalies = new AnomalyList(mode, examplesMax)
    this.#checks = [
      new SeenOffsetsCheck(this.anomalies),
      new CommittedOffsetsCheck(this.anomalies),
      new OwnershipCheck(this.anomalies),
    ]
  }

  add(line: HistoryLine): void {
    for (const check of this.#checks) check.add(line)
  }
}

type PlainCounts = Pick<
  RecordCounts,
  'sent' | 'acknowledged' | 'uncertain' | 'failed' | 'read' | 'acknowledgedAndRead'
>

function countRecords({ keys }: History): PlainCounts {
  const counts = { sent: 0, acknowledged: 0, uncertain: 0, failed: 0, read: 0, acknowledgedAndRead: 0 }
  for (const { records } of keys.values())
    for (const { writer, reader } of records.values()) {
      if (reader !== null) counts.read += 1
      if (writer === null) continue
      counts.sent += 1
      if (writer.type === 'ok') counts.acknowledged += 1
      else if (writer.type === 'fail') counts.failed += 1
      else counts.uncertain += 1
      if (writer.type === 'ok' && reader !== null) counts.acknowledgedAndRead += 1
    }
  return counts
}

function gapsOfKnowledge({ keys }: History, { acknowledged, undecided }: RecordCounts): string[] {
  const gaps: string[] = []
  if (acknowledged === 0) gaps.push('nothing was acknowledged')
  if (undecided > 0) gaps.push(`records committed and read by nobody: ${undecided}`)
  for (const key of keys.values()) {
    const reason = key.records.size === 0 ? null : unfinishedRead(key)
    if (reason !== null) gaps.push(reason)
  }
  return gaps
}
