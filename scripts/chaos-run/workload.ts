/**
 * What clients do while things break: writers send values that are unique for their partition, and in the end fresh
 * clients read every partition from its start to its end. All of it goes into the history.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryRecorder, Value } from '@millrace/checker'
import { Admin, MillraceError } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import { Producer } from '@millrace/producer-client'

export interface WorkloadOptions {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly recorder: HistoryRecorder
}

export interface Progress {
  acknowledged: number
  uncertain: number
  /** When a record was acknowledged last, of a monotonic clock. */
  acknowledgedAtMs: number
}

const BURST = 5
const PAUSE_MS = 20
const DELIVERY_MS = 20_000
/** Refused before anything was appended. */
const SURELY_NOT_APPLIED: ReadonlySet<string> = new Set(['NOT_ENOUGH_REPLICAS', 'MESSAGE_TOO_LARGE'])
const CREATE_MS = 60_000
const FINAL_READ_MS = 60_000
const POLL_RECORDS = 500

export class Workload {
  readonly progress: Progress = { acknowledged: 0, uncertain: 0, acknowledgedAtMs: performance.now() }
  readonly #options: WorkloadOptions
  #isRunning = true

  constructor(options: WorkloadOptions) {
    this.#options = options
  }

  async createTopic(): Promise<void> {
    const { bootstrap, topic: name, partitions, replicationFactor } = this.#options
    await using admin = new Admin({ bootstrap })
    const configs = { 'min.insync.replicas': String(Math.max(1, replicationFactor - 1)) }
    const timeoutMs = CREATE_MS
    await admin.createTopics([{ name, partitions, replicationFactor, configs }], { timeoutMs })
  }

  /** A writer for each partition, until `stop`. */
  async write(): Promise<void> {
    const { partitions } = this.#options
    await Promise.all(Array.from({ length: partitions }, (_, partition) => this.#writePartition(partition)))
  }

  stop(): void {
    this.#isRunning = false
  }

  /** Fresh clients, one for each partition. */
  async readAll(): Promise<void> {
    const { partitions } = this.#options
    await Promise.all(Array.from({ length: partitions }, (_, partition) => this.#readPartition(partition)))
  }

  async #writePartition(partition: number): Promise<void> {
    const { bootstrap } = this.#options
    await using producer = new Producer({ bootstrap, deliveryTimeoutMs: DELIVERY_MS, lingerMs: 0 })
    for (let next = 0; this.#isRunning; next += BURST) {
      const values = Array.from({ length: BURST }, (_, index) => next + index)
      await Promise.all(values.map((value) => this.#send(producer, partition, value)))
      await delay(PAUSE_MS)
    }
  }

  async #send(producer: Producer, partition: number, value: number): Promise<void> {
    const { recorder, topic } = this.#options
    const key = `${topic}-${partition}`
    const proc = `writer-${partition}`
    recorder.record({ proc, f: 'send', type: 'invoke', mops: [['s', key, null, value]] })
    try {
      const { offset } = await producer.send(topic, { partition, value: String(value) })
      recorder.record({ proc, f: 'send', type: 'ok', mops: [['s', key, offset, value]] })
      this.progress.acknowledged += 1
      this.progress.acknowledgedAtMs = performance.now()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      const type = SURELY_NOT_APPLIED.has(error.code) ? 'fail' : 'info'
      recorder.record({ proc, f: 'send', type, mops: [['s', key, null, value]], err: error.code })
      this.progress.uncertain += 1
    }
  }

  async #readPartition(partition: number): Promise<void> {
    const { bootstrap, topic, recorder } = this.#options
    const key = `${topic}-${partition}`
    const proc = `final-${partition}`
    recorder.record({ proc, f: 'final', type: 'invoke', mops: [['e', key, 0]] })
    try {
      const signal = AbortSignal.timeout(FINAL_READ_MS)
      await using admin = new Admin({ bootstrap })
      const [end] = await admin.listOffsets([{ topic, partition, at: 'end' }], { signal })
      await using consumer = new Consumer({ bootstrap })
      let polled: [number, Value][] = []
      const poll = (): void => {
        if (polled.length > 0)
          recorder.record({ proc, f: 'poll', type: 'ok', mops: [['p', { [key]: polled }]] })
        polled = []
      }
      const reader = consumer.assign([{ topic, partition, from: 'beginning', until: 'end' }], { signal })
      for await (const { offset, value } of reader) {
        polled.push([offset, Number(value!.toString())])
        if (polled.length === POLL_RECORDS) poll()
      }
      poll()
      recorder.record({ proc, f: 'final', type: 'ok', mops: [['e', key, end!.offset]] })
    } catch (error) {
      recorder.record({ proc, f: 'final', type: 'info', mops: [['e', key, 0]], err: String(error) })
    }
  }
}
