/**
 * Changes of the voter set, on the leader: one at a time, each written as a Voters record that is in force from the moment it
 * is appended (Raft thesis §4.1, KIP-853).
 *
 * A change begins only when the leader has committed a record of its own epoch and the voter set in force is committed: else
 * two sets without a common majority could be in force at once (the bug of the thesis's first edition).
 */
import type { Offset } from '@millrace/base'
import type {
  AddVoterRequest,
  ChangeVotersResponse,
  RaftError,
  RemoveVoterRequest,
  UpdateVoterRequest,
} from './message.ts'
import { changeAnswer } from './refusal.ts'
import type { Replica } from './replica.ts'
import type { ReplicaProgressMap } from './replica-progress.ts'
import type { ReplicaKey } from './replica-key.ts'
import type { VoterLife } from './voter-life.ts'
import type { VoterSet } from './voter-set.ts'

type ChangeRequest = AddVoterRequest | RemoveVoterRequest | UpdateVoterRequest

interface PendingChange {
  /** Of the request; null once it is answered. */
  readonly id: number
  readonly request: ChangeRequest
  /** Where the new voter has to be before it votes. */
  readonly catchUpOffset: Offset
  /** Of the Voters record; null while the new voter catches up. */
  recordOffset: Offset | null
}

export class VoterChanges {
  readonly #replica: Replica
  readonly #progress: ReplicaProgressMap
  readonly #life: VoterLife
  readonly #append: (voters: VoterSet) => Offset
  #pending: PendingChange | null = null

  /** @param append writes the Voters record, and returns where */
  constructor(
    replica: Replica,
    progress: ReplicaProgressMap,
    life: VoterLife,
    append: (voters: VoterSet) => Offset,
  ) {
    this.#replica = replica
    this.#progress = progress
    this.#life = life
    this.#append = append
  }

  /** @param isEpochCommitted the leader has committed a record of its own epoch */
  handle(id: number, request: ChangeRequest, isEpochCommitted: boolean): void {
    const error = this.#check(request, isEpochCommitted)
    if (error !== null) return this.#replica.respond(id, this.#answer(request, error[0], error[1]))
    const { log, config } = this.#replica
    const timeoutMs = request.kind === 'update-voter' ? config.requestTimeoutMs : request.timeoutMs
    this.#pending = { id, request, catchUpOffset: log.logEndOffset, recordOffset: null }
    this.#replica.arm('voter-change', timeoutMs)
    if (request.kind === 'remove-voter') this.#write(this.#replica.voters.without(request.voter.id))
    else if (request.kind === 'update-voter') this.#write(this.#replica.voters.with(request.voter))
    else this.maybeAdd()
  }

  /** The new voter may have caught up. */
  maybeAdd(): void {
    const pending = this.#pending
    if (pending?.request.kind !== 'add-voter' || pending.recordOffset !== null) return
    const progress = this.#progress.get(pending.request.voter)
    if (progress === undefined || progress.flushedEndOffset < pending.catchUpOffset) return
    this.#write(this.#replica.voters.with(pending.request.voter))
  }

  onHighWatermark(): void {
    const pending = this.#pending
    if (pending === null || pending.recordOffset === null) return
    if (pending.recordOffset < this.#replica.log.highWatermark) this.#end('NONE', null)
  }

  /** The change may yet be committed when its record is written. */
  onTimeout(): void {
    const isWritten = this.#pending !== null && this.#pending.recordOffset !== null
    this.#end('REQUEST_TIMED_OUT', isWritten ? 'not committed yet' : 'the new voter has not caught up')
  }

  /** Whoever asked is gone; a record that is written stays so. */
  drop(id: number): void {
    if (this.#pending?.id !== id) return
    this.#pending = null
    this.#replica.disarm('voter-change')
  }

  /** Leads no more: the change is lost, or somebody else's to commit. */
  dismiss(): void {
    this.#end('NOT_LEADER_OR_FOLLOWER', null)
  }

  #check(request: ChangeRequest, isEpochCommitted: boolean): readonly [RaftError, string] | null {
    const { log, voters } = this.#replica
    const { voter } = request
    if (this.#pending !== null || !log.areVotersCommitted) {
      return ['REQUEST_TIMED_OUT', 'another change of the voters is under way']
    }
    if (!isEpochCommitted) return ['REQUEST_TIMED_OUT', 'the leader has not committed a record of its epoch']
    if (request.kind === 'add-voter') {
      return voters.get(voter.id) === undefined ? null : ['DUPLICATE_VOTER', `${voter.id} is a voter`]
    }
    if (voters.get(voter.id)?.directoryId !== voter.directoryId) {
      return ['VOTER_NOT_FOUND', `no voter ${voter.id} with directory ${voter.directoryId}`]
    }
    if (request.kind !== 'remove-voter') return null
    if (voters.size === 1) return ['INVALID_REQUEST', 'the last voter stays']
    return request.onlyIfSilent ? this.#checkSilent(voter) : null
  }

  #checkSilent({ id, directoryId }: ReplicaKey): readonly [RaftError, string] | null {
    const name = `voter ${id} with directory ${directoryId}`
    const isSelf = id === this.#replica.self.id
    if (isSelf || this.#life.isAlive(id)) return ['INVALID_REQUEST', `${name} is alive`]
    return this.#life.isKnown ? null : ['REQUEST_TIMED_OUT', `not known yet whether ${name} is alive`]
  }

  #write(voters: VoterSet): void {
    const pending = this.#pending
    if (pending === null) return
    pending.recordOffset = this.#append(voters)
  }

  #end(error: RaftError, message: string | null): void {
    const pending = this.#pending
    if (pending === null) return
    this.#pending = null
    this.#replica.disarm('voter-change')
    this.#replica.respond(pending.id, this.#answer(pending.request, error, message))
  }

  #answer({ kind }: ChangeRequest, error: RaftError, message: string | null): ChangeVotersResponse {
    return changeAnswer(kind, error, this.#replica.claim, message)
  }
}
