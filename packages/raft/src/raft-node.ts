/**
 * A replica of the metadata log: KRaft as a state machine. Events in, effects out, everything else is `event.ts` and
 * `effect.ts`. This file only dispatches; what a replica does is in `roles/`, one file per role.
 *
 * Must not know: time, randomness, sockets, files, records.
 * Invariants: each event is handled to the end before the next; an event that came too late (a timer that was disarmed, an
 * answer to a role that has ended, a flush of a log that was truncated) has no effect.
 */
import { assert, NO_OFFSET, type NodeId, type Offset } from '@millrace/base'
import type { RaftEffect, RaftRole } from './effect.ts'
import type { RaftEvent } from './event.ts'
import type { LeadershipClaim } from './message.ts'
import type { QuorumDescription } from './quorum-description.ts'
import { Quorum } from './quorum.ts'
import type { RaftOptions } from './raft-options.ts'
import { Replica } from './replica.ts'
import type { ReplicaKey } from './replica-key.ts'
import type { VoterSet } from './voter-set.ts'

export class RaftNode {
  readonly #replica: Replica
  readonly #quorum: Quorum
  #told: {
    readonly role: RaftRole
    readonly epoch: number
    readonly leaderId: NodeId
    voters: VoterSet
  } | null = null

  /** Begins with what recovery found; nothing happens before `start`. */
  constructor(options: RaftOptions) {
    this.#replica = new Replica(options)
    this.#quorum = new Quorum(this.#replica)
  }

  /** Once, before the first `step`. */
  start(): readonly RaftEffect[] {
    assert(this.#told === null, 'a node starts once')
    this.#quorum.start()
    return this.#drain()
  }

  /** Handles one event to the end. @returns what is to be done about it, in this order */
  step(event: RaftEvent): readonly RaftEffect[] {
    assert(this.#told !== null, 'the node has not started')
    this.#dispatch(event)
    return this.#drain()
  }

  get role(): RaftRole {
    return this.#quorum.role.kind
  }

  get epoch(): number {
    return this.#replica.epoch
  }

  /** NO_NODE: none is known, or it is believed to be gone. */
  get leaderId(): NodeId {
    return this.#replica.claim.leaderId
  }

  get leadership(): LeadershipClaim {
    return this.#replica.claim
  }

  /** Whether this replica is in the voter set in force. */
  get isVoter(): boolean {
    return this.#replica.isVoter
  }

  /** What is below is committed, and on disk here. */
  get highWatermark(): Offset {
    return this.#replica.log.highWatermark
  }

  get logEndOffset(): Offset {
    return this.#replica.log.logEndOffset
  }

  get logStartOffset(): Offset {
    return this.#replica.log.logStartOffset
  }

  get flushedEndOffset(): Offset {
    return this.#replica.log.flushedEndOffset
  }

  /** Rises with every truncation and every snapshot that replaces the log. */
  get generation(): number {
    return this.#replica.log.generation
  }

  /** In force. */
  get voters(): VoterSet {
    return this.#replica.voters
  }

  /** For DescribeQuorum. */
  quorumDescription(): QuorumDescription {
    const { claim, voters, self, log, appliedOffset } = this.#replica
    const progress = this.#quorum.leader?.fetches.progress
    const describe = ({ id, directoryId }: ReplicaKey) => {
      if (id === self.id && directoryId === self.directoryId) {
        return { id, directoryId, logEndOffset: log.flushedEndOffset, appliedOffset }
      }
      const known = progress?.get({ id, directoryId })
      return {
        id,
        directoryId,
        logEndOffset: known?.flushedEndOffset ?? NO_OFFSET,
        appliedOffset: known?.appliedOffset ?? NO_OFFSET,
      }
    }
    const observers = [...(progress?.all() ?? [])].map(({ key }) => key).filter((key) => !voters.has(key))
    return {
      leaderId: claim.leaderId,
      epoch: claim.epoch,
      highWatermark: log.highWatermark,
      voters: voters.voters.map(describe),
      observers: observers.map(describe),
    }
  }

  /** On the leader: up to where each replica that has fetched in this epoch has applied what is committed; else empty. */
  appliedOffsets(): Map<NodeId, Offset> {
    const leader = this.#quorum.leader
    if (leader === null) return new Map()
    const offsets = leader.fetches.progress.appliedOffsets()
    return offsets.set(this.#replica.self.id, this.#replica.appliedOffset)
  }

  #dispatch(event: RaftEvent): void {
    const replica = this.#replica
    const { role } = this.#quorum
    switch (event.kind) {
      case 'timer':
        if (replica.expire(event.timer)) role.onTimer(event.timer)
        return
      case 'request':
        return this.#quorum.handle(event.id, event.request)
      case 'request-dropped':
        return this.#quorum.leader?.onRequestDropped(event.id)
      case 'response':
        return role.onResponse(event.sendId, event.response)
      case 'peer-gone':
        return role.onPeerGone(event.id)
      case 'propose':
        return this.#propose(event.recordCount, event.proposal)
      case 'persisted':
        replica.onPersisted(event.op)
        return role.onPersisted()
      case 'flushed':
        if (replica.log.flushed(event.generation, event.endOffset)) role.onFlushed()
        return
      case 'applied':
        replica.onApplied(event.offset)
        return role.onApplied()
      case 'snapshot-created':
        if (replica.log.snapshotCreated(event.snapshotId)) {
          replica.emit({ kind: 'prune-log', logStartOffset: event.snapshotId.endOffset })
        }
        return
      case 'snapshot-installed':
        replica.onSnapshotInstalled(event.snapshotId, event.voters)
        return role.onInstallEnd(true)
      case 'snapshot-rejected':
        replica.installing = null
        return role.onInstallEnd(false)
      case 'append-refused':
        return this.#quorum.leader?.onAppendRefused()
      case 'resign':
        return this.#quorum.retire()
    }
  }

  #propose(recordCount: number, proposal: unknown): void {
    const { leader } = this.#quorum
    assert(leader !== null, 'a proposal to a replica that does not lead')
    assert(recordCount > 0, 'a proposal of nothing')
    leader.propose(recordCount, proposal)
  }

  #drain(): readonly RaftEffect[] {
    const { role } = this.#quorum
    const replica = this.#replica
    const { epoch, leaderId } = replica.claim
    const { voters } = replica
    const told = this.#told
    const isKnown =
      told !== null &&
      told.role === role.kind &&
      told.epoch === epoch &&
      told.leaderId === leaderId &&
      told.voters === voters
    if (!isKnown) {
      this.#told = { role: role.kind, epoch, leaderId, voters }
      replica.tellLeadership(role.kind, role.epochStartOffset)
    }
    return replica.drain()
  }
}
