/**
 * Up to which offset the metadata log is known to be on disk, kept beside it. A batch that is damaged above this is the
 * torn tail of a crash and is cut; below it, it is a loss that must be reported.
 */
import { assert, type Disk, type DiskError, offset, type Offset } from '@millrace/base'
import { type Log, type LogCheckpoints, OffsetCheckpoint } from '@millrace/storage'

/** Kafka's name for such a file. */
const FILE_NAME = 'recovery-point-offset-checkpoint'
const PARTITION = { topic: '__cluster_metadata', partition: 0 }

type Done = (error: DiskError | null) => void

export class RecoveryPoint implements LogCheckpoints {
  readonly #checkpoint: OffsetCheckpoint

  /** @throws DamagedFileError, DiskError */
  constructor(disk: Disk, directory: string) {
    this.#checkpoint = OffsetCheckpoint.open(disk, directory, FILE_NAME)
  }

  /** 0 before the first was written. */
  get offset(): Offset {
    return this.#checkpoint.get(PARTITION) ?? offset(0)
  }

  persistRecoveryPoint(log: Log, done: Done): void {
    this.#checkpoint.set(PARTITION, log.recoveryPoint)
    this.#checkpoint.save(done)
  }

  persistLogStartOffset(_log: Log, _done: Done): void {
    assert(false, 'the metadata log is never shortened at its start')
  }
}
