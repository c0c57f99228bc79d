/**
 * Who votes. Immutable: a change is a new set, written to the log as a Voters record and in force from the moment it is
 * appended, committed or not (Raft thesis §4.1).
 */
import type { NodeId } from '@millrace/base'
import { isSameReplica, type ReplicaKey, UNKNOWN_DIRECTORY, type VoterEndpoint } from './replica-key.ts'

export interface Voter extends ReplicaKey {
  readonly endpoint: VoterEndpoint
}

export class VoterSet {
  readonly #byId: ReadonlyMap<NodeId, Voter>

  constructor(voters: Iterable<Voter>) {
    this.#byId = new Map([...voters].sort((a, b) => a.id - b.id).map((voter) => [voter.id, voter]))
  }

  get size(): number {
    return this.#byId.size
  }

  /** By id, ascending. */
  get voters(): readonly Voter[] {
    return [...this.#byId.values()]
  }

  get majority(): number {
    return Math.floor(this.#byId.size / 2) + 1
  }

  /** Whether every voter's directory id is known: false for a set that comes from configuration. */
  get isResolved(): boolean {
    return this.voters.every(({ directoryId }) => directoryId !== UNKNOWN_DIRECTORY)
  }

  get(id: NodeId): Voter | undefined {
    return this.#byId.get(id)
  }

  /** Whether this replica, on this disk, is a voter. */
  has(replica: ReplicaKey): boolean {
    const voter = this.#byId.get(replica.id)
    return voter !== undefined && isSameReplica(voter, replica)
  }

  /** With the voter added, or put in the place of the one with its id. */
  with(voter: Voter): VoterSet {
    return new VoterSet([...this.voters.filter(({ id }) => id !== voter.id), voter])
  }

  without(id: NodeId): VoterSet {
    return new VoterSet(this.voters.filter((voter) => voter.id !== id))
  }
}
