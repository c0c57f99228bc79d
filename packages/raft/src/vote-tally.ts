/**
 * Who granted and who refused in one election. Votes are kept by voter, so that an answer that arrives twice counts once.
 *
 * A voter set that comes from configuration names no disks, and a majority of it could be of wiped ones: it needs all.
 */
import { type NodeId, type Uuid } from '@millrace/base'
import { UNKNOWN_DIRECTORY } from './replica-key.ts'
import { type Voter, VoterSet } from './voter-set.ts'

export class VoteTally {
  readonly voters: VoterSet
  readonly #needed: number
  readonly #granted = new Map<NodeId, Uuid>()
  readonly #refused = new Set<NodeId>()

  constructor(voters: VoterSet) {
    this.voters = voters
    this.#needed = voters.isResolved ? voters.majority : voters.size
  }

  get isWon(): boolean {
    return this.#granted.size >= this.#needed
  }

  /** Even if everybody who has not answered said yes. */
  get isLost(): boolean {
    return this.voters.size - this.#refused.size < this.#needed
  }

  get granting(): readonly NodeId[] {
    return [...this.#granted.keys()].sort((a, b) => a - b)
  }

  /** @param directoryId of the disk that the vote was made durable on */
  grant(id: NodeId, directoryId: Uuid): void {
    const voter = this.voters.get(id)
    if (voter === undefined) return
    const isSameDisk = voter.directoryId === UNKNOWN_DIRECTORY || voter.directoryId === directoryId
    if (isSameDisk && directoryId !== UNKNOWN_DIRECTORY) this.#granted.set(id, directoryId)
    else this.#refused.add(id)
  }

  /** Or did not answer. */
  refuse(id: NodeId): void {
    if (this.voters.get(id) !== undefined && !this.#granted.has(id)) this.#refused.add(id)
  }

  /** The voters with the disks that granted; those that did not grant as they were known. */
  resolved(): VoterSet {
    return new VoterSet(
      this.voters.voters.map((voter): Voter => ({
        ...voter,
        directoryId: this.#granted.get(voter.id) ?? voter.directoryId,
      })),
    )
  }
}
