/**
 * Where each leader epoch of a log starts (KIP-101, KIP-279): what leader and follower compare to find the point where
 * their logs part.
 *
 * Owns: the entries, as `leader-epoch-checkpoint` has them. Must not know: files, batches.
 * Invariants: epochs and start offsets rise strictly from entry to entry; no start offset is above the log's end.
 */
import { NO_LEADER_EPOCH, NO_OFFSET } from '@millrace/base'
import type { LeaderEpoch, Offset } from '@millrace/base'
import { formatCheckpoint, parseCheckpoint, parseCount } from './checkpoint-file.ts'

export interface EpochEntry {
  readonly epoch: LeaderEpoch
  readonly startOffset: Offset
}

export interface EpochEndOffset {
  /** The asked epoch, or the greatest one below it that the log has; −1: the log can't say. */
  readonly leaderEpoch: LeaderEpoch
  /** First offset that does not belong to it; −1: the log can't say. */
  readonly endOffset: Offset
}

const UNKNOWN: EpochEndOffset = { leaderEpoch: NO_LEADER_EPOCH, endOffset: NO_OFFSET }

export class LeaderEpochCache {
  #entries: EpochEntry[]
  /** Rises with every change, so that whoever saves the entries knows what was saved. */
  #version = 0

  constructor(entries: readonly EpochEntry[] = []) {
    this.#entries = [...entries]
  }

  /** @returns the entries of a checkpoint file, or null when it is damaged */
  static parse(bytes: Buffer): EpochEntry[] | null {
    const lines = parseCheckpoint(bytes, 2)
    if (lines === null) return null
    const entries: EpochEntry[] = []
    for (const [epochText, offsetText] of lines) {
      const epoch = parseCount(epochText!)
      const startOffset = parseCount(offsetText!)
      if (epoch === null || epoch > 0x7fffffff || startOffset === null) return null
      const previous = entries.at(-1)
      if (previous !== undefined && (epoch <= previous.epoch || startOffset <= previous.startOffset))
        return null
      entries.push({ epoch: epoch as LeaderEpoch, startOffset: startOffset as Offset })
    }
    return entries
  }

  format(): Buffer {
    return formatCheckpoint(this.#entries.map(({ epoch, startOffset }) => [epoch, startOffset]))
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  get version(): number {
    return this.#version
  }

  /** −1 before the first. */
  get latest(): LeaderEpoch {
    return this.#entries.at(-1)?.epoch ?? NO_LEADER_EPOCH
  }

  /** `epoch` starts at the log's end: entries that contradict it never had a record that counts. */
  assign(epoch: LeaderEpoch, startOffset: Offset): void {
    if (epoch <= this.latest) return
    while (this.#entries.length > 0 && this.#entries.at(-1)!.startOffset >= startOffset) this.#entries.pop()
    this.#entries.push({ epoch, startOffset })
    this.#version++
  }

  /** The log now ends at `endOffset`. */
  truncateFromEnd(endOffset: Offset): void {
    const kept = this.#entries.filter(({ startOffset }) => startOffset < endOffset)
    if (kept.length === this.#entries.length) return
    this.#entries = kept
    this.#version++
  }

  /** The log now starts at `startOffset`, in the middle of the last epoch that started at or before it. */
  truncateFromStart(startOffset: Offset): void {
    const first = this.#entries.findLastIndex((entry) => entry.startOffset <= startOffset)
    if (first < 0 || (first === 0 && this.#entries[0]!.startOffset === startOffset)) return
    const { epoch } = this.#entries[first]!
    this.#entries.splice(0, first + 1, { epoch, startOffset })
    this.#version++
  }

  /**
   * The answer to OffsetForLeaderEpoch. An epoch above the latest is unknown; between two known ones the lower answers
   * with where the higher starts; below all of them it ends where the first starts.
   */
  endOffsetFor(epoch: LeaderEpoch, logEndOffset: Offset): EpochEndOffset {
    if (epoch < 0 || epoch > this.latest) return UNKNOWN
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset }
    const higher = this.#entries.findIndex((entry) => entry.epoch > epoch)
    const leaderEpoch = this.#entries[higher - 1]?.epoch ?? epoch
    return { leaderEpoch, endOffset: this.#entries[higher]!.startOffset }
  }
}
