/**
 * No leader is known. A voter waits whether one turns up and then tries to be elected (`prospective.ts`); everybody else asks
 * the voters in turn who leads, so that nobody is glued to a dead one (KAFKA-19354).
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import { electionBackoff } from '../backoff.ts'
import type { RaftTimer } from '../event.ts'
import type { LeadershipClaim, RaftResponse } from '../message.ts'
import type { Replica } from '../replica.ts'
import { Role, type RoleChanges } from './role.ts'

/** A node that just started waits a little, in case others know the leader of a new epoch already. */
const PROMPT_JITTER_MS = 20

export class Unattached extends Role {
  readonly kind = 'unattached'
  readonly #isPrompt: boolean
  #asked: { readonly sendId: number; readonly id: NodeId } | null = null

  constructor(replica: Replica, changes: RoleChanges, isPrompt: boolean) {
    super(replica, changes)
    this.#isPrompt = isPrompt
  }

  get grantsPreVotes(): boolean {
    return true
  }

  onEnter(): void {
    const { replica } = this
    const { electionTimeoutMs } = replica.config
    if (!replica.isElectable) this.#askOrWait()
    else if (this.#isPrompt) replica.arm('election', 0, PROMPT_JITTER_MS)
    else replica.arm('election', electionTimeoutMs, electionTimeoutMs)
  }

  override onLeaderKnown({ epoch, leaderId, leaderEndpoint }: LeadershipClaim): boolean {
    this.changes.becomeFollower(epoch, leaderId, leaderEndpoint)
    return true
  }

  /** The one that got the vote needs time to win. */
  override onVoteGranted(): void {
    const { electionTimeoutMs } = this.replica.config
    if (this.replica.isElectable) this.replica.arm('election', electionTimeoutMs, electionTimeoutMs)
  }

  /** The new voter set decides whether this is a voter. */
  override onInstallEnd(): void {
    this.replica.disarmAll()
    this.#asked = null
    this.onEnter()
  }

  onTimer(timer: RaftTimer): void {
    if (timer === 'backoff') this.#ask()
    else if (timer !== 'election') return
    else if (this.replica.mayStandForElection) this.changes.becomeProspective()
    else this.onEnter()
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    if (sendId !== this.#asked?.sendId) return
    this.replica.onAnswer(this.#asked.id, response !== null)
    this.#asked = null
    this.replica.fetchFailures += 1
    if (response !== null && this.changes.heed(response)) return
    this.#askOrWait()
  }

  #askOrWait(): void {
    const { fetchFailures, config } = this.replica
    if (fetchFailures === 0) this.#ask()
    else this.replica.armBackoff(electionBackoff(fetchFailures, config.electionBackoffMaxMs))
  }

  #ask(): void {
    const { replica } = this
    const id = replica.nextPeer()
    const sendId = id === NO_NODE ? null : replica.fetch(id, 0)
    if (sendId !== null) this.#asked = { sendId, id }
    else {
      replica.fetchFailures += 1
      this.#askOrWait()
    }
  }
}
