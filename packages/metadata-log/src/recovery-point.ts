/**
 * Up to which offset the metadata log is known to be on disk, and where it starts, kept beside it. A batch that is damaged
 * above the recovery point is the torn tail of a crash and is cut; below it, it is a loss that must be reported. How far it
 * lags behind what is flushed: `recovery-point-writer.ts`.
 */
import { type Disk, type DiskError, offset, type Offset } from '@millrace/base'
import { type Log, type LogCheckpoints, OffsetCheckpoint } from '@millrace/storage'
import { METADATA_PARTITION, METADATA_TOPIC } from './metadata-topic.ts'

/** Kafka's names for such files. */
const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint'
const LOG_START_FILE = 'log-start-offset-checkpoint'
const PARTITION = { topic: METADATA_TOPIC, partition: METADATA_PARTITION }

type Done = (error: DiskError | null) => void

export class RecoveryPoint implements LogCheckpoints {
  readonly #recoveryPoint: OffsetCheckpoint
  readonly #logStart: OffsetCheckpoint

  /** @throws DamagedFileError, DiskError */
  constructor(disk: Disk, directory: string) {
    this.#recoveryPoint = OffsetCheckpoint.open(disk, directory, RECOVERY_POINT_FILE)
    this.#logStart = OffsetCheckpoint.open(disk, directory, LOG_START_FILE)
  }

  /** 0 before the first was written. */
  get offset(): Offset {
    return this.#recoveryPoint.get(PARTITION) ?? offset(0)
  }

  /** Null while the log was never shortened at its start. */
  get logStartOffset(): Offset | null {
    return this.#logStart.get(PARTITION) ?? null
  }

  /** Writes what was read, which is seen and may not be stored. @param done runs later */
  renew(done: Done): void {
    this.#recoveryPoint.save((error) => (error === null ? this.#logStart.save(done) : done(error)))
  }

  persistRecoveryPoint(log: Log, done: Done): void {
    this.#recoveryPoint.set(PARTITION, log.recoveryPoint)
    this.#recoveryPoint.save(done)
  }

  persistLogStartOffset(log: Log, done: Done): void {
    this.#logStart.set(PARTITION, log.logStartOffset)
    this.#logStart.save(done)
  }
}
