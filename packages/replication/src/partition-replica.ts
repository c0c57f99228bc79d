/**
 * One replica of one partition, leader or follower: events in, effects out, everything else is `event.ts` and `effect.ts`.
 * This file fences and dispatches; what a replica does is in `roles/`.
 *
 * Must not know: time (it comes with each event), sockets, files, records.
 * Invariants: what belongs to an older leader epoch, an earlier truncation or another process has no effect; a log that
 * lacks committed records never leads, unless an operator has chosen it.
 */
import { assert, NO_LEADER_EPOCH, NO_NODE } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset } from '@millrace/base'
import type { LeadershipRefusal, ReplicaRole, ReplicationEffect } from './effect.ts'
import type { ReplicationEvent } from './event.ts'
import type { AckError, AppendRefusal, EpochEnd, EpochStart, FetchError, FollowerFetch } from './message.ts'
import { LeaderRecoveryState } from './partition-state.ts'
import type { PartitionState } from './partition-state.ts'
import { Replica } from './replica.ts'
import type { ReplicaOptions } from './replica-options.ts'
import { Follower } from './roles/follower.ts'
import { Leader } from './roles/leader.ts'

/** A follower as its leader sees it. */
export interface FollowerDescription {
  readonly id: NodeId
  /** −1: it has not fetched in this epoch. */
  readonly endOffset: Offset
}

export class PartitionReplica {
  readonly #replica: Replica
  #partition: PartitionState | null = null
  /** Null: offline or stopped. */
  #role: Leader | Follower | null = null
  #isStopped = false
  #hasLogFailed = false

  /** Begins with what recovery found; nothing happens before the first `metadata`. */
  constructor(options: ReplicaOptions) {
    this.#replica = new Replica(options)
  }

  /**
   * Handles one event to the end.
   * @param nowMs of a monotonic clock
   * @returns what is to be done about it, in this order
   */
  step(nowMs: number, event: ReplicationEvent): readonly ReplicationEffect[] {
    this.#replica.nowMs = nowMs
    if (!this.#isStopped) this.#dispatch(event)
    // Its follower would wait for an answer for ever, and the replica may begin anew.
    else if (event.kind === 'fetch') this.#refuseFetch(event.fetch, 'NOT_LEADER_OR_FOLLOWER')
    return this.#replica.drain()
  }

  get role(): ReplicaRole {
    if (this.#isStopped) return 'stopped'
    return this.#role?.kind ?? 'offline'
  }

  /** As the metadata has it; −1 before. */
  get leaderEpoch(): LeaderEpoch {
    return this.#partition?.leaderEpoch ?? NO_LEADER_EPOCH
  }

  get leaderId(): NodeId {
    return this.#partition?.leader ?? NO_NODE
  }

  /** End of what may be read here. */
  get highWatermark(): Offset {
    return this.#replica.log.highWatermark
  }

  /**
   * Up to where records that may be committed have to be fetched again, after damage; null: it lacks nothing. Kept in a
   * checkpoint, so that a restarted process does not lead without them.
   */
  get owedEndOffset(): Offset | null {
    return this.#replica.owedEndOffset
  }

  /** On a leader: no former leader has shown a higher one. Otherwise ListOffsets answers OFFSET_NOT_AVAILABLE (KIP-207). */
  get isHighWatermarkCurrent(): boolean {
    return this.#leader?.isHighWatermarkCurrent ?? false
  }

  /** It leads as far as it knows, and most likely does not any more: see `Leader`. */
  get isDoubted(): boolean {
    return this.#leader?.isDoubted ?? false
  }

  get logStartOffset(): Offset {
    return this.#replica.log.logStartOffset
  }

  get logEndOffset(): Offset {
    return this.#replica.log.logEndOffset
  }

  get flushedEndOffset(): Offset {
    return this.#replica.log.flushedEndOffset
  }

  /** Rises with every truncation and with every epoch that begins here. */
  get generation(): number {
    return this.#replica.log.generation
  }

  get epochs(): readonly EpochStart[] {
    return this.#replica.log.epochs
  }

  /** On the leader as the controller last confirmed it; elsewhere as the metadata has it. */
  get isr(): readonly NodeId[] {
    return this.#leader?.isr.confirmed ?? this.#partition?.isr ?? []
  }

  /** On the leader: `isr` and every expansion that may have been made; else null. */
  get maximalIsr(): readonly NodeId[] | null {
    return this.#leader?.isr.maximal ?? null
  }

  /** Whether a `tick` may change anything: to be looked at after each step. */
  get wantsTick(): boolean {
    const role = this.#role
    if (role === null) return false
    return role.kind === 'leader' ? role.wantsTick : role.isPausing
  }

  /** Whether a `tell-high-watermark` would be heard. */
  get hasUntoldHighWatermark(): boolean {
    const { highWatermark } = this.#replica.log
    return (
      this.#leader?.followers.some(
        (follower) => follower.waiting !== null && follower.highWatermark < highWatermark,
      ) ?? false
    )
  }

  followers(): FollowerDescription[] {
    return this.#leader?.followers.map(({ id, endOffset }) => ({ id, endOffset })) ?? []
  }

  /** Asked before each append. @returns null: go on */
  appendRefusal(requiredAcks: number): AppendRefusal | null {
    return this.#leader === null ? 'NOT_LEADER_OR_FOLLOWER' : this.#leader.appendRefusal(requiredAcks)
  }

  /**
   * Asked before a client is served from the leader's log (KIP-320).
   * @param currentLeaderEpoch as the client knows it; −1: it does not say
   */
  leaderRefusal(currentLeaderEpoch: LeaderEpoch): FetchError | null {
    const { leaderEpoch } = this
    if (currentLeaderEpoch !== NO_LEADER_EPOCH) {
      if (currentLeaderEpoch < leaderEpoch) return 'FENCED_LEADER_EPOCH'
      if (currentLeaderEpoch > leaderEpoch) return 'UNKNOWN_LEADER_EPOCH'
    }
    return this.#leader === null || this.#leader.epochStartOffset === null ? 'NOT_LEADER_OR_FOLLOWER' : null
  }

  /** For OffsetForLeaderEpoch (KIP-101, KIP-279). */
  endOffsetForEpoch(epoch: LeaderEpoch): EpochEnd {
    return this.#replica.log.endOffsetForEpoch(epoch)
  }

  get #leader(): Leader | null {
    return this.#role?.kind === 'leader' ? this.#role : null
  }

  get #follower(): Follower | null {
    return this.#role?.kind === 'follower' ? this.#role : null
  }

  #dispatch(event: ReplicationEvent): void {
    const { log } = this.#replica
    switch (event.kind) {
      case 'metadata':
        return this.#onMetadata(event.partition)
      case 'config':
        this.#replica.config = event.config
        return this.#role?.onConfig()
      case 'tick':
        return this.#role?.onTick()
      case 'stop':
        return this.#stop()
      case 'appended':
        return this.#onAppended(event)
      case 'flushed':
        if (log.flushed(event.generation, event.endOffset)) this.#role?.onFlushed()
        return
      case 'truncated':
        if (!log.endTruncation(event.generation, event.logStartOffset, event.logEndOffset)) return
        return this.#role?.onTruncated()
      case 'log-start-advanced':
        if (log.advanceLogStart(event.logStartOffset)) this.#leader?.onLogStartAdvanced()
        return
      case 'damaged':
        return this.#onDamaged(event.offset)
      case 'log-failed':
        return this.#onLogFailed()
      case 'fetch':
        return this.#onFetch(event.fetch)
      case 'fetch-dropped':
        return this.#leader?.onFetchDropped(event.replicaId, event.fetchId)
      case 'tell-high-watermark':
        return this.#leader?.tellHighWatermark()
      case 'fetch-answer':
        return this.#follower?.onAnswer(event.fetchId, event.answer)
      case 'alter-partition-answer':
        return this.#leader?.onAlterPartitionAnswer(event.requestId, event.answer)
    }
  }

  // Roles

  #onMetadata(partition: PartitionState): void {
    const known = this.#partition
    if (known !== null) {
      if (partition.leaderEpoch < known.leaderEpoch) return
      if (partition.partitionEpoch <= known.partitionEpoch) return
    }
    this.#partition = partition
    if (!partition.replicas.includes(this.#replica.id)) return this.#stop()
    if (known?.leaderEpoch === partition.leaderEpoch) return this.#role?.onMetadata(partition)
    this.#leave('NOT_LEADER_OR_FOLLOWER')
    if (partition.leader === this.#replica.id) this.#becomeLeader(partition)
    else if (this.#hasLogFailed) this.#tellRole()
    else this.#becomeFollower(partition)
  }

  #becomeLeader(partition: PartitionState): void {
    const reason = this.#refusalToLead(partition)
    if (reason !== null) {
      this.#tellRole()
      this.#refuseLeadership(reason)
      return
    }
    const { log } = this.#replica
    if (partition.leaderRecoveryState === LeaderRecoveryState.recovering) log.forgiveLoss(log.highWatermark)
    const leader = new Leader(this.#replica, partition)
    this.#role = leader
    this.#tellRole()
    leader.onEnter()
  }

  #becomeFollower(partition: PartitionState): void {
    const follower = new Follower(this.#replica, partition, (why) => {
      this.#replica.emit({ kind: 'fault', why })
      this.#goOffline('NOT_LEADER_OR_FOLLOWER')
    })
    this.#role = follower
    this.#tellRole()
    follower.onEnter()
  }

  #refusalToLead({ leaderEpoch, leaderRecoveryState, replicas }: PartitionState): LeadershipRefusal | null {
    const { log, isFlushedToAck, owedEndOffset, resumesEpochs } = this.#replica
    if (this.#hasLogFailed) return 'log-failed'
    if (log.damagedFrom !== null) return 'damaged'
    const isBegun = log.latestEpoch === leaderEpoch && !resumesEpochs
    if (isBegun || log.latestEpoch > leaderEpoch) return 'epoch-of-another-process'
    if (owedEndOffset === null || leaderRecoveryState === LeaderRecoveryState.recovering) return null
    // Where a crash may take what nobody else has, what is left is all there is.
    return replicas.length === 1 && !isFlushedToAck ? null : 'incomplete'
  }

  #refuseLeadership(reason: LeadershipRefusal): void {
    this.#replica.emit({ kind: 'refuse-leadership', leaderEpoch: this.leaderEpoch, reason })
  }

  #goOffline(error: AckError): void {
    this.#leave(error)
    this.#tellRole()
  }

  #stop(): void {
    this.#leave('NOT_LEADER_OR_FOLLOWER')
    this.#isStopped = true
    this.#tellRole()
  }

  #leave(error: AckError): void {
    this.#role?.onLeave(error)
    this.#role = null
  }

  #tellRole(): void {
    const { role, leaderEpoch, leaderId } = this
    this.#replica.emit({ kind: 'role', role, leaderEpoch, leaderId })
  }

  // Log

  #onAppended({ leaderEpoch, endOffset, waits }: ReplicationEvent & { readonly kind: 'appended' }): void {
    const leader = this.#leader
    assert(leader !== null && leader.leaderEpoch === leaderEpoch, 'append in an epoch that is not led here')
    leader.onAppended(endOffset, waits)
  }

  #onDamaged(offset: Offset): void {
    this.#replica.log.damaged(offset)
    if (this.#leader !== null) {
      this.#goOffline('KAFKA_STORAGE_ERROR')
      this.#refuseLeadership('damaged')
    } else this.#follower?.onDamaged()
  }

  #onLogFailed(): void {
    this.#hasLogFailed = true
    const wasLeader = this.#leader !== null
    this.#goOffline('KAFKA_STORAGE_ERROR')
    if (wasLeader) this.#refuseLeadership('log-failed')
  }

  // Fetches

  #onFetch(fetch: FollowerFetch): void {
    const error = this.leaderRefusal(fetch.leaderEpoch)
    if (error === null) this.#leader!.onFetch(fetch)
    else this.#refuseFetch(fetch, error)
  }

  #refuseFetch({ replicaId, fetchId }: FollowerFetch, error: FetchError): void {
    const reply = { kind: 'error', error, logStartOffset: -1 as Offset } as const
    this.#replica.emit({ kind: 'respond-fetch', replicaId, fetchId, reply })
  }
}
