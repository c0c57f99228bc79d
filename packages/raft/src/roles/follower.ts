/**
 * A voter or observer that knows its leader: it fetches the leader's log, always from the end of what it has on disk, so that
 * its fetches are the acknowledgements (KIP-595), and downloads a snapshot where the leader's log no longer reaches back far
 * enough (KIP-630).
 *
 * Owns: the one fetch or snapshot fetch under way, and the patience with the leader: only a fetch that succeeds renews it.
 * Invariants: one request to the leader at a time; nothing is fetched while what came before is not on disk; an answer that
 * orders a truncation or a snapshot never raises the high watermark (KAFKA-14704).
 */
import { type NodeId, offset as toOffset, type Offset } from '@millrace/base'
import { exponentialBackoff } from '../backoff.ts'
import type { RaftTimer } from '../event.ts'
import type { FetchedRecords, FetchResponse, FetchSnapshotResponse, RaftResponse } from '../message.ts'
import type { Replica } from '../replica.ts'
import { SnapshotDownload } from '../snapshot-download.ts'
import { nextVoterRequest } from '../voter-request.ts'
import { VoterSet } from '../voter-set.ts'
import { Role, type RoleChanges } from './role.ts'

const PROMPT_JITTER_MS = 60
const PATIENCE_JITTER = 0.2
/** A change of voters that was made takes a round of fetches to be seen here. */
const ROUND_MS = 10
const REFUSAL_PAUSE_MS = 200
/** A rival may stop one day; it takes a fetch timeout anyway until the leader knows. */
const RIVAL_PAUSE_MS_MAX = 10_000
/** The first pause is as if so many had gone before: about as long as after any other refusal. */
const RIVAL_PATIENCE = 4
/** What takes longer to apply is reported by a later fetch: what others commit need not wait for it. */
const APPLY_WAIT_MS_MAX = 100

export class Follower extends Role {
  readonly kind = 'follower'
  readonly #leaderId: NodeId
  /** The leader answered at least one fetch: until then, others may as well look for another (KAFKA-17641). */
  #hasFetched: boolean
  /** The last fetch got no answer, so that this replica knows no better than one that asks for its vote. */
  #isCutOff = false
  #fetchId: number | null = null
  #download: SnapshotDownload | null = null
  /** As the leader knows it; this replica's own follows as far as its log is on disk. */
  #leaderHighWatermark: Offset
  #applyWaited = false
  #voterRequestId: number | null = null
  /** Times in a row that this replica was told that its id votes with another disk, and lives; and how long it has waited. */
  #rivalAnswers = 0
  #rivalWaitedMs = 0

  constructor(replica: Replica, changes: RoleChanges, isAlive: boolean) {
    super(replica, changes)
    this.#leaderId = replica.leaderId
    this.#leaderHighWatermark = replica.log.highWatermark
    this.#hasFetched = isAlive
  }

  get grantsPreVotes(): boolean {
    return !this.#hasFetched || this.#isCutOff || this.replica.isLeaderSuspected
  }

  onEnter(): void {
    this.#beginPatience()
    this.#maybeFetch()
  }

  onTimer(timer: RaftTimer): void {
    switch (timer) {
      case 'fetch':
      case 'election':
        return this.#giveUpLeader()
      case 'apply-wait':
        this.#applyWaited = true
        return this.#maybeFetch()
      case 'backoff':
        return this.#maybeFetch()
      case 'voter-change':
        return this.#maybeAskForVoterChange()
      default:
    }
  }

  override onFlushed(): void {
    this.replica.advanceHighWatermark(this.#leaderHighWatermark)
    this.#maybeFetch()
    this.#maybeAskForVoterChange()
  }

  override onApplied(): void {
    this.#maybeFetch()
  }

  override onInstallEnd(isInstalled: boolean): void {
    this.#download = null
    if (isInstalled) this.#maybeFetch()
    else this.#waitToFetchAgain()
  }

  override onPeerGone(id: NodeId): void {
    if (id !== this.#leaderId) return
    if (this.replica.isElectable) this.onLeaderResigned(0)
    else this.#giveUpLeader()
  }

  override onLeaderResigned(rank: number): void {
    if (this.replica.isElectable && !this.replica.isArmed('election')) this.#electSoon(rank)
  }

  onResponse(sendId: number, response: RaftResponse | null): void {
    if (sendId === this.#voterRequestId) {
      this.#voterRequestId = null
      if (response !== null && this.changes.heed(response, this.#leaderId)) return
      this.#waitToAskForVoterChange(response)
    }
    if (sendId !== this.#fetchId) return
    this.#fetchId = null
    this.replica.onAnswer(this.#leaderId, response !== null)
    this.#isCutOff = response === null
    if (response === null) {
      // A leader that was heard of but never reached may be one of before this process: find out soon.
      if (!this.#hasFetched && this.replica.isElectable && !this.replica.isArmed('election'))
        this.#electSoon(0)
      return this.#onFailure()
    }
    if (this.changes.heed(response, this.#leaderId)) return
    const isOfLeader = response.epoch === this.replica.epoch
    if (response.kind === 'fetch' && response.error === 'NONE' && isOfLeader) this.#onFetched(response)
    else if (response.kind === 'fetch-snapshot' && isOfLeader) this.#onChunk(response)
    else {
      // It led this epoch and says that it does not: it has resigned, or been restarted.
      if (isOfLeader && response.error === 'NOT_LEADER_OR_FOLLOWER') this.onLeaderResigned(0)
      this.#onFailure()
    }
  }

  // Fetch

  #maybeFetch(): void {
    const { replica } = this
    const { log, config } = replica
    if (this.#fetchId !== null || replica.installing !== null || replica.isArmed('backoff')) return
    if (this.#download !== null) {
      this.#fetchId = replica.send(this.#leaderId, this.#download.request(replica))
    } else {
      if (!log.isFlushed) return
      // The fetch tells what is applied, and may then wait at the leader: it had better be the latest.
      if (replica.appliedOffset < log.highWatermark && !this.#applyWaited) {
        if (!replica.isArmed('apply-wait'))
          replica.arm('apply-wait', Math.min(APPLY_WAIT_MS_MAX, config.fetchMaxWaitMs))
        return
      }
      replica.disarm('apply-wait')
      this.#applyWaited = false
      this.#fetchId = replica.fetch(this.#leaderId, config.fetchMaxWaitMs)
    }
    if (this.#fetchId === null) this.#waitToFetchAgain()
  }

  #onFetched(response: FetchResponse): void {
    const { replica } = this
    const { log } = replica
    if (response.diverging !== null) {
      const offset = log.truncationOffset(response.diverging)
      if (offset >= log.logEndOffset || offset < log.logStartOffset) return this.#onFailure()
      this.#onLeaderAlive()
      log.truncate(offset)
      replica.emit({ kind: 'truncate', generation: log.generation, offset })
    } else if (response.snapshotId !== null) {
      if (response.snapshotId.endOffset <= log.highWatermark) return this.#onFailure()
      this.#onLeaderAlive()
      this.#download = new SnapshotDownload(response.snapshotId)
    } else {
      const { records } = response
      if (records !== null && records.batches.length > 0) {
        if (!this.#fits(records)) return this.#onFailure()
        this.#append(records)
      }
      this.#onLeaderAlive()
      if (response.highWatermark > this.#leaderHighWatermark)
        this.#leaderHighWatermark = response.highWatermark
      replica.advanceHighWatermark(this.#leaderHighWatermark)
    }
    this.#maybeFetch()
    this.#maybeAskForVoterChange()
  }

  /** What comes over the wire is checked, not asserted: whole batches, one after another, of epochs that don't fall. */
  #fits({ batches }: FetchedRecords): boolean {
    const { log, epoch } = this.replica
    let next: number = log.logEndOffset
    let lastEpoch = log.lastEpoch
    for (const batch of batches) {
      const isNext = batch.baseOffset === next && batch.lastOffset >= batch.baseOffset
      if (!isNext || batch.epoch < lastEpoch || batch.epoch > epoch) return false
      next = batch.lastOffset + 1
      lastEpoch = batch.epoch
    }
    return true
  }

  #append(records: FetchedRecords): void {
    const { log } = this.replica
    for (const { epoch, lastOffset, voters } of records.batches) {
      log.append(epoch, toOffset(lastOffset + 1), voters === null ? null : new VoterSet(voters))
    }
    this.replica.emit({ kind: 'append-fetched', generation: log.generation, records })
  }

  // Snapshots

  #onChunk(response: FetchSnapshotResponse): void {
    const { replica } = this
    const download = this.#download
    if (download === null) return this.#onFailure()
    const outcome = download.accept(response)
    if (outcome === 'restart') {
      this.#download = null
      return this.#onFailure()
    }
    this.#onLeaderAlive()
    const { snapshotId, position, data } = response
    replica.emit({ kind: 'write-snapshot-chunk', snapshotId, position, data })
    if (outcome === 'complete') {
      this.#download = null
      replica.installing = snapshotId
      replica.emit({ kind: 'install-snapshot', generation: replica.log.beginInstall(), snapshotId })
    } else {
      this.#maybeFetch()
    }
  }

  // The leader's life

  #onLeaderAlive(): void {
    const { replica } = this
    this.#hasFetched = true
    replica.trustLeader()
    replica.disarm('election')
    replica.electionFailures = 0
    replica.fetchFailures = 0
    this.#beginPatience()
  }

  /** The leader was heard by all followers at about the same time; that they give it up one by one spares a split vote. */
  #beginPatience(): void {
    const { fetchTimeoutMs } = this.replica.config
    this.replica.arm('fetch', fetchTimeoutMs, fetchTimeoutMs * PATIENCE_JITTER)
  }

  #onFailure(): void {
    if (this.replica.isElectable) return this.#waitToFetchAgain()
    // Somebody else may know better; until then the pause grows from attempt to attempt.
    this.replica.fetchFailures += 1
    this.#giveUpLeader()
  }

  #waitToFetchAgain(): void {
    const { replica } = this
    replica.fetchFailures += 1
    replica.armBackoff(exponentialBackoff(replica.fetchFailures, replica.config.electionBackoffMaxMs))
  }

  #electSoon(rank: number): void {
    const { replica } = this
    replica.suspectLeader()
    const jitterMs = replica.config.promptElectionJitterMs ?? PROMPT_JITTER_MS
    if (rank === 0) replica.arm('election', 0, jitterMs)
    else replica.arm('election', rank * jitterMs, jitterMs)
  }

  #giveUpLeader(): void {
    const { replica } = this
    if (replica.installing !== null || (replica.isElectable && replica.isRetired)) {
      this.#beginPatience()
    } else if (replica.isElectable) {
      replica.suspectLeader()
      this.changes.becomeProspective()
    } else {
      this.changes.becomeUnattached(replica.epoch)
    }
  }

  // Membership

  #maybeAskForVoterChange(): void {
    const { replica } = this
    const { log } = replica
    const isCaughtUp = this.#hasFetched && log.isFlushed && log.highWatermark >= this.#leaderHighWatermark
    if (this.#voterRequestId !== null || replica.isArmed('voter-change') || !isCaughtUp) return
    const request = nextVoterRequest(replica)
    if (request !== null) this.#voterRequestId = replica.send(this.#leaderId, request)
  }

  #waitToAskForVoterChange(response: RaftResponse | null): void {
    const { replica } = this
    // Only a vote that somebody else uses is refused as invalid (see `VoterChanges`).
    const rival = replica.voters.get(replica.self.id)
    if (response?.kind === 'remove-voter' && response.error === 'INVALID_REQUEST' && rival !== undefined) {
      // The leader knows later: for so long this may be the disk that was replaced, and nobody uses it any more.
      if (this.#rivalWaitedMs >= replica.config.fetchTimeoutMs)
        replica.tellRival({ id: rival.id, directoryId: rival.directoryId })
      const { delayMs, jitterMs } = exponentialBackoff(
        this.#rivalAnswers + RIVAL_PATIENCE,
        RIVAL_PAUSE_MS_MAX,
      )
      this.#rivalAnswers += 1
      this.#rivalWaitedMs += delayMs
      return replica.arm('voter-change', delayMs, jitterMs)
    }
    this.#rivalAnswers = 0
    this.#rivalWaitedMs = 0
    const pauseMs = response !== null && response.error === 'NONE' ? ROUND_MS : REFUSAL_PAUSE_MS
    replica.arm('voter-change', pauseMs, pauseMs)
  }
}
