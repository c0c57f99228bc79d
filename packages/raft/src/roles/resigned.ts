/**
 * A leader that leads no more, by its own will or because it lost its majority, tells the voters so that they need not wait
 * to find out (EndQuorumEpoch). It voted for itself in this epoch and votes for nobody else.
 */
import { type NodeId } from '@millrace/base'
import { exponentialBackoff } from '../backoff.ts'
import type { RaftTimer } from '../event.ts'
import type { RaftResponse } from '../message.ts'
import type { Replica } from '../replica.ts'
import type { ReplicaKey } from '../replica-key.ts'
import { Role, type RoleChanges } from './role.ts'

export class Resigned extends Role {
  readonly kind = 'resigned'
  readonly #preferredCandidates: readonly ReplicaKey[]
  readonly #untold: Set<NodeId>
  readonly #told = new Map<number, NodeId>()
  #attempts = 0

  constructor(replica: Replica, changes: RoleChanges, preferredCandidates: readonly ReplicaKey[]) {
    super(replica, changes)
    this.#preferredCandidates = preferredCandidates
    this.#untold = new Set(replica.voters.voters.map(({ id }) => id).filter((id) => id !== replica.self.id))
  }

  get grantsPreVotes(): boolean {
    return true
  }

  onEnter(): void {
    const { electionTimeoutMs } = this.replica.config
    this.replica.arm('resign', electionTimeoutMs, electionTimeoutMs)
    this.#tell()
  }

  onTimer(timer: RaftTimer): void {
    if (timer === 'resign') this.changes.becomeUnattached(this.replica.epoch)
    else if (timer === 'backoff') this.#tell()
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    const id = this.#told.get(sendId)
    if (id === undefined) return
    this.#told.delete(sendId)
    this.replica.onAnswer(id, response !== null)
    if (response !== null) {
      this.#untold.delete(id)
      this.changes.heed(response, id)
    } else if (!this.replica.isArmed('backoff')) {
      this.#attempts += 1
      this.replica.armBackoff(exponentialBackoff(this.#attempts, this.replica.config.electionBackoffMaxMs))
    }
  }

  #tell(): void {
    const { replica } = this
    const pending = new Set(this.#told.values())
    for (const id of this.#untold) {
      if (pending.has(id)) continue
      const sendId = replica.send(id, {
        kind: 'end-quorum-epoch',
        epoch: replica.epoch,
        leaderId: replica.self.id,
        preferredCandidates: this.#preferredCandidates,
      })
      if (sendId !== null) this.#told.set(sendId, id)
    }
  }
}
