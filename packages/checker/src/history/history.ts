/**
 * What a history says about records: who sent each value, where it was stored, who read it first. Built line by line;
 * the lines themselves are not kept.
 *
 * Owns: operations in the order in which they began, keys, and one `TrackedRecord` per (key, value).
 * Must not know: what is an anomaly.
 * Invariants: a value of a key has at most one writer; an operation's records and reads do not change once it is done.
 */
import { NO_OFFSET } from '@millrace/base'
import {
  HistoryError,
  type HistoryLine,
  type Mop,
  type PollMop,
  type SendMop,
  type Value,
} from './history-line.ts'

/** One value of one key. A value that was read, but never sent, has no writer. */
export interface TrackedRecord {
  readonly key: KeyLog
  readonly value: Value
  writer: Operation | null
  /** From the acknowledgement; −1 when there was none, or it did not say. */
  ackedOffset: number
  /** Where a poll found it first; −1 when none did. */
  readOffset: number
  /** The first ok operation that read it; null when none did. */
  reader: Operation | null
  /** Further places where polls found it: it was stored more than once. */
  otherOffsets: Sighting[] | null
  /** Index of its lowest offset in the key's version order; −1 before that is known, or when it has no offset. */
  version: number
}

interface Sighting {
  readonly offset: number
  readonly operation: Operation
}

export interface KeyLog {
  readonly name: string
  readonly records: Map<Value, TrackedRecord>
  /** What was seen at an offset first: nearly always what the next reader sees there, and cheaper than its value's hash. */
  readonly byOffset: (TrackedRecord | undefined)[]
  /** The highest log start that anybody was told: what is below it may be gone. */
  logStartOffset: number
  finalRead: FinalRead | null
}

interface FinalRead {
  /** Line with which it began. What was acknowledged before it must have been read. */
  readonly begunAt: number
  /** Null: it ended without having reached the end; `reason` says why. */
  readonly endOffset: number | null
  readonly reason: string
  /** Its second line has not come. */
  readonly open: boolean
}

/** A send, a poll or a transaction; or a client's assign, subscribe or crash, which end what its cursor means. */
export interface Operation {
  readonly proc: Proc
  readonly f: 'send' | 'poll' | 'txn' | 'assign' | 'subscribe' | 'crash'
  /** `invoke`: nobody ever said how it ended. */
  type: HistoryLine['type']
  /** `i` of its first line. */
  readonly line: number
  /** `i` of the line that ended it. */
  doneLine: number
  sends: readonly TrackedRecord[]
  /** What its polls returned, in order; `readOffsets` beside it. */
  reads: readonly TrackedRecord[]
  readOffsets: readonly number[]
  /** Keys that a rebalance touched meanwhile; for `assign`, the keys that stay assigned. */
  keys: ReadonlySet<string>
  /** Its number in the dependency graph; −1 outside. */
  node: number
}

export interface Proc {
  readonly name: number | string
  /** What it began and has not ended, oldest first. */
  readonly open: Operation[]
}

const NO_RECORDS: readonly TrackedRecord[] = []
const NO_OFFSETS: readonly number[] = []
const NO_KEYS: ReadonlySet<string> = new Set()

export class History {
  readonly operations: Operation[] = []
  readonly keys = new Map<string, KeyLog>()
  readonly #procs = new Map<number | string, Proc>()

  /** @throws HistoryError when the line contradicts earlier ones */
  add(line: HistoryLine): void {
    switch (line.f) {
      case 'send':
      case 'poll':
      case 'txn':
        if (line.type === 'invoke') this.#begin(line)
        else this.#end(line)
        return
      case 'assign':
      case 'subscribe':
      case 'crash':
        if (line.type !== 'invoke') this.#addAssignment(line, line.f)
        return
      case 'final':
        this.#addFinalRead(line)
        return
      case 'watch':
        this.#addWatch(line)
        return
      default:
    }
  }

  key(name: string): KeyLog {
    let key = this.keys.get(name)
    if (key === undefined) {
      key = { name, records: new Map(), byOffset: [], logStartOffset: 0, finalRead: null }
      this.keys.set(name, key)
    }
    return key
  }

  #begin(line: HistoryLine): void {
    // What a poll will return is not known when it begins, and its place in its client's order is where it ends.
    if (!line.mops.some(isSend)) return
    const operation = this.#operation(line)
    // As long as it needs to be, which an array that grew is not: most hold one record.
    operation.sends = sendsOf(line).map((mop) => this.#claim(operation, mop))
    operation.proc.open.push(operation)
  }

  #end(line: HistoryLine): void {
    const operation = this.#openOperation(line) ?? this.#operation(line)
    operation.type = line.type
    operation.doneLine = line.i
    if (line.reb !== undefined && line.reb.length > 0) operation.keys = new Set(line.reb)
    this.#takeSends(operation, line)
    this.#takeReads(operation, line)
  }

  /** The operation that this line ends, if a line began it: the one that sends the same value. */
  #openOperation({ proc, f, mops }: HistoryLine): Operation | null {
    const { open } = this.#proc(proc)
    const first = mops.find(isSend)
    const at = open.findIndex((operation) =>
      first === undefined
        ? f === 'txn' && operation.f === 'txn'
        : operation.f === f && operation.sends.some((record) => isOf(record, first)),
    )
    return at < 0 ? null : open.splice(at, 1)[0]!
  }

  #takeSends(operation: Operation, line: HistoryLine): void {
    const begun = operation.sends
    let count = 0
    let isAsBegun = true
    for (const mop of line.mops) {
      if (mop[0] !== 's') continue
      const expected = begun[count]
      const isExpected = expected !== undefined && isOf(expected, mop)
      const record = isExpected ? expected : this.#sent(operation, mop)
      isAsBegun &&= isExpected
      count += 1
      if (mop[2] === null) continue
      record.ackedOffset = mop[2]
      record.key.byOffset[mop[2]] ??= record
    }
    if (isAsBegun && count === begun.length) return
    // A client that was cut off in the middle may not know what it has sent.
    if (count === 0 && line.type !== 'ok') return
    const sends = sendsOf(line).map((mop) => this.#record(this.key(mop[1]), mop[3]))
    if (!begun.every((record) => sends.includes(record)))
      throw new HistoryError(`i ${line.i}: leaves out sends of its first line, i ${operation.line}`)
    operation.sends = sends
  }

  #sent(operation: Operation, mop: SendMop): TrackedRecord {
    return operation.sends.find((record) => isOf(record, mop)) ?? this.#claim(operation, mop)
  }

  #takeReads(operation: Operation, line: HistoryLine): void {
    const reads: TrackedRecord[] = []
    const offsets: number[] = []
    for (const mop of line.mops) {
      if (mop[0] !== 'p') continue
      this.#takePoll(operation, mop, reads, offsets)
    }
    if (reads.length === 0) return
    operation.reads = reads
    operation.readOffsets = offsets
  }

  #takePoll(operation: Operation, mop: PollMop, reads: TrackedRecord[], offsets: number[]): void {
    const polled = mop[1]
    for (const name in polled) {
      const key = this.key(name)
      for (const [offset, value] of polled[name]!) {
        const likely = key.byOffset[offset]
        const record = likely?.value === value ? likely : this.#record(key, value)
        if (record.readOffset === NO_OFFSET) {
          record.readOffset = offset
          key.byOffset[offset] ??= record
        } else if (record.readOffset !== offset) sightAt(record, offset, operation)
        if (operation.type === 'ok' && record.reader === null) record.reader = operation
        reads.push(record)
        offsets.push(offset)
      }
    }
  }

  #addAssignment(line: HistoryLine, f: 'assign' | 'subscribe' | 'crash'): void {
    const operation = this.#operation(line)
    const mop = line.mops[0]
    if (f === 'assign' && mop?.[0] === 'a') operation.keys = new Set(mop[1])
    if (f === 'crash') operation.proc.open.length = 0
  }

  #addFinalRead(line: HistoryLine): void {
    for (const mop of line.mops) {
      if (mop[0] !== 'e') continue
      const key = this.key(mop[1])
      const endOffset = line.type === 'ok' ? mop[2] : null
      const reason = line.err ?? (line.type === 'invoke' ? 'it never ended' : 'no reason given')
      const begunAt = key.finalRead?.open === true ? key.finalRead.begunAt : line.i
      key.finalRead = { begunAt, endOffset, reason, open: line.type === 'invoke' }
    }
  }

  #addWatch(line: HistoryLine): void {
    if (line.type !== 'ok') return
    for (const mop of line.mops) {
      if (mop[0] !== 'w') continue
      const key = this.key(mop[1])
      key.logStartOffset = Math.max(key.logStartOffset, mop[2].logStart ?? 0)
    }
  }

  #operation(line: HistoryLine): Operation {
    const operation: Operation = {
      proc: this.#proc(line.proc),
      f: line.f as Operation['f'],
      type: line.type,
      line: line.i,
      doneLine: line.i,
      sends: NO_RECORDS,
      reads: NO_RECORDS,
      readOffsets: NO_OFFSETS,
      keys: NO_KEYS,
      node: -1,
    }
    this.operations.push(operation)
    return operation
  }

  #claim(operation: Operation, [, key, , value]: SendMop): TrackedRecord {
    const record = this.#record(this.key(key), value)
    if (record.writer !== null) {
      const lines = `i ${operation.doneLine} sends ${JSON.stringify(value)} to ${key}, as i ${record.writer.line} did`
      throw new HistoryError(`${lines}: values must be unique per key`)
    }
    record.writer = operation
    return record
  }

  #record(key: KeyLog, value: Value): TrackedRecord {
    let record = key.records.get(value)
    if (record === undefined) {
      record = {
        key,
        value,
        writer: null,
        ackedOffset: NO_OFFSET,
        readOffset: NO_OFFSET,
        reader: null,
        otherOffsets: null,
        version: -1,
      }
      key.records.set(value, record)
    }
    return record
  }

  #proc(name: number | string): Proc {
    let proc = this.#procs.get(name)
    if (proc === undefined) {
      proc = { name, open: [] }
      this.#procs.set(name, proc)
    }
    return proc
  }
}

function isSend(mop: Mop): mop is SendMop {
  return mop[0] === 's'
}

function sendsOf({ mops }: HistoryLine): readonly SendMop[] {
  return mops.every(isSend) ? mops : mops.filter(isSend)
}

function isOf({ key, value }: TrackedRecord, mop: SendMop): boolean {
  return value === mop[3] && key.name === mop[1]
}

function sightAt(record: TrackedRecord, offset: number, operation: Operation): void {
  record.otherOffsets ??= []
  if (!record.otherOffsets.some((sighting) => sighting.offset === offset))
    record.otherOffsets.push({ offset, operation })
}
