/** A broker as a process of its own, on a port that the system chooses. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url))
const START_TIMEOUT_MS = 10_000

export class BrokerProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  /** `127.0.0.1:PORT` */
  readonly address: string

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.address = address
  }

  /** Resolves when the broker accepts connections. @throws Error with what the broker printed, when it does not */
  static async start(dataDirectory: string): Promise<BrokerProcess> {
    const args = ['broker', '--listen', '127.0.0.1:0', '--data', dataDirectory, '--output', 'json']
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    try {
      return new BrokerProcess(child, await addressOf(child))
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** As a crash: nothing is flushed, nothing is written down. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Cleanly. @returns the exit code */
  async stop(): Promise<number | null> {
    await this.#end('SIGTERM')
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}

async function addressOf(child: ChildProcess): Promise<string> {
  const printed: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const fail = (why: string): void => reject(new Error([`the broker ${why}`, ...printed].join('\n  ')))
  const timer = setTimeout(() => fail(`was not ready within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
  createInterface(child.stderr!).on('line', (line) => printed.push(line))
  createInterface(child.stdout!).on('line', (line) => {
    printed.push(line)
    if (!line.startsWith('{')) return
    const { msg, address } = JSON.parse(line) as { msg?: string; address?: string }
    if (msg === 'broker is ready' && address !== undefined) resolve(address)
  })
  child.once('error', (error) => fail(`could not be started: ${error.message}`))
  child.once('close', (code, signal) => fail(`ended with ${signal ?? `exit code ${code}`}`))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
