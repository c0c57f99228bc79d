/**
 * A voter that would stand for election asks first whether the others would vote for it (pre-vote, KIP-996). The epoch is
 * not raised for that, so that a replica that is cut off, flapping or behind never deposes a leader that works.
 *
 * One that had a leader goes on to fetch from it: an answer ends the attempt. What others still believe of that leader does
 * not: they may only not know yet that it is gone.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import { electionBackoff } from '../backoff.ts'
import type { RaftTimer } from '../event.ts'
import type { LeadershipClaim, RaftResponse } from '../message.ts'
import type { ReplicaKey } from '../replica-key.ts'
import { VoteTally } from '../vote-tally.ts'
import { Role } from './role.ts'

export class Prospective extends Role {
  readonly kind = 'prospective'
  #tally = new VoteTally(this.replica.voters)
  readonly #asked = new Map<number, NodeId>()
  #fetchId: number | null = null
  /** Somebody with a lower id is about to win its pre-vote too. */
  #hasRival = false
  #hasYielded = false

  get grantsPreVotes(): boolean {
    return true
  }

  onEnter(): void {
    this.#ask()
  }

  override onLeaderKnown({ epoch, leaderId, leaderEndpoint }: LeadershipClaim): boolean {
    this.changes.becomeFollower(epoch, leaderId, leaderEndpoint)
    return true
  }

  override onVoteGranted(): void {
    this.changes.becomeUnattached(this.replica.epoch)
  }

  override onPreVoteGranted(candidate: ReplicaKey): void {
    if (candidate.id < this.replica.self.id) this.#hasRival = true
  }

  onTimer(timer: RaftTimer): void {
    if (timer !== 'backoff' && timer !== 'election') return
    this.replica.disarmAll()
    if (timer === 'election') this.replica.electionFailures += 1
    if (this.replica.mayStandForElection) this.#ask()
    else this.changes.becomeUnattached(this.replica.epoch)
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    if (sendId === this.#fetchId) this.#onFetched(response)
    else this.#onVote(sendId, response)
  }

  #ask(): void {
    const { replica } = this
    const { voters, self, epoch, log, config } = replica
    this.#tally = new VoteTally(voters)
    this.#tally.grant(self.id, self.directoryId)
    this.#asked.clear()
    this.#hasRival = false
    if (this.#tally.isWon) return this.changes.becomeCandidate()
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
        preVote: true,
      })
      if (sendId !== null) this.#asked.set(sendId, voter.id)
    }
    const { leaderId } = replica
    if (leaderId === NO_NODE || leaderId === self.id || this.#fetchId !== null || !log.isFlushed) return
    this.#fetchId = replica.fetch(leaderId, 0)
  }

  #onVote(sendId: number, response: RaftResponse | null): void {
    const id = this.#asked.get(sendId)
    if (id === undefined) return
    this.#asked.delete(sendId)
    this.replica.onAnswer(id, response !== null)
    if (response !== null && this.changes.heed(response, id)) return
    if (response?.kind === 'vote' && response.granted && response.epoch === this.replica.epoch) {
      this.#tally.grant(id, response.voterDirectoryId)
    } else {
      this.#tally.refuse(id)
    }
    if (this.#tally.isWon) this.#onWon()
    else if (this.#tally.isLost && !this.replica.isArmed('backoff')) this.#waitToAskAgain()
  }

  /** Two that won together would split the votes and spend an epoch: one of them waits, once, whether it gets to vote. */
  #onWon(): void {
    if (!this.#hasRival || this.#hasYielded) return this.changes.becomeCandidate()
    this.#hasYielded = true
    this.#asked.clear()
    this.replica.disarm('election')
    this.replica.armBackoff(electionBackoff(1, this.replica.config.electionBackoffMaxMs))
  }

  #onFetched(response: RaftResponse | null): void {
    this.#fetchId = null
    const { epoch, leaderId } = this.replica
    this.replica.onAnswer(leaderId, response !== null)
    if (response?.kind === 'fetch' && response.error === 'NONE' && response.epoch === epoch) {
      this.changes.becomeFollower(epoch, leaderId, response.leaderEndpoint, true)
    } else if (response !== null) {
      this.changes.heed(response, leaderId)
    }
  }

  #waitToAskAgain(): void {
    const { replica } = this
    replica.disarm('election')
    replica.electionFailures += 1
    replica.armBackoff(electionBackoff(replica.electionFailures, replica.config.electionBackoffMaxMs))
  }
}
