/**
 * Producer ids of one shard: taken one by one from blocks that the controller gives to nobody else (KIP-730).
 *
 * Owns: the block in use and the next one, asked for when nine tenths are given out. Must not know: who asks.
 * Invariant: no id is given out twice, by any shard, broker or process: what is left of a block at the end is lost.
 */
import type { Clock, Log } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseInputOf } from '@millrace/protocol'

export interface ProducerIdsOptions {
  readonly clock: Pick<Clock, 'monoMs'>
  readonly log: Log
  /** Asks the active controller once; rejects when no answer comes. */
  allocate(): Promise<ResponseInputOf<'AllocateProducerIds'>>
}

interface Block {
  next: number
  readonly length: number
  readonly endId: number
}

/** Why there is no id now; worth another try later. */
export class NoProducerIdError extends Error {
  override readonly name = 'NoProducerIdError'
}

/** Share of a block that may be left when the next one is asked for. */
const PREFETCH_SHARE = 0.1
/** After a failure, before the controller is asked again. */
const RETRY_AFTER_MS = 50

export class ProducerIds {
  readonly #options: ProducerIdsOptions
  #block: Block = { next: 0, length: 0, endId: 0 }
  #nextBlock: Block | null = null
  #asking: Promise<void> | null = null
  #askAgainAtMs = -Infinity

  constructor(options: ProducerIdsOptions) {
    this.#options = options
  }

  /** An id that nobody else has. Rejects with a NoProducerIdError when the controller gives none. */
  async take(): Promise<number> {
    // Others that wait for the same block may use it up first.
    while (this.#left === 0 && this.#nextBlock === null) await this.#ask()
    if (this.#left === 0) {
      this.#block = this.#nextBlock!
      this.#nextBlock = null
    }
    const id = this.#block.next++
    if (this.#left <= this.#block.length * PREFETCH_SHARE && this.#nextBlock === null) this.#prefetch()
    return id
  }

  get #left(): number {
    return this.#block.endId - this.#block.next
  }

  #prefetch(): void {
    if (this.#asking !== null || this.#options.clock.monoMs() < this.#askAgainAtMs) return
    this.#ask().catch((error: unknown) => {
      this.#options.log.debug({ error }, 'no block of producer ids yet')
    })
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#askOnce().finally(() => (this.#asking = null))
    return this.#asking
  }

  async #askOnce(): Promise<void> {
    try {
      const { errorCode, producerIdStart = -1, producerIdLen = 0 } = await this.#options.allocate()
      const isGiven =
        (errorCode ?? ErrorCode.NONE) === ErrorCode.NONE && producerIdStart >= 0 && producerIdLen > 0
      if (!isGiven) throw new NoProducerIdError(`the controller answered ${String(errorCode)}`)
      const endId = producerIdStart + producerIdLen
      this.#nextBlock = { next: producerIdStart, length: producerIdLen, endId }
    } catch (error) {
      this.#askAgainAtMs = this.#options.clock.monoMs() + RETRY_AFTER_MS
      if (error instanceof NoProducerIdError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new NoProducerIdError(`the controller could not be asked: ${reason}`, { cause: error })
    }
  }
}
