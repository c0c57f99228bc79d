/**
 * The format of a history: JSON lines, one per thing that a client, the nemesis or the harness did. `proc` is one client
 * that does one thing after another, except that a producer may have several sends in flight.
 *
 * An operation is written as two lines, `invoke` before it and `ok`, `fail` or `info` after it, or as the second alone.
 * Sends should have both: an operation whose client died has no second line, and counts as `info`; and the order of a
 * writer's records is the order of the first lines. The two are brought together by the values they send.
 *
 * `fail` only what was surely not applied (fenced, refused before the append, aborted). What may have been applied is
 * `info`, and so is everything that was sent with fewer acknowledgements than `all`.
 */

/** How a line ends an operation, or that it begins one. */
export type LineType = 'invoke' | 'ok' | 'fail' | 'info'

/** Unique per key: a reader that found a wrong CRC writes a string that nobody sent. */
export type Value = number | string

/**
 * `send`, `poll`: records, each for itself. `txn`: sends and polls of one transaction. `assign`, `subscribe`: what the
 * client reads from now on. `crash`: the client forgot everything. `final`: how far the reads after the run got.
 * `watch`: offsets that a client was told. `commit`, `committed`: a group's offsets. `own`: partitions that a member
 * owns. `nemesis`: a fault begins (`invoke`) or ends (any other type). `mode`: what the run promises.
 */
export type Operator =
  | 'send'
  | 'poll'
  | 'txn'
  | 'assign'
  | 'subscribe'
  | 'crash'
  | 'final'
  | 'watch'
  | 'commit'
  | 'committed'
  | 'own'
  | 'nemesis'
  | 'mode'

/** A record for a key, which is `topic-partition`; the offset is known only from an acknowledgement. */
export type SendMop = readonly ['s', key: string, offset: number | null, value: Value]
/** What one poll returned, per key in the order in which it was returned. */
export type PollMop = readonly ['p', Readonly<Record<string, readonly (readonly [number, Value])[]>>]
/** Keys of `assign`, topics of `subscribe`. */
export type AssignMop = readonly ['a', readonly string[]]
/** A fresh client has read the key from its start up to this end offset, which is the log's. */
export type EndMop = readonly ['e', key: string, endOffset: number]
export type WatchMop = readonly ['w', key: string, seen: SeenOffsets]
export type CommitMop = readonly ['c', group: string, key: string, offset: number]
/** The answer to "what is committed?"; null: nothing, or not known yet (`invoke`). */
export type CommittedMop = readonly ['g', group: string, key: string, offset: number | null]
/** `+` from now on, `-` no longer. */
export type OwnMop = readonly ['+' | '-', group: string, key: string]
export type FaultMop = readonly ['n', fault: string, target: string | null]
export type ModeMop = readonly ['m', Partial<Mode>]
export type Mop =
  | SendMop
  | PollMop
  | AssignMop
  | EndMop
  | WatchMop
  | CommitMop
  | CommittedMop
  | OwnMop
  | FaultMop
  | ModeMop

/** Offsets of a partition as one answer told them; what the answer did not tell is left out. */
export interface SeenOffsets {
  /** Leader epoch of whoever answered. */
  readonly epoch?: number
  readonly logStart?: number
  readonly highWatermark?: number
  readonly lastStable?: number
}

/** What the clients of a run were configured to promise; decides which anomalies are legal. */
export interface Mode {
  /** Of clients that wrote neither an `assign` nor a `subscribe`. */
  readonly assignment: 'assign' | 'subscribe'
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** False: the producers may store a record twice. */
  readonly idempotent: boolean
}

export interface HistoryLine {
  /** Rises from line to line. */
  readonly i: number
  readonly proc: number | string
  readonly f: Operator
  readonly type: LineType
  /** Milliseconds of the harness's monotonic clock. */
  readonly t: number
  readonly mops: readonly Mop[]
  /** Keys that a rebalance gave or took while the operation went on. */
  readonly reb?: readonly string[]
  /** Generation, or member epoch, of the group's member. */
  readonly gen?: number
  readonly err?: string
}

/** Which micro-operations an operator may consist of. */
export const MOPS: Readonly<Record<Operator, readonly Mop[0][]>> = {
  send: ['s'],
  poll: ['p'],
  txn: ['s', 'p'],
  assign: ['a'],
  subscribe: ['a'],
  crash: [],
  final: ['e'],
  watch: ['w'],
  commit: ['c'],
  committed: ['g'],
  own: ['+', '-'],
  nemesis: ['n'],
  mode: ['m'],
}

/** A history that cannot be checked: the message names the line and what is wrong with it. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}
