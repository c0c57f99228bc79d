/**
 * Batches of one partition that were sent to the codec pool for validation, and those that arrived behind them: what
 * arrived first is appended first, however long its validation takes.
 *
 * Owns: copies of the queued batches. Must not know: the log.
 * Invariant: `onVerdict` runs in the order of `push`, never within it.
 */
import type { BatchError } from '@millrace/record'
import type { Append } from './append.ts'

/** null: valid; an `Error`: the pool could not say (a validating thread died). */
export type Verdict = BatchError | Error | null

interface QueuedBatch {
  readonly append: Append
  readonly batch: Buffer
  /** undefined while the pool still works on it. */
  verdict: Verdict | undefined
}

export class ValidationQueue {
  readonly #onVerdict: (append: Append, batch: Buffer, verdict: Verdict) => void
  #queue: QueuedBatch[] = []

  constructor(onVerdict: (append: Append, batch: Buffer, verdict: Verdict) => void) {
    this.#onVerdict = onVerdict
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  /** @param batch memory that stays the batch's own until its verdict */
  push(append: Append, batch: Buffer, validation: Promise<BatchError | null>): void {
    const queued: QueuedBatch = { append, batch, verdict: undefined }
    this.#queue.push(queued)
    const onVerdict = (verdict: Verdict): void => {
      queued.verdict = verdict
      this.#drain()
    }
    validation.then(onVerdict, (error: Error) => onVerdict(error))
  }

  /** Gives every queued append to `abandon`; verdicts that still come are ignored. */
  clear(abandon: (append: Append) => void): void {
    const queue = this.#queue
    this.#queue = []
    for (const { append } of queue) abandon(append)
  }

  #drain(): void {
    for (;;) {
      const first = this.#queue[0]
      if (first === undefined || first.verdict === undefined) return
      this.#queue.shift()
      this.#onVerdict(first.append, first.batch, first.verdict)
    }
  }
}
