/**
 * The kinds of anomalies, what each means in plain words, and which of them a run's mode allows
 * (Jepsen's Kafka workload; Adya's G0, G1a, G1c).
 */
import type { Mode, Value } from '../history/history-line.ts'
import type { Operation } from '../history/history.ts'

/** Kind → what it says about the log or the client. */
export const ANOMALY_MEANINGS = {
  'lost-write': 'committed, readers went past its place, and nobody read it',
  unseen: 'committed, and not found by the final read',
  duplicate: 'one record is stored at two offsets',
  'inconsistent-offset': 'two records claim one offset',
  phantom: 'a record was read that nobody sent, or whose bytes were damaged',
  G1a: 'a record was read whose write was refused or aborted',
  'precommitted-read': 'a transaction read its own uncommitted record',
  'int-poll-skip': 'one poll left out records that were there',
  'int-nonmonotonic-poll': 'one poll went backwards',
  'int-send-skip': 'records of others lie between the records of one operation',
  'int-nonmonotonic-send': 'records of one operation were stored in another order than they were sent',
  'poll-skip': 'a reader left out records between two polls',
  'nonmonotonic-poll': 'a reader went backwards between two polls',
  'nonmonotonic-send': 'records of one writer were stored in another order than they were sent',
  G0: 'writes of operations lie around each other in a circle',
  'G1c-strict': 'operations read from each other in a circle',
  'G1c-loose': 'operations read from and wrote after each other in a circle',
  'high-watermark-fell': 'one client was told a lower high watermark of the same leader epoch',
  'last-stable-fell': 'one client was told a lower last stable offset of the same leader epoch',
  'log-start-fell': 'one client was told a lower log start',
  'commit-fell': 'a committed offset was taken back',
  'two-owners': 'two members of a group owned a partition in one generation',
} as const

export type AnomalyKind = keyof typeof ANOMALY_MEANINGS

/** Whatever decides whether an anomaly is legal, besides its kind. */
export interface Circumstances {
  /** The reader gets its partitions from a group, which may take them away. */
  readonly subscribed?: boolean
  /** The record belongs to a transaction. */
  readonly transactional?: boolean
}

/** An operation as evidence: its first line's `i`, and what it did, in the format's own words. */
export interface Evidence {
  readonly i: number
  readonly proc: number | string
  readonly f: string
  readonly type: string
}

export interface Example {
  readonly key: string | null
  /** One sentence with offsets and values. */
  readonly message: string
  readonly operations: readonly Evidence[]
}

export function evidenceOf(...operations: readonly (Operation | null)[]): Evidence[] {
  const found = new Map<number, Evidence>()
  for (const operation of operations)
    if (operation !== null)
      found.set(operation.line, {
        i: operation.line,
        proc: operation.proc.name,
        f: operation.f,
        type: operation.type,
      })
  return [...found.values()]
}

export function isLegal(kind: AnomalyKind, mode: Mode, at: Circumstances): boolean {
  switch (kind) {
    // Writes of transactions lie between each other in Kafka's log, so their order is no order of the transactions.
    case 'G0':
    case 'G1c-loose':
    case 'int-send-skip':
      return true
    case 'poll-skip':
    case 'nonmonotonic-poll':
      return at.subscribed === true
    case 'duplicate':
      return !mode.idempotent
    // Only transactions can be read before their end: a plain send that was refused must never be there.
    case 'G1a':
      return mode.isolation === 'read_uncommitted' && at.transactional === true
    case 'precommitted-read':
    case 'G1c-strict':
      return mode.isolation === 'read_uncommitted'
    default:
      return false
  }
}

/** A value as the history writes it. */
export function shown(value: Value): string {
  return JSON.stringify(value)
}
