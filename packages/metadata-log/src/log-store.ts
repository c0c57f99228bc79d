/**
 * The metadata log on disk as the core's effects change it.
 *
 * Owns: the log, the flush that is due. Must not know: roles, images.
 * Invariants: everything appended in one go shares a flush; a flush reports the end that was written when it began, under
 * the generation of the log of that moment; after a failure nothing is reported any more.
 */
import {
  BufferPool,
  type DiskError,
  type LeaderEpoch,
  type Log as Logger,
  type Offset,
  type Timers,
} from '@millrace/base'
import { type AppendInfo, type DiskDone, diskErrorOf, type Log } from '@millrace/storage'
import type { RecoveryPoint } from './recovery-point.ts'
import { RecoveryPointWriter } from './recovery-point-writer.ts'

export interface LogStoreOptions {
  readonly log: Log
  readonly recoveryPoint: RecoveryPoint
  readonly timers: Timers
  readonly logger: Logger
  /** A voter: others count on what this replica has flushed. */
  readonly canVote: boolean
  onFlushed(generation: number, endOffset: Offset): void
  /** A sync failed: what is on disk is unknown. */
  onFailed(error: DiskError): void
}

export interface FetchRead {
  readonly records: Buffer
  release(): void
}

/** What a crash together with damage may cost a voter, beside the time of the write. */
const VOTER_RECOVERY_POINT_PAUSE_MS = 100
/** An observer fetches again what is damaged: here it only bounds what a start has to scan. */
const OBSERVER_RECOVERY_POINT_PAUSE_MS = 10_000
const POOLED_BYTES_MAX = 8 * 1024 * 1024
const NOTHING: FetchRead = { records: Buffer.alloc(0), release: () => {} }

export class LogStore {
  readonly log: Log
  readonly pool = new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX })
  readonly #options: LogStoreOptions
  readonly #recoveryPointWriter: RecoveryPointWriter
  #generation = 0
  #flushDue = false
  #isClosed = false

  constructor(options: LogStoreOptions) {
    const { log, recoveryPoint, timers, logger, canVote } = options
    const pauseMs = canVote ? VOTER_RECOVERY_POINT_PAUSE_MS : OBSERVER_RECOVERY_POINT_PAUSE_MS
    this.log = log
    this.#options = options
    this.#recoveryPointWriter = new RecoveryPointWriter({ log, recoveryPoint, timers, logger, pauseMs })
  }

  /**
   * Writes a batch of the leader; to be followed by `flushSoon`.
   * @throws DiskError with nothing changed; after ENOSPC it may be tried again
   */
  append(batch: Buffer, epoch: number): AppendInfo {
    const appended = this.log.append(batch, epoch as LeaderEpoch)
    this.log.writeStaged()
    return appended
  }

  /** Writes what was fetched; as `append`. */
  appendFetched(batches: Buffer): void {
    this.log.appendAsFollower(batches)
    this.log.writeStaged()
  }

  /** Everything appended by the end of this turn's promises is flushed as one. */
  flushSoon(generation: number): void {
    this.#generation = generation
    if (this.#flushDue) return
    this.#flushDue = true
    queueMicrotask(() => {
      if (this.#flushDue && !this.#isClosed) this.#flush()
    })
  }

  /** @param done runs when the cut is durable: nothing may be appended before. @throws DiskError */
  truncate(generation: number, offset: Offset, done: () => void): void {
    this.#generation = generation
    this.log.truncateTo(offset)
    this.#flush(done)
  }

  /** Empties the log; it goes on at `offset`. As `truncate`. @throws DiskError */
  restartAt(generation: number, offset: Offset, done: () => void): void {
    this.#generation = generation
    this.log.truncateFullyAndStartAt(offset)
    this.#flush(done)
  }

  /** Drops what a snapshot holds. @param done runs when a crash can't bring it back. @throws DiskError */
  prune(logStartOffset: Offset, nowWallMs: number, done: DiskDone): void {
    this.log.advanceLogStart(logStartOffset, (error) => {
      if (this.#isClosed) return
      // Files of segments that were dropped now or earlier go.
      const failure = error ?? diskErrorOf(() => this.log.applyRetention(nowWallMs, logStartOffset))
      done(failure)
    })
  }

  /** Batches for a replica, in pooled memory. @returns null where the log is damaged. @throws DiskError */
  readForFetch(offset: Offset, endOffset: Offset, maxBytes: number): FetchRead | null {
    const options = { offset, endOffset, maxBytes, atLeastOneBatch: true, pool: this.pool }
    const read = this.log.read({ ...options, verifyChecksums: true })
    if (read.kind === 'corrupt') return null
    return read.kind === 'ok' ? read : NOTHING
  }

  /** Makes durable what is written, whatever waits. @throws DiskError */
  async flushNow(): Promise<void> {
    if (this.#flushDue) this.#flush()
    await new Promise<void>((resolve, reject) =>
      this.log.flush((error) => (error === null ? resolve() : reject(error))),
    )
  }

  /** The replica takes part in nothing any more; to be followed by `close`, unless the disk failed. */
  stop(): void {
    this.#recoveryPointWriter.close()
  }

  /** @throws DiskError when it can't count as cleanly closed: the next start only scans more */
  async close(): Promise<void> {
    this.#isClosed = true
    this.stop()
    const { recoveryPoint } = this.#options
    let failure: DiskError | null = this.log.failure
    if (failure === null)
      failure = await settled((done) => recoveryPoint.persistRecoveryPoint(this.log, done))
    const closeFailure = await settled((done) => this.log.close(done))
    failure ??= closeFailure
    if (failure !== null) throw failure
  }

  #flush(then?: () => void): void {
    this.#flushDue = false
    const generation = this.#generation
    const endOffset = this.log.logEndOffset
    this.log.flush((error) => {
      if (this.#isClosed) return
      if (error !== null) return this.#options.onFailed(error)
      then?.()
      this.#options.onFlushed(generation, endOffset)
      this.#recoveryPointWriter.onFlushed()
    })
  }
}

function settled(start: (done: DiskDone) => void): Promise<DiskError | null> {
  return new Promise((resolve) => start(resolve))
}
