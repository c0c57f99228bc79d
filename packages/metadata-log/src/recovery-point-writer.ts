/**
 * Keeps the recovery point of a running replica close to what is flushed: a little after each flush, never on the way of a
 * commit.
 *
 * Owns: the write that is due. Must not know: what is in the log.
 * Invariants: at most one write at a time, and a pause before each; what is written is only ever what was flushed before.
 * What that guarantees: a record that was flushed longer ago than the pause and the time of two writes lies below the
 * recovery point on disk. If it is found damaged after a crash, that is reported, and a voter does not start without it.
 * What was flushed later can't be told from the torn tail of the crash and is cut: a voter that is hit by a crash and by
 * damage of those very bytes forgets them, and they are lost if all others of the majority that had them do so as well.
 */
import type { Log as Logger, TimerId, Timers } from '@millrace/base'
import type { Log } from '@millrace/storage'
import type { RecoveryPoint } from './recovery-point.ts'

export interface RecoveryPointWriterOptions {
  readonly log: Log
  readonly recoveryPoint: RecoveryPoint
  readonly timers: Timers
  readonly logger: Logger
  /** From a flush to the write, so that flushes that follow each other share one. */
  readonly pauseMs: number
}

export class RecoveryPointWriter {
  readonly #options: RecoveryPointWriterOptions
  #timer: TimerId | null = null
  #isDue = false
  #isWriting = false
  #isClosed = false

  constructor(options: RecoveryPointWriterOptions) {
    this.#options = options
  }

  /** Something was flushed. */
  onFlushed(): void {
    this.#isDue = true
    this.#arm()
  }

  /** Writes nothing more. */
  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) this.#options.timers.cancel(this.#timer)
    this.#timer = null
  }

  #arm(): void {
    if (this.#timer !== null || this.#isWriting || this.#isClosed) return
    const { timers, pauseMs } = this.#options
    this.#timer = timers.after(pauseMs, () => {
      this.#timer = null
      this.#write()
    })
  }

  #write(): void {
    const { log, recoveryPoint, logger } = this.#options
    this.#isDue = false
    this.#isWriting = true
    recoveryPoint.persistRecoveryPoint(log, (error) => {
      this.#isWriting = false
      // The older recovery point stays: the next start scans more, and can tell less of it from a torn tail.
      if (error !== null) logger.warn({ error }, 'the recovery point of the metadata log was not written')
      if (this.#isDue) this.#arm()
    })
  }
}
