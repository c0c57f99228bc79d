/**
 * What every role of a replica answers to, and the ways out of a role. A role is made when it begins and is gone when it
 * ends, and with it all that it waited for: an answer to a send of an earlier role finds nobody.
 */
import type { NodeId, Offset } from '@millrace/base'
import type { RaftRole } from '../effect.ts'
import type { RaftTimer } from '../event.ts'
import type { LeadershipClaim, RaftResponse } from '../message.ts'
import type { Replica } from '../replica.ts'
import type { ReplicaKey, VoterEndpoint } from '../replica-key.ts'
import type { VoteTally } from '../vote-tally.ts'

/** Each ends the present role: its method returns at once afterwards. */
export interface RoleChanges {
  /** @param isPrompt the first of a process: nothing needs to be waited for before a pre-vote */
  becomeUnattached(epoch: number, isPrompt?: boolean): void
  /** @param isAlive the leader has answered a fetch already */
  becomeFollower(epoch: number, leaderId: NodeId, endpoint: VoterEndpoint | null, isAlive?: boolean): void
  becomeProspective(): void
  becomeCandidate(): void
  becomeLeader(tally: VoteTally): void
  /** @param preferredCandidates best first */
  becomeResigned(preferredCandidates: readonly ReplicaKey[]): void
  /**
   * What others say about the leadership. Of a leader that this replica knows and may have given up only its own word
   * counts (KAFKA-19354). @param sourceId who says it @returns whether that ended the present role
   */
  heed(claim: LeadershipClaim, sourceId: NodeId): boolean
}

export abstract class Role {
  abstract readonly kind: RaftRole
  /** Of a leader: where its epoch begins. */
  readonly epochStartOffset: Offset | null = null
  protected readonly replica: Replica
  protected readonly changes: RoleChanges

  constructor(replica: Replica, changes: RoleChanges) {
    this.replica = replica
    this.changes = changes
  }

  /** Whether another replica may try to be elected, as far as this one is concerned; its log is compared elsewhere (KIP-996). */
  abstract get grantsPreVotes(): boolean

  abstract onEnter(): void

  abstract onTimer(timer: RaftTimer): void

  abstract onResponse(sendId: number, response: RaftResponse | null): void

  /** The replica's next role has begun: what waits here is answered with what is known now. */
  onLeave(): void {}

  /** A leader of this very epoch turned up, or one that was known says itself that it leads. @returns whether that ended this role */
  onLeaderKnown(_claim: LeadershipClaim): boolean {
    return false
  }

  /** The vote of this epoch was given to another. */
  onVoteGranted(): void {}

  /** Another may be elected, as far as this replica is concerned. */
  onPreVoteGranted(_candidate: ReplicaKey): void {}

  onPersisted(): void {}

  onFlushed(): void {}

  onApplied(): void {}

  onPeerGone(_id: NodeId): void {}

  /** The leader leads no more. @param rank of this replica among those that stand for election, 0 first */
  onLeaderResigned(_rank: number): void {}

  /** A snapshot replaced the log, or did not because it was damaged. */
  onInstallEnd(_isInstalled: boolean): void {}
}
