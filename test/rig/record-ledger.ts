/**
 * A workload on the records of one partition with three replicas: rising numbers, one after another for as long as it runs,
 * and which of them were acknowledged. An acknowledged record must be there afterwards, once and in its place.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Admin } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import { Producer } from '@millrace/producer-client'

export interface RecordVerdict {
  readonly acknowledged: number
  /** Acknowledged, and not there. */
  readonly lost: readonly number[]
  readonly doubled: readonly number[]
  /** They lie behind a larger number. */
  readonly reordered: readonly number[]
  /** What the application was told of records that were given up. */
  readonly failed: readonly string[]
}

interface Waiter {
  readonly goal: number
  resolve(): void
}

const PAUSE_MS = 5

export class RecordLedger implements AsyncDisposable {
  readonly #bootstrap: string
  readonly #topic: string
  readonly #producer: Producer
  readonly #acknowledged = new Set<number>()
  readonly #failed: string[] = []
  readonly #running: Promise<void>
  #waiters: Waiter[] = []
  #acknowledgedAtMs = performance.now()
  #longestGapMs = 0
  #isRunning = true

  private constructor(bootstrap: string, topic: string) {
    this.#bootstrap = bootstrap
    this.#topic = topic
    this.#producer = new Producer({ bootstrap, lingerMs: 0 })
    this.#running = this.#run()
  }

  /** Creates the topic and begins to write. */
  static async open(bootstrap: string, topic: string): Promise<RecordLedger> {
    await using admin = new Admin({ bootstrap })
    const configs = { 'min.insync.replicas': '2' }
    await admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 3, configs }])
    return new RecordLedger(bootstrap, topic)
  }

  /** Resolves when so many more records are acknowledged. */
  nextAcknowledged(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiters.push({ goal: this.#acknowledged.size + count, resolve })
    return promise
  }

  /** Longest time between two acknowledgements since the last call. */
  takeLongestGapMs(): number {
    const longestMs = Math.max(this.#longestGapMs, performance.now() - this.#acknowledgedAtMs)
    this.#longestGapMs = 0
    return longestMs
  }

  /** Stops writing, and reads everything with a fresh client. */
  async verdict(): Promise<RecordVerdict> {
    this.#isRunning = false
    await this.#running
    const seen = new Set<number>()
    const [doubled, reordered]: [number[], number[]] = [[], []]
    let largest = -1
    await using consumer = new Consumer({ bootstrap: this.#bootstrap })
    for await (const { value } of consumer.read(this.#topic, { from: 'beginning', until: 'end' })) {
      const number = Number(value!.toString())
      if (seen.has(number)) doubled.push(number)
      else if (number < largest) reordered.push(number)
      seen.add(number)
      largest = Math.max(largest, number)
    }
    const lost = [...this.#acknowledged].filter((number) => !seen.has(number))
    return { acknowledged: this.#acknowledged.size, lost, doubled, reordered, failed: this.#failed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isRunning = false
    await this.#producer.close()
    await this.#running
  }

  /** Several in flight, so that a retry could reorder them. */
  async #run(): Promise<void> {
    const sent: Promise<void>[] = []
    let count = 0
    while (this.#isRunning) {
      const next = count
      count += 1
      sent.push(
        this.#producer.send(this.#topic, { value: String(next) }).then(
          () => this.#onAcknowledged(next),
          (error: unknown) => void this.#failed.push(String(error)),
        ),
      )
      await delay(PAUSE_MS)
    }
    await Promise.all(sent)
  }

  #onAcknowledged(number: number): void {
    this.#acknowledged.add(number)
    const nowMs = performance.now()
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#acknowledgedAtMs)
    this.#acknowledgedAtMs = nowMs
    const { size } = this.#acknowledged
    for (const { goal, resolve } of this.#waiters) if (goal <= size) resolve()
    this.#waiters = this.#waiters.filter(({ goal }) => goal > size)
  }
}
