/**
 * A voter that won its pre-vote asks for votes in a new epoch (Raft thesis §3.4). Its own vote counts once it is on disk,
 * as everybody else's does.
 */
import { type NodeId } from '@millrace/base'
import { electionBackoff } from '../backoff.ts'
import type { RaftTimer } from '../event.ts'
import type { LeadershipClaim, RaftResponse } from '../message.ts'
import { VoteTally } from '../vote-tally.ts'
import { Role } from './role.ts'

export class Candidate extends Role {
  readonly kind = 'candidate'
  readonly #tally = new VoteTally(this.replica.voters)
  readonly #asked = new Map<number, NodeId>()
  #voteOp = 0

  get grantsPreVotes(): boolean {
    return true
  }

  onEnter(): void {
    const { replica } = this
    const { voters, self, epoch, log, config } = replica
    this.#voteOp = replica.persistVote()
    replica.arm('election', config.electionTimeoutMs, config.electionTimeoutMs)
    for (const voter of voters.voters) {
      if (voter.id === self.id) continue
      const sendId = replica.send(voter.id, {
        kind: 'vote',
        voter: { id: voter.id, directoryId: voter.directoryId },
        candidate: self,
        epoch,
        lastOffset: log.logEndOffset,
        lastEpoch: log.lastEpoch,
        preVote: false,
      })
      if (sendId !== null) this.#asked.set(sendId, voter.id)
    }
  }

  override onLeaderKnown({ epoch, leaderId, leaderEndpoint }: LeadershipClaim): boolean {
    this.changes.becomeFollower(epoch, leaderId, leaderEndpoint)
    return true
  }

  override onPersisted(): void {
    const { self } = this.replica
    if (!this.replica.isVoteDurable(this.#voteOp)) return
    this.#tally.grant(self.id, self.directoryId)
    if (this.#tally.isWon) this.changes.becomeLeader(this.#tally)
  }

  /** Either way it takes a new pre-vote before there is another epoch. */
  onTimer(timer: RaftTimer): void {
    if (timer === 'election') this.replica.electionFailures += 1
    else if (timer !== 'backoff') return
    if (this.replica.mayStandForElection) this.changes.becomeProspective()
    else this.changes.becomeUnattached(this.replica.epoch)
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    const id = this.#asked.get(sendId)
    if (id === undefined) return
    this.#asked.delete(sendId)
    const { replica } = this
    replica.onAnswer(id, response !== null)
    if (response !== null && this.changes.heed(response, id)) return
    if (response?.kind === 'vote' && response.granted && response.epoch === replica.epoch) {
      this.#tally.grant(id, response.voterDirectoryId)
    } else {
      this.#tally.refuse(id)
    }
    if (this.#tally.isWon) this.changes.becomeLeader(this.#tally)
    else if (this.#tally.isLost && !replica.isArmed('backoff')) {
      replica.disarm('election')
      replica.electionFailures += 1
      replica.armBackoff(electionBackoff(replica.electionFailures, replica.config.electionBackoffMaxMs))
    }
  }
}
