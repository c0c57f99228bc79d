/**
 * The log as the core sees it: where it begins and ends, how far it is on disk, where epochs and voter sets begin.
 *
 * Owns: every change of these, and the generation that tells flushes of the log as it is from flushes of a log that has been
 * truncated or replaced since.
 * Must not know: records, roles, messages.
 * Invariants: logStartOffset ≤ highWatermark ≤ flushedEndOffset ≤ logEndOffset; the high watermark never falls and nothing
 * below it is truncated; the generation only rises.
 */
import { assert, offset as toOffset, type Offset } from '@millrace/base'
import type { EpochStart, LogSummary, SnapshotId, VoterSetEntry } from './log-summary.ts'
import type { VoterSet } from './voter-set.ts'

/** In `ReplicaLog.validate`: no epoch is below it. */
const EPOCH_UNKNOWN = -1

/** How a fetch position relates to this log. */
export type FetchPosition =
  | { readonly kind: 'valid' }
  /** The logs part before the position: at the latest where this epoch ends here. */
  | { readonly kind: 'diverging'; readonly epoch: number; readonly endOffset: Offset }
  /** The position is before the log's start. */
  | { readonly kind: 'snapshot'; readonly snapshotId: SnapshotId }

const VALID: FetchPosition = { kind: 'valid' }

export class ReplicaLog {
  #epochs: EpochStart[]
  #voterSets: VoterSetEntry[]
  /** Of the record before the log's start; 0 when there is none. */
  #startEpoch: number
  #snapshot: SnapshotId | null
  #logStartOffset: Offset
  #logEndOffset: Offset
  #flushedEndOffset: Offset
  #highWatermark: Offset
  #generation = 0

  constructor(summary: LogSummary) {
    const { snapshot, logStartOffset, logEndOffset } = summary
    assert(logStartOffset <= logEndOffset, 'the log ends before it begins')
    assert(
      (snapshot?.endOffset ?? 0) >= logStartOffset && (snapshot?.endOffset ?? 0) <= logEndOffset,
      'the latest snapshot ends within the log',
    )
    this.#epochs = [...summary.epochs]
    // That of the snapshot counts as written by the last record in it: no truncation takes it away.
    this.#voterSets = summary.voterSets.map((entry, index) =>
      index === 0 && entry.offset === snapshot?.endOffset
        ? { ...entry, offset: toOffset(entry.offset - 1) }
        : entry,
    )
    this.#snapshot = snapshot
    this.#logStartOffset = logStartOffset
    this.#logEndOffset = logEndOffset
    this.#flushedEndOffset = logEndOffset
    this.#highWatermark = toOffset(snapshot?.endOffset ?? 0)
    if (logStartOffset === 0) this.#startEpoch = 0
    else this.#startEpoch = snapshot?.endOffset === logStartOffset ? snapshot.epoch : EPOCH_UNKNOWN
  }

  get logStartOffset(): Offset {
    return this.#logStartOffset
  }

  get logEndOffset(): Offset {
    return this.#logEndOffset
  }

  get flushedEndOffset(): Offset {
    return this.#flushedEndOffset
  }

  get highWatermark(): Offset {
    return this.#highWatermark
  }

  get generation(): number {
    return this.#generation
  }

  get snapshot(): SnapshotId | null {
    return this.#snapshot
  }

  get isFlushed(): boolean {
    return this.#flushedEndOffset === this.#logEndOffset
  }

  /** Of the last record, be it in the log or in the snapshot before it; 0 when there has been none. */
  get lastEpoch(): number {
    return this.#epochs.at(-1)?.epoch ?? Math.max(this.#startEpoch, 0)
  }

  /** The latest, committed or not; null while neither log nor snapshot names one. */
  get voters(): VoterSet | null {
    return this.#voterSets.at(-1)?.voters ?? null
  }

  /** In force before the latest, while that is not known to be committed; else null. */
  get votersBeforeChange(): VoterSet | null {
    return this.areVotersCommitted ? null : (this.#voterSets.at(-2)?.voters ?? null)
  }

  get areVotersCommitted(): boolean {
    const latest = this.#voterSets.at(-1)
    return latest === undefined || latest.offset < this.#highWatermark
  }

  /** Of the record before `end`, which is within the log. */
  epochBefore(end: Offset): number {
    const entry = this.#epochs.findLast(({ startOffset }) => startOffset < end)
    return entry?.epoch ?? Math.max(this.#startEpoch, 0)
  }

  /** The largest epoch at or below `epoch`, and where it ends here. */
  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: Offset } {
    const index = this.#epochs.findLastIndex((entry) => entry.epoch <= epoch)
    const endOffset = this.#epochs[index + 1]?.startOffset ?? this.#logEndOffset
    if (index >= 0) return { epoch: this.#epochs[index]!.epoch, endOffset }
    return { epoch: Math.max(this.#startEpoch, 0), endOffset: this.#logStartOffset }
  }

  /** Whether a replica whose log ends at `offset`, with a record of `epoch`, holds a prefix of this log (KIP-595, KIP-630). */
  validate(offset: Offset, epoch: number): FetchPosition {
    if (this.#logStartOffset === 0 && offset === 0) return VALID
    const snapshotId = this.#snapshot
    if (this.#logStartOffset > 0 && snapshotId !== null) {
      const isBefore =
        offset < this.#logStartOffset ||
        (offset === this.#logStartOffset && epoch !== this.#startEpoch) ||
        epoch < this.#startEpoch
      if (isBefore) return { kind: 'snapshot', snapshotId }
    }
    const end = this.endOffsetForEpoch(epoch)
    if (end.epoch !== epoch || end.endOffset < offset) return { kind: 'diverging', ...end }
    return VALID
  }

  append(epoch: number, endOffset: Offset, voters: VoterSet | null): void {
    assert(endOffset > this.#logEndOffset, 'an append makes the log longer')
    assert(epoch >= this.lastEpoch, 'epochs rise along the log')
    if (epoch > (this.#epochs.at(-1)?.epoch ?? EPOCH_UNKNOWN)) {
      this.#epochs.push({ epoch, startOffset: this.#logEndOffset })
    }
    if (voters !== null) this.#voterSets.push({ offset: this.#logEndOffset, voters })
    this.#logEndOffset = endOffset
  }

  /** The one place where late flushes end: one of a log that has been truncated or replaced since says nothing of this one. */
  flushed(generation: number, endOffset: Offset): boolean {
    if (generation !== this.#generation) return false
    assert(endOffset <= this.#logEndOffset, 'what is not in the log was flushed')
    if (endOffset <= this.#flushedEndOffset) return false
    this.#flushedEndOffset = endOffset
    return true
  }

  /** Where the logs part at the latest, given where the leader's log ends in an epoch (KIP-595; two rounds for KIP-279). */
  truncationOffset(leaderEnd: { readonly epoch: number; readonly endOffset: Offset }): Offset {
    const own = this.endOffsetForEpoch(leaderEnd.epoch)
    return own.epoch === leaderEnd.epoch && leaderEnd.endOffset < own.endOffset
      ? leaderEnd.endOffset
      : own.endOffset
  }

  truncate(offset: Offset): void {
    assert(
      offset >= this.#highWatermark,
      `truncation to ${offset} below the high watermark ${this.#highWatermark}`,
    )
    assert(offset < this.#logEndOffset, 'a truncation makes the log shorter')
    this.#generation += 1
    this.#logEndOffset = offset
    if (offset < this.#flushedEndOffset) this.#flushedEndOffset = offset
    this.#epochs = this.#epochs.filter(({ startOffset }) => startOffset < offset)
    this.#voterSets = this.#voterSets.filter((entry) => entry.offset < offset)
  }

  /** @returns whether it rose */
  advanceHighWatermark(offset: Offset): boolean {
    if (offset <= this.#highWatermark) return false
    assert(offset <= this.#flushedEndOffset, 'the high watermark passed what is on disk')
    this.#highWatermark = offset
    return true
  }

  /** This replica's own snapshot is durable. @returns whether the log may be pruned to its end */
  snapshotCreated(snapshotId: SnapshotId): boolean {
    if (
      snapshotId.endOffset > this.#highWatermark ||
      snapshotId.endOffset <= (this.#snapshot?.endOffset ?? 0)
    ) {
      return false
    }
    this.#snapshot = snapshotId
    this.#prune(snapshotId.endOffset)
    return true
  }

  /** A snapshot is about to replace the log. */
  beginInstall(): number {
    this.#generation += 1
    return this.#generation
  }

  /** The log is empty and begins where the snapshot ends. */
  reset(snapshotId: SnapshotId, voters: VoterSet | null): void {
    assert(snapshotId.endOffset >= this.#highWatermark, 'a snapshot ends below the high watermark')
    this.#snapshot = snapshotId
    this.#startEpoch = snapshotId.epoch
    this.#logStartOffset = snapshotId.endOffset
    this.#logEndOffset = snapshotId.endOffset
    this.#flushedEndOffset = snapshotId.endOffset
    this.#highWatermark = snapshotId.endOffset
    this.#epochs = []
    this.#voterSets = voters === null ? [] : [{ offset: toOffset(snapshotId.endOffset - 1), voters }]
  }

  #prune(logStartOffset: Offset): void {
    this.#startEpoch = this.epochBefore(logStartOffset)
    this.#logStartOffset = logStartOffset
    const first = this.#epochs.findLastIndex(({ startOffset }) => startOffset <= logStartOffset)
    this.#epochs = this.#epochs
      .slice(Math.max(first, 0))
      .map((entry) =>
        entry.startOffset < logStartOffset ? { ...entry, startOffset: logStartOffset } : entry,
      )
    if (logStartOffset === this.#logEndOffset) this.#epochs = []
    const inForce = this.#voterSets.findLastIndex((entry) => entry.offset < logStartOffset)
    this.#voterSets = this.#voterSets.slice(Math.max(inForce, 0))
  }
}
