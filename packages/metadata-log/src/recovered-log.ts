/**
 * What the folder of the metadata log holds after a stop: the log, the latest snapshot, the vote.
 *
 * Invariant: what is returned is durable: a killed process may have left bytes that were written and never flushed, and one
 * whose disk failed bytes and names that only look as if they were on it (`storage/src/failed-sync.ts`).
 */
import { BufferPool, type Clock, type Disk, DiskError, type Log as Logger, type Offset } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import type { LogSummary, QuorumState } from '@millrace/raft'
import { RecordBatchView } from '@millrace/record'
import {
  DamagedFileError,
  DEFAULT_LOG_CONFIG,
  type DiskDone,
  failedSyncs,
  Log,
  type LogConfig,
  takeNamesBack,
} from '@millrace/storage'
import { readLogSummary } from './log-summary-reader.ts'
import { MetadataLogError } from './metadata-log-error.ts'
import { unreadable } from './metadata-log-reader.ts'
import { METADATA_TOPIC_ID } from './metadata-topic.ts'
import { QuorumStateFile } from './quorum-state-file.ts'
import { RecoveryPoint } from './recovery-point.ts'
import { listSnapshots, removeUnfinishedSnapshots } from './snapshot-file.ts'
import type { SnapshotContent } from './snapshot-reader.ts'
import { loadLatestSnapshot } from './snapshot-store.ts'

export interface RecoveryOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  /** Of the log; made when missing. */
  readonly directory: string
  readonly segmentBytes: number
  /** To load a snapshot into. */
  readonly empty: MetadataImage
  /** A voter has promised what is in its log: it can't forget a damaged part, as an observer can. */
  readonly canVote: boolean
}

export interface RecoveredLog {
  readonly log: Log
  readonly recoveryPoint: RecoveryPoint
  readonly stateFile: QuorumStateFile
  readonly quorumState: QuorumState | null
  readonly snapshot: SnapshotContent | null
  readonly summary: LogSummary
}

const VERIFY_BYTES = 1024 * 1024

/** Snapshots say what may go, nothing else does. */
function logConfig(segmentBytes: number): LogConfig {
  return {
    ...DEFAULT_LOG_CONFIG,
    segmentBytes,
    retentionMs: -1,
    retentionBytes: -1,
    segmentMs: 2 ** 47,
    fileDeleteDelayMs: 0,
  }
}

/** @throws MetadataLogError where it is damaged, or written by a newer version; DamagedFileError, DiskError */
export async function recoverMetadataLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const { disk, clock, logger, directory, segmentBytes } = options
  disk.mkdir(directory)
  takeNamesBack(disk, directory)
  const recoveryPoint = new RecoveryPoint(disk, directory)
  // The log drops what lies below its start.
  if (failedSyncs(disk, directory) > 0) await completion((done) => recoveryPoint.renew(done))
  const stateFile = new QuorumStateFile(disk, directory)
  const quorumState = readQuorumState(stateFile, options)
  removeUnfinishedSnapshots(disk, directory)
  const { logStartOffset } = recoveryPoint
  const log = Log.open({
    disk,
    clock,
    directory,
    topicId: METADATA_TOPIC_ID,
    config: logConfig(segmentBytes),
    recoveryPoint: recoveryPoint.offset,
    cleanShutdown: false,
    ...(logStartOffset === null ? {} : { logStartOffset }),
    checkpoints: recoveryPoint,
    tracksProducers: false,
    log: logger,
  })
  try {
    const snapshot = reconcile(options, log)
    await completion((done) => log.flush(done))
    await completion((done) => recoveryPoint.persistRecoveryPoint(log, done))
    // Others count on this vote, and the mark of a failed sync may be missing.
    if (quorumState !== null) await completion((done) => stateFile.write(quorumState, done))
    const summary = readLogSummary(log, snapshot)
    return { log, recoveryPoint, stateFile, quorumState, snapshot, summary }
  } catch (error) {
    await closeAfter(error, log)
    throw error
  }
}

/** @returns null where there is none, or where it is damaged and nothing depends on it: an observer has no vote to forget */
function readQuorumState(file: QuorumStateFile, { canVote, logger }: RecoveryOptions): QuorumState | null {
  try {
    return file.read()
  } catch (error) {
    if (canVote || !(error instanceof DamagedFileError)) throw error
    logger.error({ error }, 'who leads the metadata quorum is asked anew')
    return null
  }
}

/** Brings log and snapshot together. @returns the snapshot that the log continues, null when it begins at 0 */
function reconcile(options: RecoveryOptions, log: Log): SnapshotContent | null {
  const { disk, directory, canVote, logger } = options
  const snapshot = loadLatestSnapshot(options, listSnapshots(disk, directory))
  verify(log)
  const { corruption } = log
  if (corruption !== null && canVote)
    throw unreadable(log, corruption.offset, `${corruption.path}: ${corruption.reason}`)
  // Of what is not sound nothing counts, and one cut brings the log in order: the next would have to wait for it.
  const soundEnd = Math.min(corruption?.offset ?? log.logEndOffset, log.logEndOffset) as Offset
  if (corruption !== null)
    logger.error({ ...corruption }, 'the metadata log is damaged: its end is fetched again from the leader')
  if (snapshot !== null && isBehind(log, soundEnd, snapshot)) {
    // It was fetched, and the process stopped before the log was emptied for it; or what it holds was damaged in the log.
    log.truncateFullyAndStartAt(snapshot.snapshotId.endOffset)
    return snapshot
  }
  const isContinued = log.logStartOffset <= (snapshot?.snapshotId.endOffset ?? 0)
  if (isContinued) {
    if (corruption !== null) log.truncateTo(soundEnd)
    return snapshot
  }
  const problem = `no snapshot is left that reaches its start at ${log.logStartOffset}`
  if (canVote) throw unreadable(log, log.logStartOffset, problem)
  logger.error({ directory }, `the metadata log can't be used, ${problem}: all of it is fetched again`)
  log.truncateFullyAndStartAt(0 as Offset)
  return null
}

/** Recovery trusts what was durable; here a flipped bit must not get any further. The log remembers what is found. */
function verify(log: Log): void {
  const pool = new BufferPool({ maxPooledBytes: VERIFY_BYTES })
  const view = new RecordBatchView(Buffer.alloc(0))
  const { logStartOffset, logEndOffset: endOffset } = log
  for (let offset = logStartOffset; offset < endOffset;) {
    const options = { offset, endOffset, maxBytes: VERIFY_BYTES, atLeastOneBatch: true, pool }
    const read = log.read({ ...options, verifyChecksums: true })
    if (read.kind !== 'ok') return
    const { records } = read
    for (let position = 0; position < records.length; position = view.end) view.at(records, position)
    if (records.length > 0) offset = (view.lastOffset + 1) as Offset
    read.release()
    if (records.length === 0) return
  }
}

/** As in Kafka: the log, which is sound below `soundEnd`, lacks what is in the snapshot, or parts from it. */
function isBehind(log: Log, soundEnd: Offset, { snapshotId }: SnapshotContent): boolean {
  if (soundEnd < snapshotId.endOffset) return true
  const last = log.leaderEpochs.findLast(({ startOffset }) => startOffset < soundEnd)
  return last !== undefined && last.epoch < snapshotId.epoch
}

/** Only a failure that was foreseen leaves a log that can be closed. That it can't be closed cleanly is known already. */
async function closeAfter(error: unknown, log: Log): Promise<void> {
  if (!(error instanceof MetadataLogError || error instanceof DiskError)) return
  await new Promise<void>((resolve) => log.close(() => resolve()))
}

function completion(start: (done: DiskDone) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error === null ? resolve() : reject(error))))
}
