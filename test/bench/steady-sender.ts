/**
 * An application that writes a record every few milliseconds, whatever becomes of those before: with our own producer, or
 * with librdkafka (`steady.c`). Values are rising numbers.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ClientOptions } from '@millrace/client'
import { Producer } from '@millrace/producer-client'
import { compiled } from '../rig/system.ts'

export interface SteadySender {
  readonly acknowledged: ReadonlySet<string>
  /** What the application was told of records that were not delivered. */
  readonly errors: readonly string[]
  /** Resolves when a record is acknowledged that was sent after this call. */
  nextAcknowledged(): Promise<void>
  /** Longest time without an acknowledgement since the last call. */
  takeLongestSilenceMs(): number
  /** Resolves when everything that was sent is decided. */
  stop(): Promise<void>
}

const PAUSE_MS = 5

interface Waiter {
  readonly value: number
  resolve(): void
  reject(error: Error): void
}

/** What both have in common: who waits for what, and when something was acknowledged last. */
class Deliveries {
  readonly acknowledged = new Set<string>()
  readonly errors: string[] = []
  next = 0
  #waiters: Waiter[] = []
  #acknowledgedAtMs = performance.now()
  #longestSilenceMs = 0

  nextAcknowledged(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ value: this.next, resolve, reject })
    return promise
  }

  takeLongestSilenceMs(): number {
    const longestMs = Math.max(this.#longestSilenceMs, performance.now() - this.#acknowledgedAtMs)
    this.#longestSilenceMs = 0
    return longestMs
  }

  onAcknowledged(value: number): void {
    const nowMs = performance.now()
    this.acknowledged.add(String(value))
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, nowMs - this.#acknowledgedAtMs)
    this.#acknowledgedAtMs = nowMs
    const due = this.#waiters.filter((waiter) => waiter.value <= value)
    this.#waiters = this.#waiters.filter((waiter) => waiter.value > value)
    for (const { resolve } of due) resolve()
  }

  onFailed(error: string): void {
    this.errors.push(error)
  }

  /** Nothing will be acknowledged any more. */
  onEnded(error: string): void {
    for (const { reject } of this.#waiters) reject(new Error(error))
    this.#waiters = []
  }
}

export class NativeSender implements SteadySender {
  readonly #producer: Producer
  readonly #topic: string
  readonly #deliveries = new Deliveries()
  readonly #pending = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(client: ClientOptions, topic: string) {
    this.#producer = new Producer({ ...client, retryBackoffMs: 10, retryBackoffMaxMs: 50, lingerMs: 0 })
    this.#topic = topic
    this.#timer = setInterval(() => this.#send(), PAUSE_MS)
  }

  get acknowledged(): ReadonlySet<string> {
    return this.#deliveries.acknowledged
  }

  get errors(): readonly string[] {
    return this.#deliveries.errors
  }

  nextAcknowledged(): Promise<void> {
    return this.#deliveries.nextAcknowledged()
  }

  takeLongestSilenceMs(): number {
    return this.#deliveries.takeLongestSilenceMs()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#pending)
    await this.#producer.close()
  }

  #send(): void {
    const value = this.#deliveries.next++
    const sent = this.#producer.send(this.#topic, { value: String(value) }).then(
      () => this.#deliveries.onAcknowledged(value),
      (error: unknown) => this.#deliveries.onFailed(String(error)),
    )
    this.#pending.add(sent)
    void sent.finally(() => this.#pending.delete(sent))
  }
}

const DELIVERY = /^(stored|failed) (\d+)(?: (.*))?$/
/** What an application changes of librdkafka's settings, as docs/failover.md advises; the rest is as it comes. */
const SETTINGS = {
  acks: 'all',
  'enable.idempotence': 'true',
  'linger.ms': '0',
  'reconnect.backoff.ms': '10',
  'reconnect.backoff.max.ms': '100',
  'topic.metadata.refresh.fast.interval.ms': '20',
  'socket.timeout.ms': '2500',
  'enable.sparse.connections': 'false',
}

export class LibrdkafkaSender implements SteadySender {
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  readonly #deliveries = new Deliveries()
  readonly #timer: NodeJS.Timeout

  /** @param settings of librdkafka; with `debug`, what it says goes to stderr */
  constructor(bootstrap: string, topic: string, settings: Readonly<Record<string, string>> = SETTINGS) {
    const args = [bootstrap, topic, ...Object.entries(settings).flat()]
    this.#child = spawn(compiled('steady'), args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#closed = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#onLine(line))
    this.#child.on('close', (code) => this.#deliveries.onEnded(`librdkafka's program ended with ${code}`))
    // A program that has ended says so by its exit.
    this.#child.stdin!.on('error', () => undefined)
    this.#timer = setInterval(() => this.#send(), PAUSE_MS)
  }

  get acknowledged(): ReadonlySet<string> {
    return this.#deliveries.acknowledged
  }

  get errors(): readonly string[] {
    return this.#deliveries.errors
  }

  nextAcknowledged(): Promise<void> {
    return this.#deliveries.nextAcknowledged()
  }

  takeLongestSilenceMs(): number {
    return this.#deliveries.takeLongestSilenceMs()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#child.stdin!.end()
    await this.#closed
  }

  #send(): void {
    this.#child.stdin!.write(`${this.#deliveries.next++}\n`)
  }

  #onLine(line: string): void {
    const [, outcome, value, reason] = DELIVERY.exec(line) ?? []
    if (outcome === 'stored') this.#deliveries.onAcknowledged(Number(value))
    else if (outcome === 'failed') this.#deliveries.onFailed(reason ?? 'no reason given')
  }
}
