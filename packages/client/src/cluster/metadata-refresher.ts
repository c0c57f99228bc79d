/**
 * Keeps the metadata cache current: asks for all topics of interest at once, joins callers that want the same, and
 * holds back those who ask again and again while the cluster has no news.
 *
 * Invariants: at most one request in flight; a caller is answered by a request that was sent after it asked.
 */
import type { ClientEnv } from '@millrace/base'
import { delay } from '../retry/call-scope.ts'
import type { MetadataCache, MetadataResponse } from './metadata-cache.ts'

export interface MetadataRefresherOptions {
  readonly env: Pick<ClientEnv, 'clock' | 'timers'>
  readonly cache: MetadataCache
  /** Between two requests for the same topics. */
  readonly minIntervalMs: number
  readonly maxAgeMs: number
  /** One try at any broker. */
  readonly fetch: (topics: readonly string[]) => Promise<MetadataResponse>
}

export class MetadataRefresher {
  readonly #options: MetadataRefresherOptions
  readonly #topics = new Set<string>()
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  #lastStartMs = -Infinity
  #askedTopics = 0

  constructor(options: MetadataRefresherOptions) {
    this.#options = options
  }

  /** Topics that every refresh asks for. */
  get topics(): ReadonlySet<string> {
    return this.#topics
  }

  /** @throws what `fetch` throws */
  refresh(topics: readonly string[] = []): Promise<void> {
    for (const topic of topics) this.#topics.add(topic)
    if (this.#running === null) return this.#start()
    // The request in flight may have been answered before the caller's reason arose, so it waits for another.
    this.#next ??= this.#running.then(
      () => this.#startNext(),
      () => this.#startNext(),
    )
    return this.#next
  }

  /** No refresh asks for this topic any more. */
  forget(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Whether so much time has passed that one should refresh without other reason. */
  isStale(): boolean {
    return this.#options.env.clock.monoMs() - this.#lastStartMs > this.#options.maxAgeMs
  }

  #startNext(): Promise<void> {
    this.#next = null
    return this.#start()
  }

  #start(): Promise<void> {
    this.#running = this.#run().finally(() => (this.#running = null))
    return this.#running
  }

  async #run(): Promise<void> {
    const { env, cache, minIntervalMs, fetch } = this.#options
    const waitMs = this.#lastStartMs + minIntervalMs - env.clock.monoMs()
    // New topics are news by themselves: only repeated questions wait.
    if (waitMs > 0 && this.#topics.size === this.#askedTopics) await delay(env.timers, waitMs, undefined)
    this.#lastStartMs = env.clock.monoMs()
    this.#askedTopics = this.#topics.size
    cache.update(await fetch([...this.#topics]))
  }
}
