/**
 * Leader side of one partition in one leader epoch: how far each follower is, who is in sync, where the high watermark
 * stands, and which appends may be answered.
 *
 * Owns: follower progress, the ISR and its proposals, waiting appends and waiting fetches.
 * Must not know: sockets, files, record bytes, wall time.
 * Invariants: the high watermark never falls; every member of the maximal ISR holds all records below it; it does not move
 * while the ISR is smaller than `min.insync.replicas` (KIP-966), nor before the epoch's start is on disk.
 */
import { assert } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset } from '@millrace/base'
import { AckWaits } from '../ack-waits.ts'
import { FollowerProgress } from '../follower-progress.ts'
import type { FetchReply } from '../effect.ts'
import { InSyncReplicas } from '../in-sync-replicas.ts'
import type {
  AckError,
  AckWait,
  AlterPartitionAnswer,
  AppendRefusal,
  FetchError,
  FollowerFetch,
  IsrMember,
} from '../message.ts'
import { LeaderRecoveryState } from '../partition-state.ts'
import type { PartitionState } from '../partition-state.ts'
import { leastIsrSize } from '../replica.ts'
import type { Replica } from '../replica.ts'

const UNKNOWN_PROCESS = -1
/** Appends that wait for so long without any getting further: the followers are not there. */
const STALL_MS = 500

export class Leader {
  readonly kind = 'leader'
  readonly leaderEpoch: LeaderEpoch
  readonly isr: InSyncReplicas
  readonly #replica: Replica
  readonly #waits = new AckWaits()
  #partition: PartitionState
  #followers: FollowerProgress[] = []
  /** Null: a truncation of before is not on disk yet, so nobody knows where the epoch begins. */
  #epochStartOffset: Offset | null = null
  #isEpochStartFlushed = false
  /** The controller has gone on without this leader; the metadata will say how. */
  #isSuperseded = false
  #proposesAgainAtMs = -Infinity
  /** Since when appends wait without any getting further; Infinity: none waits. */
  #stalledSinceMs = Infinity
  #hasStalled = false

  constructor(replica: Replica, partition: PartitionState) {
    this.#replica = replica
    this.#partition = partition
    this.leaderEpoch = partition.leaderEpoch
    this.isr = new InSyncReplicas(partition)
    this.#track()
  }

  /** Null: it takes no appends yet. */
  get epochStartOffset(): Offset | null {
    return this.#epochStartOffset
  }

  /** The high watermark may be below what a former leader has shown, until it has reached this epoch (KIP-207). */
  get isHighWatermarkCurrent(): boolean {
    return this.#epochStartOffset !== null && this.#replica.log.highWatermark >= this.#epochStartOffset
  }

  get followers(): readonly FollowerProgress[] {
    return this.#followers
  }

  /**
   * Neither controllers nor followers are there: most likely others have gone on without this leader, and whoever waits here
   * had better ask them. One that can still commit leads on without controllers.
   */
  get isDoubted(): boolean {
    return this.#hasStalled && this.#replica.brokers.isOwnSessionOver()
  }

  /**
   * Time alone may change something: a proposal that failed is due again, a follower falls behind, or one that waits at the
   * log's end becomes eligible.
   */
  get wantsTick(): boolean {
    const { log, config, nowMs } = this.#replica
    if (this.isr.hasOpenExpansion || this.#proposesAgainAtMs > nowMs) return true
    return this.#followers.some((follower) => {
      const isMember = this.isr.isMaximal(follower.id)
      if (follower.endOffset >= log.logEndOffset) return !isMember && follower.waiting !== null
      return isMember || follower.keepsUp(log.logEndOffset, nowMs, config.replicaLagTimeMaxMs)
    })
  }

  get #hasEnoughReplicas(): boolean {
    return this.isr.confirmed.length >= leastIsrSize(this.#replica.config, this.#partition)
  }

  onEnter(): void {
    if (!this.#replica.log.isCutting) this.#beginEpoch()
  }

  onTruncated(): void {
    if (this.#epochStartOffset === null) this.#beginEpoch()
  }

  onMetadata(partition: PartitionState): void {
    this.#partition = partition
    this.#isSuperseded = false
    this.#track()
    this.#onConfirmed(partition)
  }

  onConfig(): void {
    if (!this.#replica.log.isFlushed && this.#replica.isFlushedToAck) this.#replica.flush()
    this.#onIsrOrMinimum()
  }

  onTick(): void {
    this.#maybeDoubt()
    this.#maybePropose()
    // A replica that was waited for to join the ISR may not keep up any more.
    this.#maybeRaiseHighWatermark()
  }

  onLeave(error: AckError): void {
    this.#failAll(error)
    for (const follower of this.#followers) {
      if (follower.waiting !== null) this.#refuse(follower.waiting, 'NOT_LEADER_OR_FOLLOWER')
    }
  }

  // Appends

  appendRefusal(requiredAcks: number): AppendRefusal | null {
    if (this.#epochStartOffset === null || this.isDoubted) return 'NOT_LEADER_OR_FOLLOWER'
    return requiredAcks === -1 && !this.#hasEnoughReplicas ? 'NOT_ENOUGH_REPLICAS' : null
  }

  onAppended(endOffset: Offset, waits: readonly AckWait[]): void {
    assert(this.#epochStartOffset !== null, 'append before the epoch began')
    const { log, nowMs } = this.#replica
    for (const follower of this.#followers) follower.endMoves(log.logEndOffset, nowMs)
    log.appendedAsLeader(endOffset)
    if (this.#waits.isEmpty && waits.length > 0) this.#stalledSinceMs = nowMs
    for (const wait of waits) this.#waits.add(wait)
    if (this.#replica.isFlushedToAck) this.#replica.flush()
    this.#tellRecords()
    if (this.#hasEnoughReplicas) this.#maybeRaiseHighWatermark()
    else this.#failAll('NOT_ENOUGH_REPLICAS_AFTER_APPEND')
  }

  onFlushed(): void {
    this.#isEpochStartFlushed = this.#epochStartOffset !== null
    this.#maybeRaiseHighWatermark()
  }

  // Fetches

  onFetch(fetch: FollowerFetch): void {
    const { log, brokers, nowMs } = this.#replica
    const follower = this.#followers.find(({ id }) => id === fetch.replicaId)
    // It knows of an assignment that has not arrived here.
    if (follower === undefined) return this.#refuse(fetch, 'UNKNOWN_LEADER_EPOCH')
    if (this.#epochStartOffset === null) return this.#refuse(fetch, 'NOT_LEADER_OR_FOLLOWER')
    if (fetch.brokerEpoch < (brokers.brokerEpoch(fetch.replicaId) ?? UNKNOWN_PROCESS)) {
      return this.#refuse(fetch, 'NOT_LEADER_OR_FOLLOWER')
    }
    if (!follower.isNews(fetch)) return
    follower.arrived(fetch)
    if (fetch.lastFetchedEpoch > log.latestEpoch) return this.#refuse(fetch, 'UNKNOWN_LEADER_EPOCH')
    const end = log.divergence(fetch.fetchOffset, fetch.lastFetchedEpoch)
    if (end !== null) {
      return this.#reply(fetch, { kind: 'diverging', end, logStartOffset: log.logStartOffset })
    }
    if (fetch.fetchOffset < log.logStartOffset) {
      return this.#reply(fetch, {
        kind: 'error',
        error: 'OFFSET_OUT_OF_RANGE',
        logStartOffset: log.logStartOffset,
      })
    }
    follower.acknowledged(fetch, log.logEndOffset, nowMs)
    this.#maybeRaiseHighWatermark()
    if (this.#mayChangeIsr(follower)) this.#maybePropose()
    if (fetch.fetchOffset < log.logEndOffset || fetch.logStartOffset < log.logStartOffset) {
      this.#replyRecords(follower, fetch)
    } else follower.waiting = fetch
  }

  onFetchDropped(replicaId: NodeId, fetchId: number): void {
    const follower = this.#followers.find(({ id }) => id === replicaId)
    if (follower?.waiting?.fetchId === fetchId) follower.waiting = null
  }

  tellHighWatermark(): void {
    const { highWatermark } = this.#replica.log
    for (const follower of this.#followers) {
      const { waiting } = follower
      if (waiting !== null && follower.highWatermark < highWatermark) this.#replyRecords(follower, waiting)
    }
  }

  /** By retention or DeleteRecords. */
  onLogStartAdvanced(): void {
    this.#tellRecords()
  }

  #tellRecords(): void {
    const { logEndOffset, logStartOffset } = this.#replica.log
    for (const follower of this.#followers) {
      const { waiting } = follower
      if (waiting === null) continue
      if (waiting.fetchOffset < logEndOffset || waiting.logStartOffset < logStartOffset) {
        this.#replyRecords(follower, waiting)
      }
    }
  }

  #replyRecords(follower: FollowerProgress, fetch: FollowerFetch): void {
    const { logStartOffset, logEndOffset, highWatermark } = this.#replica.log
    follower.waiting = null
    follower.highWatermark = highWatermark
    const offset = fetch.fetchOffset
    // The follower's log would begin behind its end.
    if (offset < logStartOffset) return this.#reply(fetch, outOfRange(logStartOffset))
    this.#reply(fetch, { kind: 'records', offset, endOffset: logEndOffset, highWatermark, logStartOffset })
  }

  #refuse(fetch: FollowerFetch, error: FetchError): void {
    this.#reply(fetch, { kind: 'error', error, logStartOffset: -1 as Offset })
  }

  #reply({ replicaId, fetchId }: FollowerFetch, reply: FetchReply): void {
    this.#replica.emit({ kind: 'respond-fetch', replicaId, fetchId, reply })
  }

  // The high watermark

  #maybeRaiseHighWatermark(): void {
    const replica = this.#replica
    if (!this.#isEpochStartFlushed || !this.#hasEnoughReplicas) return
    let end = replica.acknowledgedEndOffset
    for (const follower of this.#followers) {
      if (follower.endOffset >= end) continue
      if (this.isr.isMaximal(follower.id) || this.#isAboutToJoin(follower)) end = follower.endOffset
    }
    if (!replica.raiseHighWatermark(end)) return
    const waits = this.#waits.takeBelow(end)
    if (waits.length > 0) replica.emit({ kind: 'release', waits })
    this.#stalledSinceMs = this.#waits.isEmpty ? Infinity : replica.nowMs
    this.#hasStalled = false
  }

  /** Without waiting for it, a leader that is alone in its ISR would run away from it forever. */
  #isAboutToJoin(follower: FollowerProgress): boolean {
    const { log, config, nowMs } = this.#replica
    return (
      follower.endOffset >= log.highWatermark &&
      this.#isEligible(follower) &&
      follower.keepsUp(log.logEndOffset, nowMs, config.replicaLagTimeMaxMs)
    )
  }

  #maybeDoubt(): void {
    const { nowMs, brokers } = this.#replica
    if (nowMs - this.#stalledSinceMs < STALL_MS || !brokers.isOwnSessionOver()) return
    this.#hasStalled = true
    this.#failAll('NOT_LEADER_OR_FOLLOWER')
  }

  #failAll(error: AckError): void {
    this.#stalledSinceMs = Infinity
    const waits = this.#waits.takeAll()
    if (waits.length > 0) this.#replica.emit({ kind: 'fail', waits, error })
  }

  // The ISR

  onAlterPartitionAnswer(requestId: number, answer: AlterPartitionAnswer | null): void {
    if (!this.isr.answered(requestId)) return
    if (answer !== null && answer.error === 'NONE') {
      if (answer.leaderEpoch !== this.leaderEpoch) return
      const { leaderRecoveryState } = answer
      this.#partition = { ...this.#partition, leaderRecoveryState }
      if (!this.#onConfirmed(answer)) this.#backOff()
      return
    }
    this.#backOff()
    switch (answer?.error) {
      case 'FENCED_LEADER_EPOCH':
      case 'NEW_LEADER_ELECTED':
      case 'UNKNOWN_TOPIC_OR_PARTITION':
        this.#isSuperseded = true
        return
      case 'INELIGIBLE_REPLICA':
        this.#propose(this.isr.confirmed)
        return
      case 'INVALID_UPDATE_VERSION':
      case 'RETRIABLE':
      case undefined:
        return
    }
  }

  #onConfirmed(confirmed: { readonly isr: readonly NodeId[]; readonly partitionEpoch: number }): boolean {
    if (!this.isr.confirm(confirmed)) return false
    this.#onIsrOrMinimum()
    this.#maybePropose()
    return true
  }

  #backOff(): void {
    this.#proposesAgainAtMs = this.#replica.nowMs + this.#replica.config.proposalBackoffMs
  }

  #onIsrOrMinimum(): void {
    if (this.#hasEnoughReplicas) this.#maybeRaiseHighWatermark()
    else this.#failAll('NOT_ENOUGH_REPLICAS_AFTER_APPEND')
  }

  #mayChangeIsr(follower: FollowerProgress): boolean {
    if (this.isr.isConfirmed(follower.id)) return this.#hasLost(follower)
    return !this.isr.isInFlight && this.#canJoin(follower)
  }

  #maybePropose(): void {
    if (this.#replica.nowMs < this.#proposesAgainAtMs) return
    if (this.isr.isInFlight || this.#isSuperseded || this.#epochStartOffset === null) return
    this.#propose(this.#wantedIsr())
  }

  /**
   * An expansion that was refused, or is not wanted any more, may be carried out yet, and holds the high watermark back: the
   * ISR as it is, proposed again, raises the partition epoch, which ends that.
   */
  #propose(wanted: readonly NodeId[]): void {
    const { replicas, leaderRecoveryState } = this.#partition
    const isComplete = wanted.length === replicas.length
    const endsRecovery = isComplete && leaderRecoveryState === LeaderRecoveryState.recovering
    const isChange = !isSameSet(wanted, this.isr.confirmed)
    if (!isChange && !endsRecovery && !this.isr.hasOpenExpansion) return
    const requestId = this.#replica.nextRequestId()
    this.isr.propose(wanted, requestId)
    this.#replica.emit({
      kind: 'alter-partition',
      requestId,
      leaderEpoch: this.leaderEpoch,
      partitionEpoch: this.isr.partitionEpoch,
      newIsr: wanted.map((id) => this.#isrMember(id)),
      leaderRecoveryState: isComplete ? LeaderRecoveryState.recovered : leaderRecoveryState,
    })
  }

  #wantedIsr(): readonly NodeId[] {
    const { id: self, log, config, nowMs } = this.#replica
    const wanted: NodeId[] = []
    for (const id of this.isr.confirmed) {
      const follower = this.#followers.find((candidate) => candidate.id === id)
      const stays =
        id === self ||
        (follower !== undefined &&
          !this.#hasLost(follower) &&
          follower.keepsUp(log.logEndOffset, nowMs, config.replicaLagTimeMaxMs))
      if (stays) wanted.push(id)
    }
    for (const follower of this.#followers) {
      if (!this.isr.isConfirmed(follower.id) && this.#canJoin(follower)) wanted.push(follower.id)
    }
    return wanted
  }

  /** Damage cut its log below what is committed. */
  #hasLost({ endOffset }: FollowerProgress): boolean {
    return endOffset >= 0 && endOffset < this.#replica.log.highWatermark
  }

  /**
   * At the high watermark, in this epoch (KIP-101), alive (KIP-841), and the process that fetched (KIP-903); and keeping up,
   * or it would leave again at once.
   */
  #canJoin(follower: FollowerProgress): boolean {
    return follower.endOffset >= this.#epochStartOffset! && this.#isAboutToJoin(follower)
  }

  #isEligible(follower: FollowerProgress): boolean {
    return (
      follower.endOffset >= 0 && this.#replica.brokers.eligibleEpoch(follower.id) === follower.brokerEpoch
    )
  }

  #isrMember(id: NodeId): IsrMember {
    const { id: self, brokerEpoch } = this.#replica
    if (id === self) return { id, brokerEpoch }
    const follower = this.#followers.find((candidate) => candidate.id === id)
    return { id, brokerEpoch: follower?.brokerEpoch ?? UNKNOWN_PROCESS }
  }

  // The epoch

  #beginEpoch(): void {
    const { log } = this.#replica
    if (log.latestEpoch === this.leaderEpoch) {
      this.#epochStartOffset = log.startOffsetOf(this.leaderEpoch)
    } else {
      const generation = log.beginEpoch(this.leaderEpoch)
      this.#epochStartOffset = log.logEndOffset
      this.#replica.emit({
        kind: 'assign-epoch-start',
        generation,
        leaderEpoch: this.leaderEpoch,
        startOffset: log.logEndOffset,
      })
    }
    // In an empty log there is no earlier epoch that a crash could leave in its place.
    if (log.logEndOffset > 0) this.#replica.flush()
    else this.#isEpochStartFlushed = true
    this.#maybePropose()
  }

  /** Progress is kept for who stays assigned. A replica that was taken away and given back comes with a new leader epoch. */
  #track(): void {
    const { id: self, nowMs } = this.#replica
    const { replicas, isr } = this.#partition
    for (const { id, waiting } of this.#followers) {
      if (!replicas.includes(id) && waiting !== null) this.#refuse(waiting, 'UNKNOWN_LEADER_EPOCH')
    }
    this.#followers = replicas
      .filter((id) => id !== self)
      .map(
        (id) =>
          this.#followers.find((follower) => follower.id === id) ??
          new FollowerProgress(id, isr.includes(id) ? nowMs : -Infinity),
      )
  }
}

function outOfRange(logStartOffset: Offset): FetchReply {
  return { kind: 'error', error: 'OFFSET_OUT_OF_RANGE', logStartOffset }
}

function isSameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}
