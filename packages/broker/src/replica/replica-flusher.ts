/**
 * Makes what is written to one replica's log durable: one flush at a time, which serves everything that was asked for before
 * it began; later, or again, where the policy or a full disk wants it so.
 *
 * Owns: the flush under way, and the one that is to follow. Must not know: what waits for a flush.
 * Invariant: what a flush is told to have made durable is what was written when it began.
 */
import type { DiskError, Log as Journal } from '@millrace/base'
import type { Log } from '@millrace/storage'
import type { Deadline, Deadlines } from '../deadlines.ts'

export interface ReplicaFlusherOptions {
  readonly log: Pick<Log, 'flush' | 'failure'>
  readonly name: { readonly topic: string; readonly partition: number }
  readonly deadlines: Deadlines
  readonly journal: Journal
  /** A flush begins. @returns what to do when that is on disk */
  readonly begins: () => () => void
  /** The log takes no more appends. */
  readonly onLogFailed: () => void
}

/** A flush that found no space is asked for again. */
const FLUSH_RETRY_MS = 100

export class ReplicaFlusher {
  readonly #options: ReplicaFlusherOptions
  #isFlushing = false
  #flushesAgain = false
  #deadline: Deadline | null = null
  #isStopped = false

  constructor(options: ReplicaFlusherOptions) {
    this.#options = options
  }

  /** Now, or right after the flush that is under way. */
  flush(): void {
    if (this.#isFlushing) {
      this.#flushesAgain = true
      return
    }
    const { log, begins } = this.#options
    if (log.failure !== null) return
    this.cancelLater()
    this.#isFlushing = true
    const done = begins()
    log.flush((error) => {
      this.#isFlushing = false
      if (this.#isStopped) return
      if (error !== null) return this.#onFailed(error)
      const isAgain = this.#flushesAgain
      this.#flushesAgain = false
      done()
      if (isAgain) this.flush()
    })
  }

  /** At the latest then. */
  flushWithin(delayMs: number): void {
    this.#deadline ??= this.#options.deadlines.after(delayMs, () => {
      this.#deadline = null
      this.flush()
    })
  }

  /** Nobody needs a flush that has not begun. */
  cancelLater(): void {
    if (this.#deadline !== null) this.#options.deadlines.cancel(this.#deadline)
    this.#deadline = null
  }

  /** Whatever is under way has no consequences any more. */
  stop(): void {
    this.cancelLater()
    this.#isStopped = true
  }

  #onFailed(error: DiskError): void {
    const { log, name, journal, onLogFailed } = this.#options
    this.#flushesAgain = false
    journal.error({ ...name, error }, 'flush failed')
    if (log.failure === null) this.flushWithin(FLUSH_RETRY_MS)
    else onLogFailed()
  }
}
