/** What a check found out, as data: `verdict.ts` says it in words. */
import type { AnomalyGroup } from './anomaly/anomaly-list.ts'
import type { Mode } from './history/history-line.ts'
import type { FaultGap, WriteGap } from './side/write-gaps.ts'

/** Of records, one per value of a key. */
export interface RecordCounts {
  readonly sent: number
  readonly acknowledged: number
  /** Sent, and nobody knows what became of them but for the readers. */
  readonly uncertain: number
  /** Refused or aborted. */
  readonly failed: number
  /** Read by at least one ok poll. */
  readonly read: number
  readonly acknowledgedAndRead: number
  /** Committed and gone: lost writes, and what the final read did not find. */
  readonly lost: number
  /** Stored at more than one offset. */
  readonly duplicated: number
  /** Records that lie before one which their writer sent earlier. */
  readonly writtenOutOfOrder: number
  /** Records that a reader got after one that lies behind them, without a rebalance. */
  readonly readOutOfOrder: number
  /** Unread when they were below the log start: nothing follows from them. */
  readonly expired: number
  /** Committed, unread, and no final read says more. */
  readonly undecided: number
}

export interface Report {
  readonly mode: Mode
  readonly lines: number
  readonly operations: number
  readonly keys: number
  readonly records: RecordCounts
  /** Illegal ones first. */
  readonly anomalies: readonly AnomalyGroup[]
  readonly longestGap: WriteGap | null
  readonly faults: readonly FaultGap[]
  /** Why the history does not show all that it should; empty when it does. */
  readonly gapsOfKnowledge: readonly string[]
}
