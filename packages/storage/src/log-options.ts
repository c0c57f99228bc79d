/** What a log is opened with. */
import type { Clock, Disk, DiskError, Log as Logger, Offset, Uuid } from '@millrace/base'
import type { DiskDone } from './disk-step.ts'
import type { LogConfig } from './log-config.ts'
import type { Log } from './log.ts'
import type { RecoveryReport } from './recovery.ts'

export interface LogOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** `DIR/<topic>-<partition>`; made when missing. */
  readonly directory: string
  readonly topicId: Uuid
  /** The folder is known to be this topic's: it need not be read once more. Default false. */
  readonly isClaimed?: boolean
  readonly config: LogConfig
  /** Everything below it was durable: what is not there, or damaged, is a loss and not a torn tail. */
  readonly recoveryPoint: Offset
  /** The data folder had the clean mark: nothing is scanned. */
  readonly cleanShutdown: boolean
  /** As checkpointed. */
  readonly logStartOffset?: Offset
  /** Report of `recoverSegments`, run before by the maintenance pool; without it recovery runs here. */
  readonly recovery?: RecoveryReport
  readonly checkpoints: LogCheckpoints
  readonly log: Logger
  /** The disk failed: the log takes no more appends. `error.path` says where: in the log, or in the folder above. */
  readonly onFailed?: (error: DiskError) => void
  /** False for a log that no producer appends to. Default true. */
  readonly tracksProducers?: boolean
  /** How long an idle producer is remembered (`producer.id.expiration.ms`). Default 86,400,000. */
  readonly producerIdExpirationMs?: number
}

/** Where offsets of logs become durable: a `LogDirectory`, or what forwards to it from another thread. */
export interface LogCheckpoints {
  /** Makes `log.recoveryPoint`, lowered by a truncation, durable; `done` later. */
  persistRecoveryPoint(log: Log, done: DiskDone): void
  /** Makes `log.logStartOffset`, raised by retention or DeleteRecords, durable; `done` later. */
  persistLogStartOffset(log: Log, done: DiskDone): void
}
