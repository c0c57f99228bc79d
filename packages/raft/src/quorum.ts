/**
 * The present role of a replica, the ways from one role to the next, and the requests that every role answers alike.
 *
 * Owns: which role it is; who may have this replica's vote.
 * Invariants: a role sees nothing after it has ended; the new role begins before the old one answers what it left waiting,
 * so that those answers name the new epoch.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import type {
  BeginQuorumEpochRequest,
  EndQuorumEpochRequest,
  FetchRequest,
  FetchSnapshotRequest,
  LeadershipClaim,
  RaftError,
  RaftRequest,
  UpdateVoterRequest,
  VoteRequest,
} from './message.ts'
import { refusal } from './refusal.ts'
import type { Replica } from './replica.ts'
import type { ReplicaKey, VoterEndpoint } from './replica-key.ts'
import { Candidate } from './roles/candidate.ts'
import { Follower } from './roles/follower.ts'
import { Leader } from './roles/leader.ts'
import { Prospective } from './roles/prospective.ts'
import { Resigned } from './roles/resigned.ts'
import type { Role, RoleChanges } from './roles/role.ts'
import { Unattached } from './roles/unattached.ts'
import type { VoteTally } from './vote-tally.ts'

export class Quorum implements RoleChanges {
  readonly #replica: Replica
  #role: Role

  constructor(replica: Replica) {
    this.#replica = replica
    this.#role = new Unattached(replica, this, true)
  }

  get role(): Role {
    return this.#role
  }

  get leader(): Leader | null {
    return this.#role instanceof Leader ? this.#role : null
  }

  start(): void {
    const replica = this.#replica
    const { leaderId, epoch, voters, self } = replica
    if (replica.mayStandForElection && voters.size === 1) return this.becomeProspective()
    const isReachable = leaderId !== NO_NODE && leaderId !== self.id && replica.canReach(leaderId)
    if (!isReachable) return this.#role.onEnter()
    this.becomeFollower(epoch, leaderId, null)
  }

  // Role changes

  becomeUnattached(epoch: number, isPrompt = false): void {
    this.#replica.enterEpoch(epoch)
    this.#enter(new Unattached(this.#replica, this, isPrompt))
  }

  becomeFollower(epoch: number, leaderId: NodeId, endpoint: VoterEndpoint | null, isAlive = false): void {
    this.#replica.enterEpoch(epoch)
    this.#replica.followLeader(leaderId, endpoint)
    this.#enter(new Follower(this.#replica, this, isAlive))
  }

  becomeProspective(): void {
    this.#enter(new Prospective(this.#replica, this))
  }

  becomeCandidate(): void {
    const { epoch, self } = this.#replica
    this.#replica.enterEpoch(epoch + 1)
    this.#replica.vote(self)
    this.#enter(new Candidate(this.#replica, this))
  }

  becomeLeader(tally: VoteTally): void {
    const { self, endpoint } = this.#replica
    this.#replica.electionFailures = 0
    this.#replica.fetchFailures = 0
    this.#replica.followLeader(self.id, endpoint)
    this.#enter(new Leader(this.#replica, this, tally))
  }

  becomeResigned(preferredCandidates: readonly ReplicaKey[]): void {
    this.#replica.suspectLeader()
    this.#enter(new Resigned(this.#replica, this, preferredCandidates))
  }

  heed(claim: LeadershipClaim, sourceId: NodeId): boolean {
    const { epoch, self } = this.#replica
    const { leaderId, leaderEndpoint } = claim
    if (claim.epoch < epoch) return false
    const isLedByOther = leaderId !== NO_NODE && leaderId !== self.id
    if (claim.epoch > epoch) {
      if (isLedByOther) this.becomeFollower(claim.epoch, leaderId, leaderEndpoint)
      else this.becomeUnattached(claim.epoch)
      return true
    }
    if (!isLedByOther) return false
    const isKnown = this.#replica.leaderId === leaderId
    this.#replica.learnLeaderEndpoint(leaderId, leaderEndpoint)
    // The leader of this epoch is known already: it may have been given up, and what others believe is older than that.
    if (isKnown && sourceId !== leaderId) return false
    return this.#role.onLeaderKnown(claim)
  }

  /** No election is begun from now on; a leader hands over. */
  retire(): void {
    this.#replica.isRetired = true
    const leader = this.leader
    if (leader !== null) leader.resign()
    else if (this.#role.kind === 'prospective' || this.#role.kind === 'candidate') {
      this.becomeUnattached(this.#replica.epoch)
    }
  }

  #enter(role: Role): void {
    const last = this.#role
    this.#role = role
    last.onLeave()
    this.#replica.disarmAll()
    role.onEnter()
  }

  // Requests

  handle(id: number, request: RaftRequest): void {
    switch (request.kind) {
      case 'vote':
        return this.#handleVote(id, request)
      case 'begin-quorum-epoch':
        return this.#handleBeginQuorumEpoch(id, request)
      case 'end-quorum-epoch':
        return this.#handleEndQuorumEpoch(id, request)
      case 'fetch':
        return this.#handleFetch(id, request)
      case 'fetch-snapshot': {
        const error = this.#checkLeaderEpoch(request)
        if (error !== null) return this.#refuse(id, request, error)
        return this.leader?.handleFetchSnapshot(id, request)
      }
      case 'update-voter': {
        const error = this.#checkLeaderEpoch(request)
        if (error !== null) return this.#refuse(id, request, error)
        return this.leader?.handleVoterChange(id, request)
      }
      case 'add-voter':
      case 'remove-voter':
        if (this.leader === null) return this.#refuse(id, request, 'NOT_LEADER_OR_FOLLOWER')
        return this.leader.handleVoterChange(id, request)
    }
  }

  #handleVote(id: number, request: VoteRequest): void {
    const replica = this.#replica
    const { candidate, epoch, preVote } = request
    if (!replica.isAddressedBy(request.voter)) return this.#refuse(id, request, 'INVALID_VOTER_KEY')
    if (candidate.id === replica.self.id || epoch < 0) return this.#refuse(id, request, 'INVALID_REQUEST')
    if (epoch < replica.epoch) return this.#refuse(id, request, 'FENCED_LEADER_EPOCH')
    if (epoch > replica.epoch) this.becomeUnattached(epoch)
    // A leader that stands for election leads no more: it was restarted.
    if (candidate.id === replica.leaderId) this.#role.onLeaderResigned(1)
    const isWilling = preVote ? this.#role.grantsPreVotes : this.#mayVoteFor(candidate)
    const granted = isWilling && replica.isUpToDate(request.lastOffset, request.lastEpoch)
    if (granted && preVote) this.#role.onPreVoteGranted(candidate)
    else if (granted) {
      replica.vote(candidate)
      this.#role.onVoteGranted()
    }
    replica.respond(id, {
      kind: 'vote',
      ...replica.claim,
      error: 'NONE',
      granted,
      voterDirectoryId: replica.self.directoryId,
    })
  }

  /** One vote per epoch, and none once a leader of the epoch is known. */
  #mayVoteFor(candidate: ReplicaKey): boolean {
    const { voted, leaderId } = this.#replica
    if (voted === null) return leaderId === NO_NODE
    return voted.id === candidate.id && voted.directoryId === candidate.directoryId
  }

  #handleBeginQuorumEpoch(id: number, request: BeginQuorumEpochRequest): void {
    const replica = this.#replica
    const { epoch, leaderId, leaderEndpoint } = request
    if (!replica.isAddressedBy(request.voter)) return this.#refuse(id, request, 'INVALID_VOTER_KEY')
    if (leaderId === NO_NODE || leaderId === replica.self.id) {
      return this.#refuse(id, request, 'INVALID_REQUEST')
    }
    if (epoch < replica.epoch) return this.#refuse(id, request, 'FENCED_LEADER_EPOCH')
    this.heed({ epoch, leaderId, leaderEndpoint }, leaderId)
    replica.respond(id, { kind: request.kind, ...replica.claim, error: 'NONE' })
  }

  #handleEndQuorumEpoch(id: number, request: EndQuorumEpochRequest): void {
    const replica = this.#replica
    const { epoch, leaderId, preferredCandidates } = request
    if (leaderId === NO_NODE || leaderId === replica.self.id) {
      return this.#refuse(id, request, 'INVALID_REQUEST')
    }
    if (epoch < replica.epoch) return this.#refuse(id, request, 'FENCED_LEADER_EPOCH')
    // It leads no more: no reason to go back to it.
    this.heed({ epoch, leaderId, leaderEndpoint: null }, NO_NODE)
    const rank = preferredCandidates.findIndex((candidate) => candidate.id === replica.self.id)
    this.#role.onLeaderResigned(rank === -1 ? preferredCandidates.length : rank)
    replica.respond(id, { kind: request.kind, ...replica.claim, error: 'NONE' })
  }

  #handleFetch(id: number, request: FetchRequest): void {
    if (request.fetchOffset < 0 || request.lastFetchedEpoch < 0 || request.epoch < 0) {
      return this.#refuse(id, request, 'INVALID_REQUEST')
    }
    const error = this.#checkLeaderEpoch(request)
    if (error !== null) return this.#refuse(id, request, error)
    this.leader?.handleFetch(id, request)
  }

  /**
   * In Kafka's order. An epoch that is ahead of this one was begun by some voter: unlike Kafka, the quorum catches up with it,
   * or the replica that knows of it could never follow a leader of a lower epoch.
   */
  #checkLeaderEpoch({ epoch }: FetchRequest | FetchSnapshotRequest | UpdateVoterRequest): RaftError | null {
    const own = this.#replica.epoch
    if (epoch < own) return 'FENCED_LEADER_EPOCH'
    if (epoch > own) {
      this.becomeUnattached(epoch)
      return 'UNKNOWN_LEADER_EPOCH'
    }
    return this.leader === null ? 'NOT_LEADER_OR_FOLLOWER' : null
  }

  #refuse(id: number, request: RaftRequest, error: RaftError): void {
    const { claim, self } = this.#replica
    this.#replica.respond(id, refusal(request, error, claim, self))
  }
}
