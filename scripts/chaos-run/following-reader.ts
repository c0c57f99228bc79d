/** Reads all partitions from their beginning on while they are written, and goes on where it was after each error. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryRecorder, Value } from '@millrace/checker'
import { MillraceError } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import type { Place } from './workload.ts'

export interface FollowingReaderOptions {
  readonly bootstrap: string
  readonly places: readonly Place[]
  readonly recorder: HistoryRecorder
}

const RETRY_MS = 100
const STOPPED = Symbol('stopped')

export class FollowingReader {
  readonly #options: FollowingReaderOptions
  readonly #abort = new AbortController()
  /** By key: the offset after the last record that was read. */
  readonly #next = new Map<string, number>()

  constructor(options: FollowingReaderOptions) {
    this.#options = options
  }

  /** Resolves when it was stopped. */
  async run(): Promise<void> {
    const { bootstrap, recorder } = this.#options
    await using consumer = new Consumer({ bootstrap })
    while (!this.#abort.signal.aborted) {
      try {
        await this.#follow(consumer)
      } catch (error) {
        if (error === STOPPED) return
        if (!(error instanceof MillraceError)) throw error
        recorder.record({ proc: 'reader', f: 'crash', type: 'info', mops: [], err: error.code })
        await delay(RETRY_MS)
      }
    }
  }

  stop(): void {
    this.#abort.abort(STOPPED)
  }

  async #follow(consumer: Consumer): Promise<void> {
    const { places, recorder } = this.#options
    const assignments = places.map(({ topic, partition, key }) => {
      const next = this.#next.get(key)
      return { topic, partition, from: next === undefined ? ('beginning' as const) : { offset: next } }
    })
    const reader = consumer.assign(assignments, { signal: this.#abort.signal })
    for await (const batch of reader.batches()) {
      const key = `${batch.topic}-${batch.partition}`
      const polled: [number, Value][] = []
      for (const { offset, value } of batch) polled.push([offset, Number(value!.toString())])
      if (polled.length === 0) continue
      this.#next.set(key, polled.at(-1)![0] + 1)
      recorder.record({ proc: 'reader', f: 'poll', type: 'ok', mops: [['p', { [key]: polled }]] })
    }
  }
}
