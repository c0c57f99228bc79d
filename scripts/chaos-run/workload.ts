/**
 * What clients do while things break: writers send values that are unique for their partition, a reader follows them, and
 * in the end fresh clients read every partition from its start to its end. All of it goes into the history.
 */
import type { HistoryRecorder } from '@millrace/checker'
import { Admin } from '@millrace/client'
import { finalRead } from './final-read.ts'
import { FollowingReader } from './following-reader.ts'
import { KcatWriter } from './kcat-writer.ts'
import { NativeWriter } from './native-writer.ts'
import { Progress } from './progress.ts'

export interface WorkloadOptions {
  readonly bootstrap: string
  readonly topics: readonly string[]
  /** Of each topic. */
  readonly partitions: number
  readonly replicationFactor: number
  /** Whether the producers may not store anything twice. */
  readonly idempotent: boolean
  /** Path of a kcat that writes to the first partition, too; null: none */
  readonly kcat: string | null
  readonly recorder: HistoryRecorder
}

/** One that writes until it is stopped. */
export interface Writer {
  /** Resolves when it was stopped and everything it sent is decided. */
  run(): Promise<void>
  stop(): void
}

export interface Place {
  readonly topic: string
  readonly partition: number
  /** Of the history. */
  readonly key: string
}

const CREATE_MS = 60_000
/** Values of kcat begin here: they are unique per partition, and the native writer's begin at 0. */
const KCAT_FIRST_VALUE = 1e12

export class Workload {
  readonly progress: Progress
  readonly #options: WorkloadOptions
  readonly #places: readonly Place[]
  readonly #writers: readonly Writer[]
  readonly #reader: FollowingReader

  constructor(options: WorkloadOptions) {
    const { topics, partitions, bootstrap, idempotent, kcat, recorder } = options
    this.#options = options
    this.#places = topics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, partition) => ({
        topic,
        partition,
        key: `${topic}-${partition}`,
      })),
    )
    const progress = new Progress()
    this.progress = progress
    const writing = { bootstrap, recorder, progress, idempotent }
    this.#writers = [
      ...this.#places.map((place) => new NativeWriter({ ...writing, place })),
      ...(kcat === null
        ? []
        : [new KcatWriter({ ...writing, place: this.#places[0]!, kcat, firstValue: KCAT_FIRST_VALUE })]),
    ]
    this.#reader = new FollowingReader({ bootstrap, places: this.#places, recorder })
  }

  async createTopics(): Promise<void> {
    const { bootstrap, topics, partitions, replicationFactor } = this.#options
    await using admin = new Admin({ bootstrap })
    const configs = { 'min.insync.replicas': String(Math.max(1, replicationFactor - 1)) }
    const wanted = topics.map((name) => ({ name, partitions, replicationFactor, configs }))
    try {
      await admin.createTopics(wanted, { timeoutMs: CREATE_MS })
    } catch (error) {
      // The cluster is new: an attempt whose answer came too late has made them, and the next one found them.
      if ((error as { code?: unknown }).code !== 'TOPIC_ALREADY_EXISTS') throw error
    }
  }

  /** Writers and the reader, until `stop`. */
  async run(): Promise<void> {
    const reading = this.#reader.run()
    await Promise.all(this.#writers.map((writer) => writer.run()))
    this.#reader.stop()
    await reading
  }

  stop(): void {
    for (const writer of this.#writers) writer.stop()
  }

  /** To be called when `run` has ended and nothing is broken any more. */
  async readAll(): Promise<void> {
    const { bootstrap, recorder } = this.#options
    await Promise.all(
      this.#places.map((place) =>
        finalRead({ bootstrap, place, recorder, endOffsetMin: this.progress.endOffsetOf(place.key) }),
      ),
    )
  }
}
