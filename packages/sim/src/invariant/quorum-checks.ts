/**
 * What must hold for the metadata quorum as a whole (RELIABILITY.md §2.3, 1–3, 5, 6, 9), checked at every write to a disk
 * and at every commit that a replica makes known.
 *
 * Owns: the true log: who led which epoch, which batch each offset of each epoch is, what is committed, who voted for
 * whom. Must not know: what the metadata says, how replicas talk.
 * Invariants: each check costs as much as the write or commit it looks at, not as much as the log.
 */
import type { NodeId } from '@millrace/base'
import { type LeaderChange, readControlBatch, type VoterSeen } from './control-records.ts'
import type { DurableVote } from './durable-vote.ts'
import type { LoggedBatch } from './logged-batch.ts'
import type { FilesObserver, MetadataFiles } from './metadata-files.ts'

export interface QuorumChecksOptions {
  /** Who votes before the log says so. */
  readonly genesisVoters: readonly VoterSeen[]
  /** Ends the run. */
  violate(invariant: string, details: string): void
  /** A node without a vote whose disk is damaged: it fetches again what it can't read. */
  mayForget(node: number): boolean
}

/** In the log's voter set in force, or the configured one. */
interface VoterSetSeen {
  readonly epoch: number
  readonly offset: number
  readonly voters: readonly VoterSeen[]
}

interface CommittedBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly epoch: number
  readonly crc: number
}

interface Leadership {
  readonly leaderId: number
  readonly atOffset: number
}

export class QuorumChecks implements FilesObserver {
  readonly #options: QuorumChecksOptions
  readonly #leaders = new Map<number, Leadership>()
  /** By epoch, then by base offset. */
  readonly #batches = new Map<number, Map<number, LoggedBatch>>()
  readonly #committed: CommittedBatch[] = []
  #committedEnd = 0
  /** What was committed while no leader of a later epoch was known, both rising. */
  readonly #endsByEpoch: { readonly epoch: number; end: number }[] = []
  /** By node's disk: epoch and whom it voted for on it. */
  readonly #votes = new Map<MetadataFiles, Map<number, number>>()
  /** The disks that each node has had, the present one last. */
  readonly #disks = new Map<number, MetadataFiles[]>()
  /** Each in force from an offset of an epoch on. */
  readonly #voterSets: VoterSetSeen[] = []
  /** Epochs in which somebody led. */
  elections = 0

  constructor(options: QuorumChecksOptions) {
    this.#options = options
  }

  /** Offsets below are committed, as somebody made known. */
  get committedEnd(): number {
    return this.#committedEnd
  }

  /** Those of which one is in force. */
  get voterSets(): readonly (readonly VoterSeen[])[] {
    return this.#votersNow
  }

  /** No voter set is committed yet. */
  get isGenesis(): boolean {
    return this.#committedEnd === 0 || this.#votersNow[0] === this.#options.genesisVoters
  }

  get leaders(): ReadonlyMap<number, Leadership> {
    return this.#leaders
  }

  /** A disk begins to be that of its node. */
  addDisk(files: MetadataFiles): void {
    const earlier = this.#disks.get(files.node)
    if (earlier === undefined) this.#disks.set(files.node, [files])
    else earlier.push(files)
  }

  /* ------------------------------------------------------------ writes */

  onBatch(files: MetadataFiles, batch: LoggedBatch, bytes: Buffer): void {
    this.#checkMatching(files, batch)
    if (!batch.isControl) return
    const { leaderChange, voters } = readControlBatch(bytes)
    if (leaderChange !== null) this.#onLeaderChange(files, batch, leaderChange)
    if (voters === null) return
    const { epoch, baseOffset: offset } = batch
    if (this.#voterSets.some((set) => set.epoch === epoch && set.offset === offset)) return
    this.#voterSets.push({ epoch, offset, voters })
    this.#voterSets.sort((a, b) => a.epoch - b.epoch || a.offset - b.offset)
  }

  onRemoved(files: MetadataFiles, removed: readonly LoggedBatch[]): void {
    if (this.#options.mayForget(files.node)) return
    const snapshotEnd = files.durableSnapshotEnd
    for (const batch of removed) {
      if (batch.lastOffset >= this.#committedEnd || batch.lastOffset < snapshotEnd) continue
      const committed = this.#committedAt(batch.lastOffset)
      if (committed?.epoch !== batch.epoch || committed.crc !== batch.crc) continue
      this.#violate(
        'committed-kept',
        files.node,
        `removed ${range(batch)} of epoch ${batch.epoch}, which is committed (to ${this.#committedEnd}) and in no ` +
          `durable snapshot (to ${snapshotEnd})`,
      )
    }
  }

  onVoteWritten(files: MetadataFiles, vote: DurableVote, before: DurableVote | null): void {
    if (before === null) return
    if (vote.epoch < before.epoch) {
      this.#violate('epoch-monotonic', files.node, `epoch fell from ${before.epoch} to ${vote.epoch} on disk`)
    }
    const isSecond = vote.epoch === before.epoch && before.votedId !== -1 && vote.votedId !== before.votedId
    if (isSecond) {
      const change = `${before.votedId} to ${vote.votedId}`
      this.#violate('one-vote', files.node, `vote in epoch ${vote.epoch} changed from ${change}`)
    }
  }

  onVoteDurable(files: MetadataFiles, { epoch, votedId }: DurableVote): void {
    if (votedId === -1) return
    let votes = this.#votes.get(files)
    if (votes === undefined) this.#votes.set(files, (votes = new Map()))
    const before = votes.get(epoch)
    if (before !== undefined && before !== votedId) {
      this.#violate('one-vote', files.node, `voted for ${before} and for ${votedId} in epoch ${epoch}`)
    }
    votes.set(epoch, votedId)
  }

  /* ------------------------------------------------------------ what replicas say */

  /** A replica takes this node for the leader of the epoch. */
  onLeaderSeen(node: number, leaderId: NodeId, epoch: number): void {
    const known = this.#leaders.get(epoch)
    if (known === undefined || known.leaderId === leaderId) return
    this.#violate('one-leader', node, `follows ${leaderId} in epoch ${epoch}, which ${known.leaderId} leads`)
  }

  /** A replica has made known that everything below `endOffset` is committed. */
  onCommitted(files: MetadataFiles, endOffset: number): void {
    const last = files.batchAt(endOffset - 1)
    if (last === undefined) return
    if (endOffset <= this.#committedEnd) return this.#compareCommitted(files, last, endOffset - 1)
    this.#checkMajority(files, last, endOffset)
    this.#extend(files, endOffset)
  }

  /* ------------------------------------------------------------ at the end */

  /** @param isAtRest nothing that is not committed is left in it */
  checkLog(files: MetadataFiles, isAtRest: boolean): void {
    for (const batch of files.batches) {
      this.#checkMatching(files, batch)
      if (isAtRest) this.#compareCommitted(files, batch, batch.lastOffset)
    }
  }

  /* ------------------------------------------------------------ inside */

  #checkMatching(files: MetadataFiles, batch: LoggedBatch): void {
    let ofEpoch = this.#batches.get(batch.epoch)
    if (ofEpoch === undefined) this.#batches.set(batch.epoch, (ofEpoch = new Map()))
    const known = ofEpoch.get(batch.baseOffset)
    if (known === undefined) ofEpoch.set(batch.baseOffset, batch)
    else if (known.crc !== batch.crc || known.lastOffset !== batch.lastOffset) {
      this.#violate(
        'log-matching',
        files.node,
        `${range(batch)} of epoch ${batch.epoch} differs from what another replica has there (${range(known)})`,
      )
    }
  }

  #onLeaderChange(files: MetadataFiles, batch: LoggedBatch, { leaderId, grantingIds }: LeaderChange): void {
    const { epoch, baseOffset } = batch
    const known = this.#leaders.get(epoch)
    if (known === undefined) {
      this.#leaders.set(epoch, { leaderId, atOffset: baseOffset })
      this.elections += 1
    } else if (known.leaderId !== leaderId || known.atOffset !== baseOffset) {
      const both = `${known.leaderId} (at ${known.atOffset}) and ${leaderId} (at ${baseOffset})`
      this.#violate('one-leader', files.node, `epoch ${epoch} is led by ${both}`)
    }
    if (known !== undefined || files.node !== leaderId) return
    this.#checkVotes(leaderId, epoch, grantingIds)
    this.#checkCompleteness(files, epoch, baseOffset)
  }

  /** Votes that made a leader are on disk, each of a different voter, and enough. */
  #checkVotes(leaderId: number, epoch: number, grantingIds: readonly number[]): void {
    const sets = this.#votersNow
    const distinct = new Set(grantingIds)
    const isMajority = sets.some(
      (voters) => voters.filter(({ id }) => distinct.has(id)).length > voters.length / 2,
    )
    if (!isMajority) {
      this.#violate(
        'majority-of-votes',
        leaderId,
        `leads epoch ${epoch} by the votes of ${grantingIds.join(', ')}`,
      )
    }
    for (const id of distinct) {
      const hasVoted = sets.some((voters) => this.#hasVoted(voters, id, epoch, leaderId))
      if (hasVoted) continue
      const vote = this.#disks.get(id)?.at(-1)?.durableVote ?? null
      const found = vote === null ? 'nothing' : `epoch ${vote.epoch}, vote for ${vote.votedId}`
      this.#violate(
        'vote-durable',
        leaderId,
        `counts a vote of ${id} in epoch ${epoch}, which has ${found} on the disk by which it is a voter`,
      )
    }
  }

  #hasVoted(voters: readonly VoterSeen[], id: number, epoch: number, leaderId: number): boolean {
    const voter = voters.find((other) => other.id === id)
    return this.#disksOf(voter).some(({ durableVote: vote }) => {
      if (vote === null) return false
      return vote.epoch > epoch || (vote.epoch === epoch && vote.votedId === leaderId)
    })
  }

  /** A leader has what was committed before its epoch: it may be elected late, when it was paused, after its successor. */
  #checkCompleteness(files: MetadataFiles, epoch: number, baseOffset: number): void {
    const end = this.#endsByEpoch.findLast((known) => known.epoch < epoch)?.end ?? 0
    if (end === 0 || files.durableSnapshotEnd >= end) return
    const committed = this.#committedAt(end - 1)
    const own = files.batchAt(end - 1)
    if (committed === undefined || (own?.epoch === committed.epoch && own.crc === committed.crc)) return
    const found = own === undefined ? `ends at ${baseOffset}` : `has epoch ${own.epoch} there`
    this.#violate(
      'leader-completeness',
      files.node,
      `leads epoch ${epoch}, but its log ${found}: offset ${end - 1} of epoch ${committed.epoch} is committed`,
    )
  }

  #compareCommitted(files: MetadataFiles, { epoch, crc }: LoggedBatch, offset: number): void {
    if (offset >= this.#committedEnd) return
    const committed = this.#committedAt(offset)
    if (committed === undefined || (committed.epoch === epoch && committed.crc === crc)) return
    this.#violate(
      'one-committed-log',
      files.node,
      `has epoch ${epoch} at offset ${offset}, where epoch ${committed.epoch} is committed`,
    )
  }

  #checkMajority(files: MetadataFiles, last: LoggedBatch, endOffset: number): void {
    const hasIt = (voter: VoterSeen): boolean =>
      this.#disksOf(voter).some((disk) => {
        if (disk.durableSnapshotEnd >= endOffset) return true
        const batch = disk.batchAt(endOffset - 1)
        return batch !== undefined && batch.epoch === last.epoch && disk.durableEndOffset >= endOffset
      })
    const sets = this.#votersNow
    if (sets.some((voters) => voters.filter(hasIt).length > voters.length / 2)) return
    const have = sets.at(-1)!.map((voter) => {
      const ends = this.#disksOf(voter).map((disk) => disk.durableEndOffset)
      return `${voter.id}: ${ends.join('/') || 'nothing'}`
    })
    this.#violate(
      'majority-durable',
      files.node,
      `says that ${endOffset} (epoch ${last.epoch}) is committed, but on disk have ${have.join(', ')}`,
    )
  }

  /** By which it is that voter: a replaced disk is another one's. */
  #disksOf(voter: VoterSeen | undefined): readonly MetadataFiles[] {
    if (voter === undefined) return []
    const disks = this.#disks.get(voter.id) ?? []
    if (voter.directoryId === null) return disks
    return disks.filter(({ directoryId }) => directoryId === null || directoryId === voter.directoryId)
  }

  #extend(files: MetadataFiles, endOffset: number): void {
    for (let offset = this.#committedEnd; offset < endOffset;) {
      const batch = files.batchAt(offset)
      if (batch === undefined) {
        offset += 1
        continue
      }
      const { baseOffset, lastOffset, epoch, crc } = batch
      this.#committed.push({ baseOffset, lastOffset, epoch, crc })
      offset = lastOffset + 1
    }
    this.#committedEnd = endOffset
    const epoch = Math.max(...this.#leaders.keys())
    const last = this.#endsByEpoch.at(-1)
    if (last?.epoch === epoch) last.end = endOffset
    else this.#endsByEpoch.push({ epoch, end: endOffset })
  }

  #committedAt(offset: number): CommittedBatch | undefined {
    let low = 0
    let high = this.#committed.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const batch = this.#committed[middle]!
      if (batch.lastOffset < offset) low = middle + 1
      else if (batch.baseOffset > offset) high = middle - 1
      else return batch
    }
    return undefined
  }

  /** The last that is committed, and those behind it: each may be in force on some replica. */
  get #votersNow(): readonly (readonly VoterSeen[])[] {
    if (this.#voterSets.length === 0) return [this.#options.genesisVoters]
    const isCommitted = ({ epoch, offset }: VoterSetSeen): boolean =>
      offset < this.#committedEnd && this.#committedAt(offset)?.epoch === epoch
    const last = this.#voterSets.findLastIndex(isCommitted)
    const sets = this.#voterSets.slice(Math.max(last, 0)).map(({ voters }) => voters)
    return last === -1 ? [this.#options.genesisVoters, ...sets] : sets
  }

  #violate(invariant: string, node: number, details: string): void {
    this.#options.violate(invariant, `node ${node} ${details}`)
  }
}

function range({
  baseOffset,
  lastOffset,
}: {
  readonly baseOffset: number
  readonly lastOffset: number
}): string {
  return baseOffset === lastOffset ? `offset ${baseOffset}` : `offsets ${baseOffset}–${lastOffset}`
}
