/**
 * Which records must be there. Acknowledged ones; and of operations whose end is not known, those that an ok poll has
 * read, because they are there. At read_committed, one record of a transaction stands for all of it.
 */
import type { Mode } from '../history/history-line.ts'
import type { Operation, TrackedRecord } from '../history/history.ts'

export class Commitment {
  readonly #atomic: boolean

  constructor(isolation: Mode['isolation']) {
    this.#atomic = isolation === 'read_committed'
  }

  isCommitted(record: TrackedRecord): boolean {
    const { writer } = record
    if (writer === null) return record.reader !== null
    if (writer.type === 'ok') return true
    if (writer.type === 'fail') return false
    if (record.reader !== null) return true
    return this.#atomic && writer.f === 'txn' && writer.sends.some(({ reader }) => reader !== null)
  }
}

/** Whether it may be true that the operation's sends were applied: everything but a definite failure. */
export function mayBeApplied(operation: Operation): boolean {
  return operation.type !== 'fail'
}
