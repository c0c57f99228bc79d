/**
 * Writes rising numbers to one partition with librdkafka, through kcat. It tells of each delivery in the order of the sends;
 * when it ends by itself, as it does when no broker answers, another one goes on, and what it had not told of is unknown.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { WriterOptions } from './native-writer.ts'
import type { Writer } from './workload.ts'

export interface KcatWriterOptions extends WriterOptions {
  readonly kcat: string
  readonly firstValue: number
}

const PAUSE_MS = 25
const RESTART_MS = 500
/** It waits so long for what it has not delivered yet. */
const DELIVERY_MS = 20_000
const DELIVERED = /Message delivered to partition \d+ \(offset (\d+)\)/
const FAILED = /Delivery failed for message(?: \d+)?: (.*)/

export class KcatWriter implements Writer {
  readonly #options: KcatWriterOptions
  #isRunning = true
  #next: number
  #incarnation = 0
  /** Values that were given to the kcat that runs, and were not told of yet. */
  #sent: number[] = []

  constructor(options: KcatWriterOptions) {
    this.#options = options
    this.#next = options.firstValue
  }

  async run(): Promise<void> {
    while (this.#isRunning) {
      this.#incarnation += 1
      await this.#runOne()
      for (const value of this.#sent) this.#onFailed(value, 'kcat ended')
      this.#sent = []
      if (this.#isRunning) await delay(RESTART_MS)
    }
  }

  stop(): void {
    this.#isRunning = false
  }

  async #runOne(): Promise<void> {
    const kcat = this.#spawn()
    const closed = once(kcat, 'close')
    // Its last line may come after its end.
    createInterface({ input: kcat.stderr! }).on('line', (line) => this.#onLine(line))
    // A kcat that has ended says so by its exit.
    kcat.stdin!.on('error', () => undefined)
    while (this.#isRunning && kcat.exitCode === null && kcat.signalCode === null) {
      this.#send(kcat, this.#next)
      this.#next += 1
      await delay(PAUSE_MS)
    }
    kcat.stdin!.end()
    await closed
  }

  #spawn(): ChildProcess {
    const { kcat, bootstrap, place, idempotent } = this.#options
    const args = ['-P', '-b', bootstrap, '-t', place.topic, '-p', String(place.partition), '-vvv']
    const settings = {
      acks: 'all',
      'enable.idempotence': String(idempotent),
      'linger.ms': '0',
      'message.timeout.ms': String(DELIVERY_MS),
      ...(idempotent ? {} : { 'max.in.flight': '1' }),
    }
    for (const [name, value] of Object.entries(settings)) args.push('-X', `${name}=${value}`)
    return spawn(kcat, args, { stdio: ['pipe', 'ignore', 'pipe'], detached: true })
  }

  get #proc(): string {
    return `kcat-${this.#incarnation}`
  }

  #send(kcat: ChildProcess, value: number): void {
    const { recorder, place } = this.#options
    recorder.record({
      proc: this.#proc,
      f: 'send',
      type: 'invoke',
      mops: [['s', place.key, null, value]],
    })
    this.#sent.push(value)
    kcat.stdin!.write(`${value}\n`)
  }

  #onLine(line: string): void {
    const delivered = DELIVERED.exec(line)
    if (delivered !== null) return this.#onDelivered(Number(delivered[1]))
    const failed = FAILED.exec(line)
    if (failed !== null && this.#sent.length > 0) this.#onFailed(this.#sent.shift()!, failed[1]!)
  }

  #onDelivered(offset: number): void {
    const { recorder, progress, place } = this.#options
    const value = this.#sent.shift()
    if (value === undefined) return
    recorder.record({ proc: this.#proc, f: 'send', type: 'ok', mops: [['s', place.key, offset, value]] })
    progress.onAcknowledged(place.key, offset)
  }

  #onFailed(value: number, err: string): void {
    const { recorder, progress, place } = this.#options
    recorder.record({
      proc: this.#proc,
      f: 'send',
      type: 'info',
      mops: [['s', place.key, null, value]],
      err,
    })
    progress.onUncertain()
  }
}
