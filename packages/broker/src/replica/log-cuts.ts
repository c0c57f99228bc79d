/**
 * Cuts one replica's log where the replication core wants it cut: at its end, or all of it. What goes is written to the
 * journal where somebody may miss it.
 *
 * Must not know: why a log is cut.
 * Invariant: what a damaged log owes is on disk before anything of it goes; a cut of records is told when it is on disk.
 */
import { DiskError } from '@millrace/base'
import type { Log as Journal, Offset } from '@millrace/base'
import type { ReplicationEffect } from '@millrace/replication'
import type { Log } from '@millrace/storage'

export interface LogCutsOptions {
  readonly log: Log
  readonly name: { readonly topic: string; readonly partition: number }
  readonly journal: Journal
  /** Makes what the checkpoints say of the replica durable. */
  saveCheckpoint(): Promise<void>
  /** @returns whether what follows from a cut is still wanted when it is made */
  begins(): () => boolean
  onCut(cut: {
    readonly generation: number
    readonly logStartOffset: Offset
    readonly logEndOffset: Offset
  }): void
  /** The log takes no more appends. */
  onLogFailed(): void
}

type Truncate = ReplicationEffect & { readonly kind: 'truncate' }
type RestartLog = ReplicationEffect & { readonly kind: 'restart-log' }

export class LogCuts {
  readonly #options: LogCutsOptions

  constructor(options: LogCutsOptions) {
    this.#options = options
  }

  /** What is above the start that was written down was lost in a power cut: nothing is left of the log. */
  maybeBeginAtStart(): void {
    const { log, journal, name, onLogFailed } = this.#options
    if (log.logStartOffset <= log.logEndOffset) return
    log.truncateFullyAndStartAt(log.logStartOffset)
    log.flush((error) => {
      if (error === null) return
      journal.error({ ...name, error }, 'the log could not begin anew')
      onLogFailed()
    })
  }

  truncate({ generation, offset, reason }: Truncate): void {
    const { journal, log, name, saveCheckpoint, begins, onLogFailed } = this.#options
    const facts = { ...name, offset, logEndOffset: log.logEndOffset }
    if (reason === 'unclean')
      journal.warn(facts, 'committed records are dropped: an unclean leader was elected')
    else if (reason === 'damage') journal.warn(facts, 'damaged records are dropped, to be fetched again')
    if (reason !== 'damage' && this.#endsDurablyAt(offset)) return this.#dropEpochsAtEnd(generation, offset)
    const cut = (): void => this.#cut(generation, () => log.truncateTo(offset))
    if (reason !== 'damage') return cut()
    const isWanted = begins()
    saveCheckpoint().then(
      () => {
        if (isWanted()) cut()
      },
      (error: unknown) => {
        journal.error({ ...name, error }, 'the checkpoint of a damaged replica could not be written')
        if (isWanted()) onLogFailed()
      },
    )
  }

  restart({ generation, offset, isUnclean }: RestartLog): void {
    const { log, journal, name } = this.#options
    const facts = { ...name, offset, logEndOffset: log.logEndOffset }
    if (isUnclean) journal.warn(facts, 'the log begins anew after an unclean election')
    this.#cut(generation, () => log.truncateFullyAndStartAt(offset))
  }

  #endsDurablyAt(offset: Offset): boolean {
    const { logEndOffset, recoveryPoint, corruption, failure } = this.#options.log
    const isSound = corruption === null && failure === null
    return isSound && offset >= logEndOffset && recoveryPoint >= logEndOffset
  }

  /**
   * Only epochs without a record go, as in most partitions when a cluster starts. Nothing needs to be durable for that:
   * after a crash that brings them back they are dropped again, and records that take their place are flushed together
   * with the epochs.
   */
  #dropEpochsAtEnd(generation: number, offset: Offset): void {
    const { log, onCut } = this.#options
    log.truncateTo(offset)
    onCut({ generation, logStartOffset: log.logStartOffset, logEndOffset: log.logEndOffset })
  }

  #cut(generation: number, change: () => void): void {
    const { log, begins, onCut } = this.#options
    const isWanted = begins()
    try {
      change()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      return this.#onFailed(error)
    }
    log.flush((error) => {
      if (!isWanted()) return
      if (error !== null) return this.#onFailed(error)
      onCut({ generation, logStartOffset: log.logStartOffset, logEndOffset: log.logEndOffset })
    })
  }

  #onFailed(error: DiskError): void {
    const { journal, name, onLogFailed } = this.#options
    journal.error({ ...name, error }, 'truncation failed')
    onLogFailed()
  }
}
