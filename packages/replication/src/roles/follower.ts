/**
 * Follower side of one partition in one leader epoch: always fetches from the end of what it acknowledges, cuts its log
 * where the leader's is another, and follows the leader's high watermark and log start.
 *
 * Owns: the one fetch under way. Must not know: other followers, the ISR.
 * Invariants: nothing is fetched while what came before is not acknowledgeable; nothing below the high watermark is cut, but
 * for damage and reported unclean elections; an answer that orders a truncation never raises the high watermark
 * (KAFKA-14704).
 */
import { NO_NODE, NO_OFFSET } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset } from '@millrace/base'
import type { TruncationReason } from '../effect.ts'
import type { EpochEnd, FetchAnswer, FetchedRecords } from '../message.ts'
import { LeaderRecoveryState } from '../partition-state.ts'
import type { PartitionState } from '../partition-state.ts'
import type { Replica } from '../replica.ts'

export class Follower {
  readonly kind = 'follower'
  readonly leaderEpoch: LeaderEpoch
  readonly leaderId: NodeId
  readonly #replica: Replica
  readonly #stop: (why: string) => void
  #isUnclean: boolean
  #fetchId: number | null = null
  /** The last fetch failed: the next tick tries again. */
  #isPausing = false
  #hasStopped = false
  /** As the leader knows them; this replica's own follow as far as its log has come. */
  #leaderHighWatermark: Offset = NO_OFFSET
  #leaderLogStartOffset: Offset = NO_OFFSET

  /** @param stop the partition must not go on in this epoch */
  constructor(replica: Replica, partition: PartitionState, stop: (why: string) => void) {
    this.#replica = replica
    this.leaderEpoch = partition.leaderEpoch
    this.leaderId = partition.leader
    this.#isUnclean = partition.leaderRecoveryState === LeaderRecoveryState.recovering
    this.#stop = stop
  }

  get isPausing(): boolean {
    return this.#isPausing
  }

  onEnter(): void {
    const { log } = this.#replica
    // What was written under another role or policy is not on its way to the disk.
    if (this.#replica.isFlushedToAck && !log.isFlushed && !log.isCutting) this.#replica.flush()
    this.#maybeFetch()
  }

  onMetadata(partition: PartitionState): void {
    this.#isUnclean = partition.leaderRecoveryState === LeaderRecoveryState.recovering
  }

  onConfig(): void {
    this.onEnter()
  }

  onTick(): void {
    this.#isPausing = false
    this.#maybeFetch()
  }

  onLeave(): void {
    if (this.#fetchId !== null) this.#replica.emit({ kind: 'cancel-fetch' })
  }

  onTruncated(): void {
    this.#maybeFetch()
  }

  onFlushed(): void {
    this.#follow()
    this.#maybeFetch()
  }

  /** What was fetched for the log behind the damage is of no use. */
  onDamaged(): void {
    this.onLeave()
    this.#fetchId = null
    this.#leaderHighWatermark = NO_OFFSET
    this.#maybeFetch()
  }

  onAnswer(fetchId: number, answer: FetchAnswer | null): void {
    if (fetchId !== this.#fetchId) return
    this.#fetchId = null
    switch (answer?.kind) {
      case undefined:
        this.#isPausing = true
        return
      case 'records':
        this.#onRecords(answer)
        break
      case 'diverging':
        this.#onDiverging(answer.end, answer.logStartOffset)
        break
      case 'error':
        if (answer.error === 'OFFSET_OUT_OF_RANGE') this.#onOutOfRange(answer.logStartOffset)
        else this.#isPausing = true
    }
    this.#maybeFetch()
  }

  #maybeFetch(): void {
    const replica = this.#replica
    const { log, id: replicaId, brokerEpoch } = replica
    if (
      this.#hasStopped ||
      this.leaderId === NO_NODE ||
      this.#fetchId !== null ||
      this.#isPausing ||
      log.isCutting
    )
      return
    // Only with a leader at hand: what is damaged may be all there is.
    if (log.damagedFrom !== null) return this.#cutDamage(log.damagedFrom)
    if (log.endsWithEmptyEpoch) return this.#truncate(log.logEndOffset, 'empty-epoch')
    if (replica.isFlushedToAck && !log.isFlushed) return
    this.#fetchId = replica.nextFetchId()
    replica.emit({
      kind: 'fetch',
      leaderId: this.leaderId,
      fetch: {
        replicaId,
        brokerEpoch,
        fetchId: this.#fetchId,
        leaderEpoch: this.leaderEpoch,
        fetchOffset: log.logEndOffset,
        lastFetchedEpoch: log.lastRecordEpoch,
        logStartOffset: log.logStartOffset,
        highWatermark: log.highWatermark,
      },
    })
  }

  #onRecords({ records, highWatermark, logStartOffset }: FetchAnswer & { readonly kind: 'records' }): void {
    const replica = this.#replica
    if (records !== null) {
      if (!this.#fits(records)) {
        this.#isPausing = true
        return
      }
      replica.log.appendFetched(records)
      replica.emit({ kind: 'append-fetched', records })
      if (replica.isFlushedToAck) replica.flush()
    }
    if (highWatermark > this.#leaderHighWatermark) this.#leaderHighWatermark = highWatermark
    if (logStartOffset > this.#leaderLogStartOffset) this.#leaderLogStartOffset = logStartOffset
    if (this.#isUnclean) replica.log.forgiveLoss(this.#leaderHighWatermark)
    this.#follow()
  }

  /**
   * As far as this log has come (KIP-392: what is below may be read here). The log's start goes first: what is below the
   * leader's could not be compared, and may be other records than those that were committed.
   */
  #follow(): void {
    const replica = this.#replica
    const highWatermark = least(this.#leaderHighWatermark, replica.acknowledgedEndOffset)
    const logStartOffset = least(this.#leaderLogStartOffset, highWatermark)
    if (replica.log.advanceLogStart(logStartOffset)) {
      replica.emit({ kind: 'advance-log-start', offset: logStartOffset })
    }
    replica.raiseHighWatermark(highWatermark)
    this.#settle(highWatermark)
  }

  /**
   * This leader counts on nothing that went with damage: it said so, with its high watermark, after a fetch from there. Nor
   * does an earlier leader, beyond where this epoch began. So a log that has both lacks nothing.
   */
  #settle(highWatermark: Offset): void {
    const { log, acknowledgedEndOffset } = this.#replica
    if (highWatermark < 0 || highWatermark < this.#leaderHighWatermark) return
    const isPastEpochStart =
      log.lastRecordEpoch === this.leaderEpoch && acknowledgedEndOffset > log.startOffsetOf(this.leaderEpoch)
    if (isPastEpochStart) log.forgiveLoss(highWatermark)
  }

  /** What comes over the wire is checked, not asserted: it continues the log, in epochs that don't fall. */
  #fits({ baseOffset, endOffset, epochs }: FetchedRecords): boolean {
    const { log } = this.#replica
    let lastEpoch: number = log.lastRecordEpoch
    let lastStart: number = baseOffset - 1
    for (const { epoch, startOffset } of epochs) {
      const isInOrder = epoch >= lastEpoch && epoch <= this.leaderEpoch && startOffset > lastStart
      if (!isInOrder || startOffset >= endOffset) return false
      lastEpoch = epoch
      lastStart = startOffset
    }
    // Compaction may have left a gap.
    return baseOffset >= log.logEndOffset && epochs[0]?.startOffset === baseOffset
  }

  #onDiverging(end: EpochEnd, leaderLogStartOffset: Offset): void {
    const { log } = this.#replica
    const offset = log.truncationOffset(end)
    if (offset < log.highWatermark && !this.#isUnclean) {
      this.#hasStopped = true
      this.#stop(`the leader's log parts from this one below the high watermark ${log.highWatermark}`)
    } else if (offset >= log.logEndOffset) {
      this.#isPausing = true
    } else if (offset < log.logStartOffset) {
      this.#restartLog(leaderLogStartOffset)
    } else {
      this.#truncate(offset, offset < log.highWatermark ? 'unclean' : 'divergence')
    }
  }

  /** The leader has dropped what comes next, so this log has nothing to be continued with: it begins anew. */
  #onOutOfRange(leaderLogStartOffset: Offset): void {
    if (leaderLogStartOffset > this.#replica.log.logEndOffset) this.#restartLog(leaderLogStartOffset)
    else this.#isPausing = true
  }

  #cutDamage(offset: Offset): void {
    const { log } = this.#replica
    if (offset <= log.logStartOffset) this.#truncate(log.logStartOffset, 'damage')
    else this.#truncate(least(offset, log.logEndOffset), 'damage')
  }

  #truncate(offset: Offset, reason: TruncationReason): void {
    const { log } = this.#replica
    const mayCutCommitted = reason === 'damage' || reason === 'unclean'
    const { highWatermark } = log
    const generation = log.beginTruncation(offset, mayCutCommitted)
    // The leader has everything that is committed, and not this.
    if (reason === 'unclean' || reason === 'divergence') log.forgiveLoss(offset)
    this.#replica.emit({ kind: 'truncate', generation, offset, reason })
    if (log.highWatermark !== highWatermark) {
      this.#replica.emit({ kind: 'high-watermark', offset: log.highWatermark })
    }
  }

  #restartLog(offset: Offset): void {
    const { log } = this.#replica
    const isUnclean = this.#isUnclean && offset < log.highWatermark
    const generation = log.beginRestart(offset, isUnclean)
    if (isUnclean) log.forgiveLoss(log.highWatermark)
    this.#replica.emit({ kind: 'restart-log', generation, offset, isUnclean })
    this.#replica.emit({ kind: 'high-watermark', offset: log.highWatermark })
  }
}

function least(a: Offset, b: Offset): Offset {
  return a < b ? a : b
}
