/**
 * The leader of an epoch: it alone appends, it decides what is committed, and it goes when it has lost its majority.
 *
 * Owns: the high watermark, the check-quorum (which voters have fetched lately), the voters' knowledge of this leader.
 * Must not know: records, time.
 * Invariants: the first record of the epoch is a LeaderChange; the high watermark is the majority of *flushed* ends of the
 * voters in force, this one's own only as one of them, and moves only past the beginning of the epoch (Raft thesis §3.6.2).
 */
import { NO_OFFSET, type NodeId, offset as toOffset, type Offset } from '@millrace/base'
import type { LeaderEntry } from '../effect.ts'
import type { RaftTimer } from '../event.ts'
import { FetchService } from '../fetch-service.ts'
import type {
  AddVoterRequest,
  FetchRequest,
  FetchSnapshotRequest,
  RaftResponse,
  RemoveVoterRequest,
  UpdateVoterRequest,
} from '../message.ts'
import type { Replica } from '../replica.ts'
import type { ReplicaKey } from '../replica-key.ts'
import { VoterChanges } from '../voter-changes.ts'
import { VoterLife } from '../voter-life.ts'
import type { VoterSet } from '../voter-set.ts'
import type { VoteTally } from '../vote-tally.ts'
import { Role, type RoleChanges } from './role.ts'

/** Kafka's factor: followers give up their leader before it gives itself up. */
const CHECK_QUORUM_FACTOR = 1.5
const BEGIN_QUORUM_EPOCH_FACTOR = 0.5

export class Leader extends Role {
  readonly kind = 'leader'
  override readonly epochStartOffset: Offset
  readonly fetches: FetchService
  readonly #changes: VoterChanges
  readonly #tally: VoteTally
  /** Since check-quorum was armed. */
  readonly #fetched = new Set<NodeId>()
  readonly #gone = new Set<NodeId>()
  /** Voters that fetch need not be told who leads. */
  readonly #life = new VoterLife()
  readonly #told = new Map<number, NodeId>()
  #hasLeft = false

  constructor(replica: Replica, changes: RoleChanges, tally: VoteTally) {
    super(replica, changes)
    this.epochStartOffset = replica.log.logEndOffset
    this.fetches = new FetchService(replica)
    this.#changes = new VoterChanges(replica, this.fetches.progress, this.#life, (voters) =>
      this.#appendVoters(voters),
    )
    this.#tally = tally
  }

  get grantsPreVotes(): boolean {
    return false
  }

  get isEpochCommitted(): boolean {
    return this.replica.log.highWatermark > this.epochStartOffset
  }

  onEnter(): void {
    const { replica } = this
    const { log, self } = replica
    const voters = log.voters ?? this.#resolvedVoters()
    this.#append(
      {
        kind: 'leader-change',
        leaderId: self.id,
        voterIds: voters.voters.map(({ id }) => id),
        grantingVoterIds: this.#tally.granting,
      },
      1,
      null,
    )
    if (log.voters === null) this.#append({ kind: 'voters', voters, isFirst: true }, 2, voters)
    this.#armCheckQuorum()
    this.#tellVoters()
  }

  override onLeave(): void {
    this.#hasLeft = true
    this.fetches.dismissAll()
    this.#changes.dismiss()
  }

  onTimer(timer: RaftTimer): void {
    if (timer === 'check-quorum') this.resign()
    else if (timer === 'begin-quorum-epoch') this.#onTick()
    else if (timer === 'voter-change') this.#changes.onTimeout()
    else if (timer === 'fetch-waits') this.fetches.onSharedWaitEnd()
    else if (timer.startsWith('fetch-wait/'))
      this.fetches.onWaitEnd(Number(timer.slice('fetch-wait/'.length)))
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    const id = this.#told.get(sendId)
    if (id === undefined) return
    this.#told.delete(sendId)
    this.replica.onAnswer(id, response !== null)
    if (response === null) return
    this.#gone.delete(id)
    this.changes.heed(response, id)
  }

  override onFlushed(): void {
    this.#maybeCommit()
  }

  /** A majority that is known to be gone need not be waited for. */
  override onPeerGone(id: NodeId): void {
    const { voters, self } = this.replica
    if (voters.get(id) === undefined || id === self.id) return
    this.#gone.add(id)
    const left = voters.voters.filter((voter) => !this.#gone.has(voter.id)).length
    if (left < voters.majority) this.resign()
  }

  /** Whoever can't append decides nothing, and as long as it leads nobody else does. */
  onAppendRefused(): void {
    const { voters, isVoter } = this.replica
    if (voters.size > 1 || !isVoter) this.resign()
  }

  resign(): void {
    this.changes.becomeResigned(this.#preferredCandidates())
  }

  propose(recordCount: number, proposal: unknown): void {
    this.#append({ kind: 'proposal', proposal }, recordCount, null)
  }

  // Requests

  handleFetch(id: number, request: FetchRequest): void {
    const position = this.replica.log.validate(request.fetchOffset, request.lastFetchedEpoch)
    const progress = this.fetches.observe(request, position)
    this.#onHeardFrom(request.replica)
    if (position.kind === 'valid') {
      this.#maybeCommit()
      if (!this.#hasLeft) this.#changes.maybeAdd()
    }
    if (this.#hasLeft) this.fetches.dismiss(id)
    else this.fetches.answerOrWait(id, request, progress)
  }

  handleFetchSnapshot(id: number, request: FetchSnapshotRequest): void {
    this.#onHeardFrom(request.replica)
    this.fetches.answerSnapshot(id, request)
  }

  handleVoterChange(id: number, request: AddVoterRequest | RemoveVoterRequest | UpdateVoterRequest): void {
    this.#changes.handle(id, request, this.isEpochCommitted)
  }

  onRequestDropped(id: number): void {
    this.fetches.drop(id)
    this.#changes.drop(id)
  }

  // Log

  /** The voters of the configuration, with the disks that voted; this one where it says it is. */
  #resolvedVoters(): VoterSet {
    const { self, endpoint } = this.replica
    const voters = this.#tally.resolved()
    return endpoint === null ? voters : voters.with({ ...self, endpoint })
  }

  #appendVoters(voters: VoterSet): Offset {
    const offset = this.#append({ kind: 'voters', voters, isFirst: false }, 1, voters)
    this.#armCheckQuorum()
    this.#tellVoters()
    return offset
  }

  #append(entry: LeaderEntry, recordCount: number, voters: VoterSet | null): Offset {
    const { log, epoch } = this.replica
    const baseOffset = log.logEndOffset
    log.append(epoch, toOffset(baseOffset + recordCount), voters)
    this.replica.emit({ kind: 'append', generation: log.generation, baseOffset, epoch, entry })
    this.fetches.answerThoseWithNews()
    return baseOffset
  }

  #maybeCommit(): void {
    const { voters, self, log } = this.replica
    const ends = voters.voters.map((voter) =>
      voter.id === self.id
        ? log.flushedEndOffset
        : (this.fetches.progress.get(voter)?.flushedEndOffset ?? NO_OFFSET),
    )
    ends.sort((a, b) => b - a)
    const offset = ends[voters.majority - 1] ?? NO_OFFSET
    if (offset <= this.epochStartOffset || !this.replica.advanceHighWatermark(offset)) return
    this.fetches.answerThoseWithNews()
    this.#changes.onHighWatermark()
    if (!log.areVotersCommitted) return
    // A leader that was removed leads until that is committed (Raft thesis §4.2.2).
    if (!this.replica.isVoter) this.resign()
    else this.#maybeCorrectEndpoint()
  }

  /** A leader that listens elsewhere than the voter set says. */
  #maybeCorrectEndpoint(): void {
    const { voters, self, endpoint, log } = this.replica
    const known = voters.get(self.id)
    if (endpoint === null || known === undefined || log.voters === null) return
    if (known.endpoint.host === endpoint.host && known.endpoint.port === endpoint.port) return
    this.#appendVoters(voters.with({ ...self, endpoint }))
  }

  // Quorum

  #onHeardFrom(replica: ReplicaKey): void {
    const { voters, self } = this.replica
    this.replica.onAnswer(replica.id, true)
    if (!voters.has(replica) || replica.id === self.id) return
    this.#gone.delete(replica.id)
    this.#life.onHeardFrom(replica.id)
    this.#fetched.add(replica.id)
    const needed = voters.majority - (this.replica.isVoter ? 1 : 0)
    const heard = voters.voters.filter(({ id }) => this.#fetched.has(id)).length
    if (heard >= needed) this.#armCheckQuorum()
  }

  /** A leader that needs nobody else never resigns (KAFKA-16144). */
  #armCheckQuorum(): void {
    const { replica } = this
    this.#fetched.clear()
    if (replica.voters.size === 1 && replica.isVoter) replica.disarm('check-quorum')
    else replica.arm('check-quorum', replica.config.fetchTimeoutMs * CHECK_QUORUM_FACTOR)
  }

  #onTick(): void {
    this.#tellVoters()
    this.#life.onTick()
  }

  #tellVoters(): void {
    const { replica } = this
    const { self, epoch, endpoint, voters, config } = replica
    const asked = new Set(this.#told.values())
    for (const voter of voters.voters) {
      if (voter.id === self.id || endpoint === null) continue
      if (this.#life.hasFetchedSinceTick(voter.id) || asked.has(voter.id)) continue
      const { id, directoryId } = voter
      const sendId = replica.send(id, {
        kind: 'begin-quorum-epoch',
        voter: { id, directoryId },
        epoch,
        leaderId: self.id,
        leaderEndpoint: endpoint,
      })
      if (sendId !== null) this.#told.set(sendId, id)
    }
    if (voters.size > 1 || !replica.isVoter) {
      replica.arm('begin-quorum-epoch', config.fetchTimeoutMs * BEGIN_QUORUM_EPOCH_FACTOR)
    }
  }

  #preferredCandidates(): readonly ReplicaKey[] {
    const { voters, self } = this.replica
    const flushed = (voter: ReplicaKey): number =>
      this.fetches.progress.get(voter)?.flushedEndOffset ?? NO_OFFSET
    return voters.voters
      .filter(({ id }) => id !== self.id)
      .sort((a, b) => flushed(b) - flushed(a))
      .map(({ id, directoryId }) => ({ id, directoryId }))
  }
}
