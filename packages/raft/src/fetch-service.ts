/**
 * The leader's answers to fetches and snapshot fetches, at once or when there is something to tell (KIP-595, KIP-630).
 *
 * Owns: the waiting fetches and their timers. A fetch waits while its replica has all records, knows the high watermark and
 * has applied it; records are sent before they are flushed here, since each replica counts only what it has flushed itself.
 * When the first of those that wait has waited long enough all are answered: at rest all replicas then fetch at about the
 * same time, and the leader wakes up once for all of them.
 * Must not know: elections, what is committed.
 */
import { NO_OFFSET } from '@millrace/base'
import type { FetchRequest, FetchSnapshotRequest } from './message.ts'
import { fetchRefusal, snapshotRefusal } from './refusal.ts'
import type { Replica } from './replica.ts'
import type { FetchPosition } from './replica-log.ts'
import { type ReplicaProgress, ReplicaProgressMap } from './replica-progress.ts'

export class FetchService {
  readonly progress = new ReplicaProgressMap()
  readonly #replica: Replica
  readonly #byRequest = new Map<number, ReplicaProgress>()

  constructor(replica: Replica) {
    this.#replica = replica
  }

  /** Takes in what the fetch tells of its replica. */
  observe(request: FetchRequest, position: FetchPosition): ReplicaProgress {
    const progress = this.progress.touch(request.replica)
    this.#answerWaiting(progress)
    if (position.kind === 'valid' && request.fetchOffset > progress.flushedEndOffset) {
      progress.flushedEndOffset = request.fetchOffset
    }
    if (request.appliedOffset > progress.appliedOffset) progress.appliedOffset = request.appliedOffset
    const evicted = this.progress.evict(this.#replica.voters)
    if (evicted !== null) this.#answerWaiting(evicted)
    return progress
  }

  answerOrWait(id: number, request: FetchRequest, progress: ReplicaProgress): void {
    const maxWaitMs = Math.min(request.maxWaitMs, this.#replica.config.fetchMaxWaitMs)
    if (maxWaitMs <= 0 || this.#hasNews(request, progress)) return this.#answer(id, request, progress)
    const isShared = maxWaitMs === this.#replica.config.fetchMaxWaitMs
    progress.waiting = { id, request, isShared }
    this.#byRequest.set(id, progress)
    if (!isShared) this.#replica.arm(`fetch-wait/${id}`, maxWaitMs)
    else if (!this.#replica.isArmed('fetch-waits')) this.#replica.arm('fetch-waits', maxWaitMs)
  }

  /** The log or the high watermark moved. */
  answerThoseWithNews(): void {
    for (const progress of [...this.#byRequest.values()]) {
      if (progress.waiting !== null && this.#hasNews(progress.waiting.request, progress)) {
        this.#answerWaiting(progress)
      }
    }
  }

  onWaitEnd(id: number): void {
    const progress = this.#byRequest.get(id)
    if (progress !== undefined) this.#answerWaiting(progress)
  }

  onSharedWaitEnd(): void {
    for (const progress of [...this.#byRequest.values()]) {
      if (progress.waiting?.isShared === true) this.#answerWaiting(progress)
    }
  }

  drop(id: number): void {
    const progress = this.#byRequest.get(id)
    if (progress !== undefined) this.#release(progress)
  }

  /** Leads no more: whoever waits is told who does, if that is known. */
  dismissAll(): void {
    for (const progress of [...this.#byRequest.values()]) {
      const { waiting } = progress
      this.#release(progress)
      if (waiting !== null) this.dismiss(waiting.id)
    }
  }

  dismiss(id: number): void {
    this.#replica.respond(id, fetchRefusal('NOT_LEADER_OR_FOLLOWER', this.#replica.claim))
  }

  answerSnapshot(id: number, { snapshotId, position, maxBytes }: FetchSnapshotRequest): void {
    const { log, claim, config } = this.#replica
    const latest = log.snapshot
    if (latest?.endOffset !== snapshotId.endOffset || latest.epoch !== snapshotId.epoch) {
      return this.#replica.respond(id, snapshotRefusal('SNAPSHOT_NOT_FOUND', claim, snapshotId))
    }
    this.#replica.emit({
      kind: 'respond-snapshot',
      id,
      snapshotId: latest,
      position,
      maxBytes: Math.min(maxBytes, config.snapshotChunkBytes),
      leadership: claim,
    })
  }

  #hasNews(request: FetchRequest, progress: ReplicaProgress): boolean {
    const { log } = this.#replica
    if (request.fetchOffset !== log.logEndOffset || request.lastFetchedEpoch !== log.lastEpoch) return true
    const isBehind = request.appliedOffset !== NO_OFFSET && request.appliedOffset < log.highWatermark
    return isBehind || progress.highWatermark < log.highWatermark
  }

  #answerWaiting(progress: ReplicaProgress): void {
    const { waiting } = progress
    if (waiting === null) return
    this.#release(progress)
    this.#answer(waiting.id, waiting.request, progress)
  }

  #release(progress: ReplicaProgress): void {
    if (progress.waiting === null) return
    const { id, isShared } = progress.waiting
    this.#byRequest.delete(id)
    if (!isShared) this.#replica.disarm(`fetch-wait/${id}`)
    progress.waiting = null
  }

  #answer(id: number, request: FetchRequest, progress: ReplicaProgress): void {
    const { log, claim, config } = this.#replica
    const { fetchOffset, lastFetchedEpoch } = request
    const position = log.validate(fetchOffset, lastFetchedEpoch)
    const { highWatermark, logStartOffset, logEndOffset } = log
    if (position.kind === 'valid') {
      progress.highWatermark = highWatermark
      if (fetchOffset < logEndOffset) {
        return this.#replica.emit({
          kind: 'respond-fetch',
          id,
          offset: fetchOffset,
          endOffset: logEndOffset,
          maxBytes: Math.min(request.maxBytes, config.fetchMaxBytes),
          highWatermark,
          logStartOffset,
          leadership: claim,
        })
      }
    }
    const { kind } = position
    this.#replica.respond(id, {
      kind: 'fetch',
      ...claim,
      error: 'NONE',
      highWatermark,
      logStartOffset,
      diverging: kind === 'diverging' ? { epoch: position.epoch, endOffset: position.endOffset } : null,
      snapshotId: kind === 'snapshot' ? position.snapshotId : null,
      records: null,
    })
  }
}
