/**
 * The producer id that the cluster gave this producer (KIP-98): asked for at first need, and anew when it is used up or
 * somebody else has it.
 *
 * Owns: the id in use, the one request that asks for another. Must not know: partitions, batches, sequences.
 */
import { backoffMs, BrokerError, isRetriable, MillraceError } from '@millrace/client'
import type { Cluster } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'

export interface ProducerIdentity {
  readonly producerId: number
  /** The first that may be used; partitions go on from there by themselves (KIP-360). */
  readonly producerEpoch: number
}

export interface ProducerIdsOptions {
  readonly cluster: Cluster
  /** There is an identity. */
  readonly onReady: () => void
  /** There will never be one. */
  readonly onFatal: (error: Error) => void
}

/** Only transactions have a time; Kafka's clients send the largest. */
const NO_TRANSACTION_TIMEOUT_MS = 2 ** 31 - 1

export class ProducerIds {
  readonly #options: ProducerIdsOptions
  #current: ProducerIdentity | null = null
  #isAsking = false
  #lastError: Error | null = null
  #stopped = false

  constructor(options: ProducerIdsOptions) {
    this.#options = options
  }

  /** Null until the cluster has given one: it is asked then, if it is not already. */
  current(): ProducerIdentity | null {
    if (this.#current === null) this.#ask()
    return this.#current
  }

  /** Why there is none yet. */
  get lastError(): Error | null {
    return this.#lastError
  }

  /** Whoever needs an id from now on gets another one. */
  abandon(producerId: number): void {
    if (this.#current?.producerId === producerId) this.#current = null
  }

  stop(): void {
    this.#stopped = true
  }

  #ask(): void {
    if (this.#isAsking || this.#stopped) return
    this.#isAsking = true
    this.#askUntilGiven()
      .then(
        (identity) => {
          this.#current = identity
          this.#options.onReady()
        },
        (error: unknown) => {
          if (!this.#stopped) this.#options.onFatal(withAdvice(error as Error))
        },
      )
      .finally(() => (this.#isAsking = false))
  }

  /** Rejects with what waiting can't cure. The time is limited by that of the batches that wait for it. */
  async #askUntilGiven(): Promise<ProducerIdentity> {
    const { cluster } = this.#options
    const { retryBackoffMs: initialMs, retryBackoffMaxMs: maxMs } = cluster.options
    for (let failures = 1; ; failures++) {
      try {
        return await this.#askOnce()
      } catch (error) {
        if (this.#stopped || !isRetriable(error)) throw error
        this.#lastError = error as Error
      }
      const delayMs = backoffMs({ initialMs, maxMs }, failures, cluster.env.rng.u32())
      await new Promise<void>((resolve) => cluster.env.timers.after(delayMs, resolve))
    }
  }

  async #askOnce(): Promise<ProducerIdentity> {
    const { errorCode, producerId, producerEpoch } = await this.#options.cluster.requestAny(
      'InitProducerId',
      {
        transactionalId: null,
        transactionTimeoutMs: NO_TRANSACTION_TIMEOUT_MS,
      },
    )
    if (errorCode !== ErrorCode.NONE) throw new BrokerError(errorCode, 'get a producer id')
    return { producerId, producerEpoch }
  }
}

/** As Kafka's client, which fails too: going on without idempotence could store records twice unnoticed. */
function withAdvice(error: Error): Error {
  if (!(error instanceof MillraceError) || error.code !== 'UNSUPPORTED_VERSION') return error
  const advice = 'enableIdempotence: false does without, and may store records twice'
  return new MillraceError(
    error.code,
    `the brokers give no producer ids: ${error.message}. ${advice}`,
    false,
    error,
  )
}
