/** What one replica has on disk, and what is only in memory yet: a crash leaves the former. */
import { offset as toOffset, type Offset } from '@millrace/base'
import type { LogSummary, QuorumState, SnapshotId, Voter } from '../../src/index.ts'
import { VoterSet } from '../../src/index.ts'

/** One batch of the log; `value` tells it from all others. */
export interface Batch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly epoch: number
  readonly value: number
  readonly voters: readonly Voter[] | null
}

export interface Snapshot extends SnapshotId {
  readonly voters: readonly Voter[] | null
  /** Of all batches in it, in order. */
  readonly hash: number
}

export function chain(hash: number, value: number): number {
  return (Math.imul(hash ^ value, 0x01000193) + 1) | 0
}

export class Disk {
  /** As it is in memory. */
  log: Batch[] = []
  logStartOffset = 0
  snapshot: Snapshot | null = null
  state: QuorumState | null = null
  #flushed: Batch[] = []
  /** So many batches are the same in memory and on disk. */
  #sharedCount = 0

  get logEndOffset(): number {
    const last = this.log.at(-1)
    return last === undefined ? this.logStartOffset : last.lastOffset + 1
  }

  /** Index of the batch that begins at or after `offset`. */
  indexOf(offset: number): number {
    let low = 0
    let high = this.log.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.log[middle]!.baseOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The batch that holds this record. */
  at(offset: number): Batch | undefined {
    const index = this.indexOf(offset + 1) - 1
    const batch = this.log[index]
    return batch !== undefined && batch.lastOffset >= offset ? batch : undefined
  }

  truncate(offset: number): void {
    this.log.length = this.indexOf(offset)
    this.#sharedCount = Math.min(this.#sharedCount, this.log.length)
  }

  prune(offset: number): void {
    const pruned = this.indexOf(offset)
    this.log = this.log.slice(pruned)
    this.logStartOffset = offset
    this.#flushed = this.#flushed.slice(pruned)
    this.#sharedCount = Math.max(this.#sharedCount - pruned, 0)
  }

  /** Also makes a truncation durable. */
  flush(endOffset: number): void {
    this.#flushed.length = this.#sharedCount
    const end = this.indexOf(endOffset)
    for (let index = this.#sharedCount; index < end; index += 1) this.#flushed.push(this.log[index]!)
    this.#sharedCount = this.#flushed.length
  }

  install(snapshot: Snapshot): void {
    this.snapshot = snapshot
    this.#empty(snapshot.endOffset)
  }

  /** One vote per epoch, and no epoch twice (Raft thesis §3.8). */
  persist(state: QuorumState): void {
    const last = this.state
    if (last !== null && state.epoch < last.epoch) throw new Error('a durable epoch fell')
    const isSameEpoch = last?.epoch === state.epoch
    if (isSameEpoch && last.voted !== null && state.voted?.id !== last.voted.id)
      throw new Error('a second vote')
    this.state = state
  }

  /** What is left of it after a crash. */
  recover(): LogSummary {
    this.log = [...this.#flushed]
    this.#sharedCount = this.log.length
    const { snapshot } = this
    if (snapshot !== null && snapshot.endOffset > this.logEndOffset) this.install(snapshot)
    const epochs: { epoch: number; startOffset: Offset }[] = []
    for (const { epoch, baseOffset } of this.log) {
      if (epochs.at(-1)?.epoch !== epoch) epochs.push({ epoch, startOffset: toOffset(baseOffset) })
    }
    const snapshotEnd = snapshot?.endOffset ?? 0
    const voterSets = this.log
      .filter(({ voters, baseOffset }) => voters !== null && baseOffset >= snapshotEnd)
      .map(({ voters, baseOffset }) => ({ offset: toOffset(baseOffset), voters: new VoterSet(voters!) }))
    if (snapshot !== null && snapshot.voters !== null) {
      voterSets.unshift({ offset: snapshot.endOffset, voters: new VoterSet(snapshot.voters) })
    }
    return {
      logStartOffset: toOffset(this.logStartOffset),
      logEndOffset: toOffset(this.logEndOffset),
      epochs,
      snapshot: snapshot === null ? null : { endOffset: snapshot.endOffset, epoch: snapshot.epoch },
      voterSets,
    }
  }

  wipe(): void {
    this.#empty(0)
    this.snapshot = null
    this.state = null
  }

  #empty(logStartOffset: number): void {
    this.log = []
    this.#flushed = []
    this.#sharedCount = 0
    this.logStartOffset = logStartOffset
  }
}
