/**
 * The log as the core sees it: where it begins and ends, how far it is on disk, where epochs begin, what is committed.
 *
 * Owns: every change of these, and the generation that tells flushes of the log as it is from flushes of a log that has
 * been cut, or been given an epoch, since.
 * Must not know: records, roles, messages.
 * Invariants: logStartOffset ≤ highWatermark ≤ logEndOffset; flushedEndOffset ≤ logEndOffset; the high watermark falls
 * only for damage or an unclean election; the generation only rises.
 */
import { assert, NO_LEADER_EPOCH, NO_OFFSET } from '@millrace/base'
import type { LeaderEpoch, Offset } from '@millrace/base'
import type { EpochEnd, EpochStart, FetchedRecords } from './message.ts'
import type { LogSummary } from './replica-options.ts'

export class ReplicaLog {
  #epochs: EpochStart[]
  #logStartOffset: Offset
  #logEndOffset: Offset
  #flushedEndOffset: Offset
  #highWatermark: Offset
  #damagedFrom: Offset | null
  /**
   * The highest high watermark that was known here; of a damaged log its end, all of which may have been acknowledged, and
   * committed without this replica having heard of it. A log that ends below it lacks what others count on.
   */
  #owedEndOffset: Offset
  #generation = 0
  #isCutting = false

  /**
   * @param isFlushedToAck what the checkpoint calls committed is on disk. Otherwise a power cut may have brought back other
   * records than those it spoke of, so the high watermark is learnt anew
   */
  constructor(summary: LogSummary, isFlushedToAck: boolean) {
    const { logStartOffset, logEndOffset, flushedEndOffset, highWatermark, epochs } = summary
    assert(logStartOffset <= logEndOffset, 'the log ends before it begins')
    assert(logStartOffset === logEndOffset || epochs.length > 0, 'records belong to no epoch')
    this.#epochs = [...epochs]
    this.#logStartOffset = logStartOffset
    this.#logEndOffset = logEndOffset
    this.#flushedEndOffset = clamp(flushedEndOffset, logStartOffset, logEndOffset)
    this.#highWatermark = isFlushedToAck ? clamp(highWatermark, logStartOffset, logEndOffset) : logStartOffset
    // Present is good enough: that the recovery point is behind does not mean that anything is missing.
    const isShort = logEndOffset < highWatermark
    this.#owedEndOffset = later(summary.owedEndOffset ?? NO_OFFSET, isShort ? highWatermark : NO_OFFSET)
    if (summary.damagedFrom !== null) this.#owedEndOffset = later(this.#owedEndOffset, logEndOffset)
    this.#damagedFrom = summary.damagedFrom
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

  get isFlushed(): boolean {
    return this.#flushedEndOffset === this.#logEndOffset
  }

  /** A truncation is not on disk yet. */
  get isCutting(): boolean {
    return this.#isCutting
  }

  get damagedFrom(): Offset | null {
    return this.#damagedFrom
  }

  /** A log that is not acknowledgeable up to here lacks what was committed, or may have been with its help. */
  get owedEndOffset(): Offset {
    return this.#owedEndOffset
  }

  get latestEpoch(): LeaderEpoch {
    return this.#epochs.at(-1)?.epoch ?? NO_LEADER_EPOCH
  }

  get epochs(): readonly EpochStart[] {
    return this.#epochs
  }

  /** The last epoch has no records. */
  get endsWithEmptyEpoch(): boolean {
    const last = this.#epochs.at(-1)
    return last !== undefined && last.startOffset === this.#logEndOffset
  }

  /** Of the last record; −1: the log has none, or none that it knows the epoch of. */
  get lastRecordEpoch(): LeaderEpoch {
    for (let index = this.#epochs.length - 1; index >= 0; index -= 1) {
      const { epoch, startOffset } = this.#epochs[index]!
      if (startOffset < this.#logEndOffset) return epoch
    }
    return NO_LEADER_EPOCH
  }

  /** KIP-101, KIP-279; below all that is known, an epoch ends where the log begins. */
  endOffsetForEpoch(epoch: LeaderEpoch): EpochEnd {
    if (epoch === this.latestEpoch) return { epoch, endOffset: this.#logEndOffset }
    if (epoch < 0 || epoch > this.latestEpoch) return { epoch: NO_LEADER_EPOCH, endOffset: NO_OFFSET }
    const higher = this.#epochs.findIndex((entry) => entry.epoch > epoch)
    const { startOffset } = this.#epochs[higher]!
    return { epoch: this.#epochs[higher - 1]?.epoch ?? epoch, endOffset: startOffset }
  }

  startOffsetOf(epoch: LeaderEpoch): Offset {
    return this.#epochs.find((entry) => entry.epoch === epoch)?.startOffset ?? this.#logStartOffset
  }

  /** @returns null when a log that ends at `offset` with a record of `epoch` is a beginning of this one */
  divergence(offset: Offset, epoch: LeaderEpoch): EpochEnd | null {
    if (epoch === this.latestEpoch && offset <= this.#logEndOffset) return null
    if (epoch < 0) {
      return offset <= this.#logEndOffset ? null : { epoch: NO_LEADER_EPOCH, endOffset: this.#logEndOffset }
    }
    const end = this.endOffsetForEpoch(epoch)
    return end.epoch === epoch && end.endOffset >= offset ? null : end
  }

  /** Where the logs part at the latest, given where the leader's ends in an epoch (KIP-279: it may take more rounds). */
  truncationOffset(leaderEnd: EpochEnd): Offset {
    const { epoch, endOffset } = leaderEnd
    if (epoch < 0 || this.#epochs.length === 0) return clamp(endOffset, 0 as Offset, this.#logEndOffset)
    if (epoch > this.latestEpoch) return this.#logEndOffset
    const own = this.endOffsetForEpoch(epoch)
    return own.epoch === epoch && endOffset < own.endOffset ? endOffset : own.endOffset
  }

  appendedAsLeader(endOffset: Offset): void {
    assert(endOffset >= this.#logEndOffset, 'an append makes the log longer')
    assert(!this.#isCutting, 'append before the truncation was on disk')
    this.#logEndOffset = endOffset
  }

  appendFetched({ baseOffset, endOffset, epochs }: FetchedRecords): void {
    assert(baseOffset >= this.#logEndOffset && endOffset > baseOffset, 'an append makes the log longer')
    for (const { epoch, startOffset } of epochs) this.#assign(epoch, startOffset)
    this.#logEndOffset = endOffset
  }

  /** @returns the generation of the flush that makes it durable */
  beginEpoch(epoch: LeaderEpoch): number {
    assert(epoch > this.latestEpoch, 'an epoch begins once')
    this.#assign(epoch, this.#logEndOffset)
    this.#generation += 1
    return this.#generation
  }

  /** The one place where late flushes end. @returns whether it was a flush of the log as it is */
  flushed(generation: number, endOffset: Offset): boolean {
    if (generation !== this.#generation || this.#isCutting) return false
    assert(endOffset <= this.#logEndOffset, 'what is not in the log was flushed')
    if (endOffset > this.#flushedEndOffset) this.#flushedEndOffset = endOffset
    return true
  }

  /** @returns the generation of its completion */
  beginTruncation(offset: Offset, mayCutCommitted: boolean): number {
    assert(!this.#isCutting, 'one truncation at a time')
    assert(
      mayCutCommitted || offset >= this.#highWatermark,
      `truncation to ${offset} below the high watermark ${this.#highWatermark}`,
    )
    assert(offset >= this.#logStartOffset && offset <= this.#logEndOffset, 'truncation outside of the log')
    return this.#beginCut(this.#logStartOffset, offset)
  }

  beginRestart(offset: Offset, mayCutCommitted: boolean): number {
    assert(
      mayCutCommitted || offset >= this.#highWatermark,
      `restart at ${offset} below the high watermark ${this.#highWatermark}`,
    )
    return this.#beginCut(offset, offset)
  }

  /** @returns whether it was the truncation under way */
  endTruncation(generation: number, logStartOffset: Offset, logEndOffset: Offset): boolean {
    if (generation !== this.#generation || !this.#isCutting) return false
    assert(logEndOffset <= this.#logEndOffset, 'a truncation left more than was to be left')
    // It may have been advanced since the truncation began.
    this.#logStartOffset = later(this.#logStartOffset, logStartOffset)
    this.#cutTo(logEndOffset)
    this.#flushedEndOffset = logEndOffset
    this.#isCutting = false
    return true
  }

  /** What is missing from here on was never committed, or counts as such by an operator's choice. */
  forgiveLoss(endOffset: Offset): void {
    if (this.#owedEndOffset > endOffset) this.#owedEndOffset = later(endOffset, this.#highWatermark)
  }

  damaged(offset: Offset): void {
    if (this.#damagedFrom !== null && this.#damagedFrom <= offset) return
    this.#damagedFrom = offset
    this.#owedEndOffset = later(this.#owedEndOffset, this.#logEndOffset)
  }

  /** @returns whether it rose */
  advanceHighWatermark(offset: Offset): boolean {
    if (offset <= this.#highWatermark) return false
    assert(offset <= this.#logEndOffset, 'the high watermark passed the end of the log')
    this.#highWatermark = offset
    return true
  }

  /** @param offset known to be committed. @returns whether it rose */
  advanceLogStart(offset: Offset): boolean {
    if (offset <= this.#logStartOffset) return false
    assert(offset <= this.#logEndOffset, 'the log start passed the end of the log')
    this.#logStartOffset = offset
    this.#highWatermark = later(this.#highWatermark, offset)
    const first = this.#epochs.findLastIndex(({ startOffset }) => startOffset <= offset)
    if (first >= 0) {
      const { epoch } = this.#epochs[first]!
      this.#epochs.splice(0, first + 1, { epoch, startOffset: offset })
    }
    return true
  }

  #beginCut(logStartOffset: Offset, logEndOffset: Offset): number {
    this.#generation += 1
    this.#isCutting = true
    this.#damagedFrom = null
    this.#logStartOffset = logStartOffset
    if (logStartOffset === logEndOffset) this.#epochs = []
    this.#logEndOffset = logEndOffset
    if (this.#highWatermark < logStartOffset) this.#highWatermark = logStartOffset
    this.#cutTo(logEndOffset)
    return this.#generation
  }

  #cutTo(logEndOffset: Offset): void {
    this.#logEndOffset = logEndOffset
    if (this.#flushedEndOffset > logEndOffset) this.#flushedEndOffset = logEndOffset
    if (this.#highWatermark > logEndOffset) this.#highWatermark = logEndOffset
    this.#epochs = this.#epochs.filter(({ startOffset }) => startOffset < logEndOffset)
  }

  /** Entries that contradict it never had a record that counts. */
  #assign(epoch: LeaderEpoch, startOffset: Offset): void {
    if (epoch <= this.latestEpoch) return
    while (this.#epochs.length > 0 && this.#epochs.at(-1)!.startOffset >= startOffset) this.#epochs.pop()
    this.#epochs.push({ epoch, startOffset })
  }
}

function clamp(offset: Offset, least: Offset, most: Offset): Offset {
  if (offset < least) return least
  return offset > most ? most : offset
}

function later(a: Offset, b: Offset): Offset {
  return a > b ? a : b
}
