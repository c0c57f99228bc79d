/**
 * Whether clients see and make an order: inside one operation, and from one operation of a client to its next one.
 *
 * Neighbouring records of a key should be neighbours in its version order. Polls are measured by the versions that
 * anybody read, so that a lost record is a lost write, not a skip of every reader as well; records below the log start
 * may be skipped. A rebalance makes the order of its keys meaningless for the operation, and for the step to the next.
 */
import { NO_OFFSET } from '@millrace/base'
import type { Mode } from '../history/history-line.ts'
import type { History, Operation, Proc, TrackedRecord } from '../history/history.ts'
import { type Commitment, mayBeApplied } from '../order/commitment.ts'
import type { VersionOrder } from '../order/version-order.ts'
import type { AnomalyList } from './anomaly-list.ts'
import { type AnomalyKind, type Circumstances, evidenceOf, shown } from './anomaly.ts'

/** Where a client is in one key: a record it read or wrote, its version, and the operation that did it. */
interface Position {
  readonly record: TrackedRecord
  readonly version: number
  readonly operation: Operation
}

interface Cursor {
  subscribed: boolean
  readonly polls: Map<string, Position>
  readonly sends: Map<string, Position>
}

interface Names {
  readonly inside: { readonly skip: AnomalyKind; readonly back: AnomalyKind }
  readonly across: { readonly skip: AnomalyKind | null; readonly back: AnomalyKind }
}

const POLLS: Names = {
  inside: { skip: 'int-poll-skip', back: 'int-nonmonotonic-poll' },
  across: { skip: 'poll-skip', back: 'nonmonotonic-poll' },
}
/** Between two operations of a writer others may write. */
const SENDS: Names = {
  inside: { skip: 'int-send-skip', back: 'int-nonmonotonic-send' },
  across: { skip: null, back: 'nonmonotonic-send' },
}

export interface OrderCounts {
  /** Records that lie before one that their writer sent earlier. */
  writtenOutOfOrder: number
  /** Records that a reader got after one that lies behind them, without a rebalance. */
  readOutOfOrder: number
}

export class OrderAnomalies {
  readonly counts: OrderCounts = { writtenOutOfOrder: 0, readOutOfOrder: 0 }
  readonly #orders: ReadonlyMap<string, VersionOrder>
  readonly #commitment: Commitment
  readonly #anomalies: AnomalyList
  readonly #subscribed: boolean
  readonly #cursors = new Map<Proc, Cursor>()

  constructor(
    orders: ReadonlyMap<string, VersionOrder>,
    commitment: Commitment,
    mode: Mode,
    anomalies: AnomalyList,
  ) {
    this.#orders = orders
    this.#commitment = commitment
    this.#anomalies = anomalies
    this.#subscribed = mode.assignment === 'subscribe'
  }

  find({ operations }: History): OrderCounts {
    for (const operation of operations) {
      const cursor = this.#cursor(operation.proc)
      if (operation.f === 'send' || operation.f === 'poll' || operation.f === 'txn') {
        if (operation.sends.length > 0 && mayBeApplied(operation)) this.#followSends(operation, cursor)
        // What a poll returned whose end is not known is not where its client went on.
        if (operation.reads.length > 0 && operation.type === 'ok') this.#followReads(operation, cursor)
      } else forget(operation, cursor)
    }
    return this.counts
  }

  #cursor(proc: Proc): Cursor {
    let cursor = this.#cursors.get(proc)
    if (cursor === undefined) {
      cursor = { subscribed: this.#subscribed, polls: new Map(), sends: new Map() }
      this.#cursors.set(proc, cursor)
    }
    return cursor
  }

  #followSends(operation: Operation, { sends }: Cursor): void {
    for (const record of operation.sends) {
      if (!this.#commitment.isCommitted(record) || record.version < 0) continue
      const order = this.#orders.get(record.key.name)!
      // What the writer was told counts; a second place of the record is a duplicate, not a disorder.
      const version =
        record.ackedOffset === NO_OFFSET ? record.version : order.versionOf(record, record.ackedOffset)
      const position = { record, version, operation }
      const before = sends.get(order.key.name)
      if (before !== undefined) this.#compareSends(before, position)
      sends.set(order.key.name, position)
    }
  }

  #compareSends(before: Position, after: Position): void {
    const names = before.operation === after.operation ? SENDS.inside : SENDS.across
    const step = after.version - before.version
    if (step < 1) {
      this.counts.writtenOutOfOrder += 1
      this.#add(names.back, {}, before, after)
    } else if (step > 1 && names.skip !== null) this.#add(names.skip, {}, before, after)
  }

  #followReads(operation: Operation, { polls, subscribed }: Cursor): void {
    const { reads, readOffsets, keys } = operation
    let order: VersionOrder | null = null
    for (let at = 0; at < reads.length; at += 1) {
      const record = reads[at]!
      const { name } = record.key
      if (keys.size > 0 && keys.has(name)) continue
      if (order?.key !== record.key) order = this.#orders.get(name)!
      const position = { record, version: order.versionOf(record, readOffsets[at]!), operation }
      const before = polls.get(name)
      if (before !== undefined) this.#comparePolls(order, before, position, subscribed)
      polls.set(name, position)
    }
    for (const key of keys) polls.delete(key)
  }

  #comparePolls(order: VersionOrder, before: Position, after: Position, subscribed: boolean): void {
    const inside = before.operation === after.operation
    const names = inside ? POLLS.inside : POLLS.across
    const step = order.readRank(after.version) - order.readRank(before.version)
    if (step < 1) {
      if (inside || !subscribed) this.counts.readOutOfOrder += 1
      this.#add(names.back, { subscribed }, before, after)
    } else if (step > 1 && order.offsets[after.version - 1]! >= order.key.logStartOffset)
      this.#add(names.skip!, { subscribed }, before, after)
  }

  #add(kind: AnomalyKind, at: Circumstances, before: Position, after: Position): void {
    this.#anomalies.add(kind, at, () => {
      const { offsets, records } = this.#orders.get(before.record.key.name)!
      const place = ({ record, version }: Position) => `${shown(record.value)} at offset ${offsets[version]}`
      const between = records.slice(before.version + 1, Math.max(before.version + 1, after.version))
      const skipped = between.find(({ reader }) => reader !== null) ?? between[0] ?? null
      const omitted = skipped === null ? '' : `; between them lies ${shown(skipped.value)}`
      return {
        key: before.record.key.name,
        message: `${place(before)}, then ${place(after)}${omitted}`,
        operations: evidenceOf(before.operation, after.operation, skipped?.writer ?? null),
      }
    })
  }
}

/** A position is kept only by an `assign` that goes on with its key, as Kafka's consumer does. */
function forget(operation: Operation, cursor: Cursor): void {
  if (operation.f === 'assign') {
    for (const key of cursor.polls.keys()) if (!operation.keys.has(key)) cursor.polls.delete(key)
  } else cursor.polls.clear()
  if (operation.f === 'crash') cursor.sends.clear()
  else cursor.subscribed = operation.f === 'subscribe'
}
