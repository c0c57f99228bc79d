/**
 * What a replica has and is in every role: its key, log, epoch, vote, and the leader it knows; and the effects of the event
 * that is being handled.
 *
 * Owns: the quorum state and its durability: whatever is said after a change of epoch or vote leaves after it is on disk
 * (Raft thesis §3.8). Numbers of sends and persists, and which timers are armed.
 * Must not know: which role it is in, what messages mean.
 * Invariants: the epoch never falls; one vote per epoch; one leader per epoch.
 */
import { assert, NO_NODE, type NodeId, offset as toOffset, type Offset } from '@millrace/base'
import type { Backoff } from './backoff.ts'
import type { RaftEffect, RaftRole } from './effect.ts'
import type { RaftTimer } from './event.ts'
import type { SnapshotId } from './log-summary.ts'
import type { LeadershipClaim, RaftRequest, RaftResponse } from './message.ts'
import type { RaftConfig, RaftOptions } from './raft-options.ts'
import { ReplicaLog } from './replica-log.ts'
import { isSameReplica, type ReplicaKey, type VoterEndpoint } from './replica-key.ts'
import type { VoterSet } from './voter-set.ts'

export class Replica {
  readonly self: ReplicaKey
  readonly endpoint: VoterEndpoint | null
  readonly canVote: boolean
  readonly config: RaftConfig
  readonly log: ReplicaLog
  /** Takes part in no election any more. */
  isRetired = false
  /** The snapshot that is replacing the log just now: until it has, nothing is fetched and no election begun. */
  installing: SnapshotId | null = null
  /** Elections in a row that were not won. */
  electionFailures = 0
  /** Fetches in a row that brought nothing. */
  fetchFailures = 0
  #isRivalTold = false

  readonly #bootstrapVoters: VoterSet
  #epoch: number
  #leaderId: NodeId
  #leaderEndpoint: VoterEndpoint | null = null
  #isLeaderSuspected = true
  #voted: ReplicaKey | null
  #appliedOffset: Offset

  #effects: RaftEffect[] = []
  readonly #armed = new Set<RaftTimer>()
  #isStateDirty = false
  #isVoteDirty = false
  #lastOp = 0
  /** The latest persist of an epoch or vote that is not on disk yet. */
  #voteOp: number | null = null
  #lastSendId = 0
  #peerTurn = 0
  readonly #unanswered = new Map<NodeId, number>()

  constructor(options: RaftOptions) {
    this.self = options.self
    this.canVote = options.canVote
    this.endpoint = options.endpoint
    this.config = options.config
    this.log = new ReplicaLog(options.log)
    this.#bootstrapVoters = options.bootstrapVoters
    this.#appliedOffset = this.log.highWatermark
    const state = options.quorumState
    // A log can be ahead of the quorum state only where the state was lost: no vote can have been cast there.
    const isCurrent = state !== null && state.epoch >= this.log.lastEpoch
    this.#epoch = isCurrent ? state.epoch : this.log.lastEpoch
    this.#leaderId = isCurrent ? state.leaderId : NO_NODE
    this.#voted = isCurrent ? state.voted : null
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Of this epoch, dead or alive; NO_NODE: none is known. */
  get leaderId(): NodeId {
    return this.#leaderId
  }

  /** The leader is known, but not believed to lead any more. */
  get isLeaderSuspected(): boolean {
    return this.#isLeaderSuspected
  }

  get voted(): ReplicaKey | null {
    return this.#voted
  }

  get appliedOffset(): Offset {
    return this.#appliedOffset
  }

  /** In force. */
  get voters(): VoterSet {
    return this.log.voters ?? this.#bootstrapVoters
  }

  get isVoter(): boolean {
    return this.canVote && this.voters.has(this.self)
  }

  /**
   * A voter, or one that is removed by a change that may not be committed: it can be the only one that has the change, and
   * then nobody else can be elected (Raft thesis §4.2.2).
   */
  get isElectable(): boolean {
    return this.isVoter || (this.canVote && this.log.votersBeforeChange?.has(this.self) === true)
  }

  get mayStandForElection(): boolean {
    return this.isElectable && !this.isRetired && this.installing === null
  }

  /** What this replica tells others; one that gave up its leader does not send them there. */
  get claim(): LeadershipClaim {
    const isKnown = this.#leaderId !== NO_NODE && !this.#isLeaderSuspected
    return {
      epoch: this.#epoch,
      leaderId: isKnown ? this.#leaderId : NO_NODE,
      leaderEndpoint: isKnown ? this.#endpointOfLeader() : null,
    }
  }

  /** Whether a message for this voter is for this replica on this disk (KIP-853). */
  isAddressedBy(voter: ReplicaKey): boolean {
    return this.canVote && isSameReplica(this.self, voter)
  }

  /** Raft thesis §3.6.1, with the log as it stands, flushed or not: a voter only gets stricter by what is not on disk yet. */
  isUpToDate(lastOffset: Offset, lastEpoch: number): boolean {
    const { log } = this
    return lastEpoch > log.lastEpoch || (lastEpoch === log.lastEpoch && lastOffset >= log.logEndOffset)
  }

  // Epoch, vote, leader

  enterEpoch(epoch: number): void {
    assert(epoch >= this.#epoch, `epoch fell from ${this.#epoch} to ${epoch}`)
    this.#isLeaderSuspected = true
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#leaderId = NO_NODE
    this.#leaderEndpoint = null
    this.#voted = null
    this.#isStateDirty = true
    this.#isVoteDirty = true
  }

  vote(candidate: ReplicaKey): void {
    const { voted } = this
    if (voted !== null) {
      assert(
        voted.id === candidate.id && voted.directoryId === candidate.directoryId,
        'a second vote in an epoch',
      )
      return
    }
    this.#voted = candidate
    this.#isStateDirty = true
    this.#isVoteDirty = true
  }

  followLeader(leaderId: NodeId, endpoint: VoterEndpoint | null): void {
    assert(this.#leaderId === NO_NODE || this.#leaderId === leaderId, 'a second leader in an epoch')
    this.#isLeaderSuspected = false
    if (endpoint !== null) this.#leaderEndpoint = endpoint
    if (this.#leaderId === leaderId) return
    this.#leaderId = leaderId
    this.#isStateDirty = true
  }

  /** A leader that is no voter in the set known here is found only through others. */
  learnLeaderEndpoint(leaderId: NodeId, endpoint: VoterEndpoint | null): void {
    if (leaderId === this.#leaderId && endpoint !== null) this.#leaderEndpoint = endpoint
  }

  canReach(id: NodeId): boolean {
    return this.#endpointOf(id) !== null
  }

  suspectLeader(): void {
    this.#isLeaderSuspected = true
  }

  trustLeader(): void {
    this.#isLeaderSuspected = false
  }

  /** @returns the number of the persist after which epoch and vote are on disk */
  persistVote(): number {
    this.#persist()
    return this.#voteOp ?? this.#lastOp
  }

  onPersisted(op: number): void {
    if (this.#voteOp !== null && op >= this.#voteOp) this.#voteOp = null
  }

  isVoteDurable(op: number): boolean {
    return this.#voteOp === null || this.#voteOp > op
  }

  // Log

  /** @param limit of what is committed; what is not on disk here waits */
  advanceHighWatermark(limit: Offset): boolean {
    const offset = toOffset(Math.min(limit, this.log.flushedEndOffset))
    if (!this.log.advanceHighWatermark(offset)) return false
    this.#effects.push({ kind: 'high-watermark', offset })
    return true
  }

  onApplied(offset: Offset): void {
    assert(offset <= this.log.highWatermark, 'what is not committed was applied')
    if (offset > this.#appliedOffset) this.#appliedOffset = offset
  }

  onSnapshotInstalled(snapshotId: SnapshotId, voters: VoterSet | null): void {
    assert(this.installing?.endOffset === snapshotId.endOffset, 'another snapshot was installed')
    this.installing = null
    this.log.reset(snapshotId, voters)
  }

  // Effects

  emit(effect: RaftEffect): void {
    this.#effects.push(effect)
  }

  /** @returns the effects since the last call */
  drain(): RaftEffect[] {
    this.#persist()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  arm(timer: RaftTimer, delayMs: number, jitterMs = 0): void {
    this.#armed.add(timer)
    this.#effects.push({ kind: 'arm', timer, delayMs, jitterMs })
  }

  armBackoff({ delayMs, jitterMs }: Backoff): void {
    this.arm('backoff', delayMs, jitterMs)
  }

  disarm(timer: RaftTimer): void {
    if (this.#armed.delete(timer)) this.#effects.push({ kind: 'disarm', timer })
  }

  disarmAll(): void {
    for (const timer of this.#armed) this.#effects.push({ kind: 'disarm', timer })
    this.#armed.clear()
  }

  isArmed(timer: RaftTimer): boolean {
    return this.#armed.has(timer)
  }

  /** @returns false when the timer was disarmed before it went off */
  expire(timer: RaftTimer): boolean {
    return this.#armed.delete(timer)
  }

  /** @returns the number by which the answer is known; null when nobody knows where that node is */
  send(id: NodeId, request: RaftRequest): number | null {
    const endpoint = this.#endpointOf(id)
    if (endpoint === null) return null
    this.#persist()
    this.#lastSendId += 1
    this.#effects.push({
      kind: 'send',
      sendId: this.#lastSendId,
      to: { id, endpoint },
      request,
      after: this.#voteOp,
    })
    return this.#lastSendId
  }

  respond(id: number, response: RaftResponse): void {
    this.#persist()
    this.#effects.push({ kind: 'respond', id, response, after: this.#voteOp })
  }

  /** A node that doesn't answer where it was may be found where it was configured. */
  onAnswer(id: NodeId, isAnswered: boolean): void {
    if (isAnswered) this.#unanswered.delete(id)
    else this.#unanswered.set(id, (this.#unanswered.get(id) ?? 0) + 1)
  }

  /** Whom to ask next who leads: each known voter in turn, and the leader, except `asked`. NO_NODE: there is no other. */
  nextPeer(asked: ReadonlySet<NodeId>): NodeId {
    const known = [...this.voters.voters, ...this.#bootstrapVoters.voters].map(({ id }) => id)
    const ids = new Set(this.#leaderId === NO_NODE ? known : [...known, this.#leaderId])
    ids.delete(this.self.id)
    for (let step = 1; step <= ids.size; step += 1) {
      const turn = (this.#peerTurn + step) % ids.size
      const id = [...ids][turn]!
      if (asked.has(id)) continue
      this.#peerTurn = turn
      return id
    }
    return NO_NODE
  }

  /** @param maxWaitMs 0 to be answered at once */
  fetch(leaderId: NodeId, maxWaitMs: number): number | null {
    const { log, config } = this
    return this.send(leaderId, {
      kind: 'fetch',
      replica: this.self,
      epoch: this.#epoch,
      fetchOffset: log.flushedEndOffset,
      lastFetchedEpoch: log.epochBefore(log.flushedEndOffset),
      appliedOffset: this.#appliedOffset,
      maxWaitMs,
      maxBytes: config.fetchMaxBytes,
    })
  }

  /** Once in the life of the process: it goes on asking for the vote. */
  tellRival(voter: ReplicaKey): void {
    if (this.#isRivalTold) return
    this.#isRivalTold = true
    this.emit({ kind: 'voter-is-alive', voter })
  }

  tellLeadership(role: RaftRole, epochStartOffset: Offset | null): void {
    this.#effects.push({ kind: 'leadership', role, leadership: this.claim, epochStartOffset })
  }

  #persist(): void {
    if (!this.#isStateDirty) return
    this.#lastOp += 1
    if (this.#isVoteDirty) this.#voteOp = this.#lastOp
    this.#isStateDirty = false
    this.#isVoteDirty = false
    const state = { epoch: this.#epoch, leaderId: this.#leaderId, voted: this.#voted }
    this.#effects.push({ kind: 'persist', op: this.#lastOp, state })
  }

  #endpointOfLeader(): VoterEndpoint | null {
    return this.#leaderId === this.self.id ? this.endpoint : this.#endpointOf(this.#leaderId)
  }

  #endpointOf(id: NodeId): VoterEndpoint | null {
    const known = [
      id === this.#leaderId ? this.#leaderEndpoint : null,
      this.voters.get(id)?.endpoint,
      this.#bootstrapVoters.get(id)?.endpoint,
    ].filter((endpoint) => endpoint !== null && endpoint !== undefined)
    const distinct = known.filter(
      ({ host, port }, index) =>
        index === known.findIndex((other) => other.host === host && other.port === port),
    )
    return distinct[(this.#unanswered.get(id) ?? 0) % Math.max(distinct.length, 1)] ?? null
  }
}
