/**
 * A workload on the cluster's metadata: creates topics one after another for as long as it runs, and remembers which
 * creations were acknowledged. An acknowledged topic must be there afterwards, on every broker.
 */
import { Admin, BrokerError, MillraceError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'

export interface LedgerVerdict {
  readonly acknowledged: number
  /** Acknowledged, and not there. */
  readonly missing: readonly string[]
}

interface Waiter {
  /** Acknowledgements that there must be. */
  readonly goal: number
  resolve(): void
  reject(error: MillraceError): void
}

/** Long enough for an election on a busy machine, short enough that a hang shows. */
const CREATE_TIMEOUT_MS = 15_000

export class TopicLedger {
  readonly acknowledged = new Set<string>()
  /** Creations that failed for good: more than a lost answer is a defect. */
  readonly failures: unknown[] = []
  readonly #admin: Admin
  readonly #prefix: string
  #stopped = false
  #running: Promise<void> | null = null
  #sequence = 0
  #lastAckMs = performance.now()
  #longestGapMs = 0
  #waiters: Waiter[] = []

  constructor(bootstrap: string, prefix: string) {
    this.#admin = new Admin({ bootstrap })
    this.#prefix = prefix
  }

  /** Longest time between two acknowledgements so far. */
  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, performance.now() - this.#lastAckMs)
  }

  start(): this {
    this.#lastAckMs = performance.now()
    this.#running = this.#run()
    return this
  }

  /** Resolves when so many more creations are acknowledged; rejects when one fails for good. */
  nextAcknowledged(count = 1): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ goal: this.acknowledged.size + count, resolve, reject })
    return promise
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await this.#admin.close()
  }

  /** Asks one broker after the other. */
  async verdict(bootstraps: readonly string[]): Promise<LedgerVerdict> {
    const missing: string[] = []
    for (const bootstrap of bootstraps) {
      await using admin = new Admin({ bootstrap })
      const there = new Set((await admin.listTopics()).map(({ name }) => name))
      for (const name of this.acknowledged) if (!there.has(name)) missing.push(`${name} on ${bootstrap}`)
    }
    return { acknowledged: this.acknowledged.size, missing }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const name = `${this.#prefix}-${this.#sequence++}`
      try {
        await this.#admin.createTopics([{ name, partitions: 1, replicationFactor: 1 }], {
          timeoutMs: CREATE_TIMEOUT_MS,
        })
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        // A lost answer, and the retry finds the topic: it was created.
        if (!isAlreadyThere(error)) {
          this.#onFailure(error)
          continue
        }
      }
      this.#onAcknowledged(name)
    }
  }

  #onAcknowledged(name: string): void {
    this.acknowledged.add(name)
    const nowMs = performance.now()
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastAckMs)
    this.#lastAckMs = nowMs
    const due = this.#waiters.filter(({ goal }) => goal <= this.acknowledged.size)
    this.#waiters = this.#waiters.filter(({ goal }) => goal > this.acknowledged.size)
    for (const { resolve } of due) resolve()
  }

  #onFailure(error: MillraceError): void {
    this.failures.push(error)
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters = []
  }
}

function isAlreadyThere(error: MillraceError): boolean {
  return error instanceof BrokerError && error.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS
}
