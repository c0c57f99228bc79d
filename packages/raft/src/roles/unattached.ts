/**
 * No leader is known, or it was given up. A voter waits whether one turns up and then tries to be elected (`prospective.ts`);
 * everybody else asks the voters in turn who leads. The leader that was given up is among them: that it answers is what
 * brings this replica back to it; that others still name it is not (KAFKA-19354).
 *
 * Invariants: one question to each voter at a time; one that does not answer holds up no other.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import { electionBackoff } from '../backoff.ts'
import type { RaftTimer } from '../event.ts'
import type { LeadershipClaim, RaftResponse } from '../message.ts'
import type { Replica } from '../replica.ts'
import { Role, type RoleChanges } from './role.ts'

/** A node that just started waits a little, in case others know the leader of a new epoch already. */
const PROMPT_JITTER_MS = 20
/** A quorum is without a leader for a fraction of a second as a rule; whoever only follows should not miss the next one for long. */
const ASK_PAUSE_MS_MAX = 100

export class Unattached extends Role {
  readonly kind = 'unattached'
  readonly #isPrompt: boolean
  readonly #asked = new Map<number, NodeId>()

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
    this.#asked.clear()
    this.onEnter()
  }

  onTimer(timer: RaftTimer): void {
    if (timer === 'backoff') this.#ask()
    else if (timer !== 'election') return
    else if (this.replica.mayStandForElection) this.changes.becomeProspective()
    else this.onEnter()
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    const id = this.#asked.get(sendId)
    if (id === undefined) return
    this.#asked.delete(sendId)
    this.replica.onAnswer(id, response !== null)
    if (response !== null) this.changes.heed(response, id)
  }

  #askOrWait(): void {
    if (this.replica.fetchFailures === 0) this.#ask()
    else this.#waitToAsk()
  }

  #ask(): void {
    const { replica } = this
    const id = replica.nextPeer(new Set(this.#asked.values()))
    const sendId = id === NO_NODE ? null : replica.fetch(id, 0)
    if (sendId !== null) this.#asked.set(sendId, id)
    replica.fetchFailures += 1
    this.#waitToAsk()
  }

  #waitToAsk(): void {
    const { fetchFailures, config } = this.replica
    const maxMs = Math.min(config.electionBackoffMaxMs, ASK_PAUSE_MS_MAX)
    this.replica.armBackoff(electionBackoff(fetchFailures, maxMs))
  }
}
