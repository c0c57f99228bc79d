/** Writes rising numbers to one partition with our own producer, a few in flight at a time. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryRecorder } from '@millrace/checker'
import { MillraceError } from '@millrace/client'
import { Producer } from '@millrace/producer-client'
import type { Progress } from './progress.ts'
import type { Place, Writer } from './workload.ts'

export interface WriterOptions {
  readonly bootstrap: string
  readonly place: Place
  readonly recorder: HistoryRecorder
  readonly progress: Progress
  readonly idempotent: boolean
}

const BURST = 5
const PAUSE_MS = 20
const DELIVERY_MS = 20_000
/**
 * Never appended, whatever happened to earlier attempts. Not NOT_ENOUGH_REPLICAS: the client repeats a send by itself, and
 * an attempt before the last may have been appended.
 */
const SURELY_NOT_APPLIED: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'TOPIC_AUTHORIZATION_FAILED'])

export class NativeWriter implements Writer {
  readonly #options: WriterOptions
  #isRunning = true

  constructor(options: WriterOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { bootstrap, idempotent: enableIdempotence } = this.#options
    await using producer = new Producer({
      bootstrap,
      enableIdempotence,
      deliveryTimeoutMs: DELIVERY_MS,
      lingerMs: 0,
    })
    let next = 0
    while (this.#isRunning) {
      const values = Array.from({ length: BURST }, (_, index) => next + index)
      next += BURST
      await Promise.all(values.map((value) => this.#send(producer, value)))
      await delay(PAUSE_MS)
    }
  }

  stop(): void {
    this.#isRunning = false
  }

  async #send(producer: Producer, value: number): Promise<void> {
    const { recorder, progress, place } = this.#options
    const { topic, partition, key } = place
    const proc = `writer-${key}`
    recorder.record({ proc, f: 'send', type: 'invoke', mops: [['s', key, null, value]] })
    try {
      const { offset } = await producer.send(topic, { partition, value: String(value) })
      recorder.record({ proc, f: 'send', type: 'ok', mops: [['s', key, offset, value]] })
      progress.onAcknowledged(key, offset)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      const type = SURELY_NOT_APPLIED.has(error.code) ? 'fail' : 'info'
      recorder.record({ proc, f: 'send', type, mops: [['s', key, null, value]], err: error.code })
      progress.onUncertain()
    }
  }
}
