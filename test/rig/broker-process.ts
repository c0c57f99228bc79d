/**
 * A broker as its own process, the way a user starts it: spawned through scripts/millrace on a free port of loopback,
 * in a folder of its own, killed and restarted at will, always stopped by pid.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export const root = new URL('../..', import.meta.url).pathname

const READY = 'broker is ready'

export interface BrokerProcessOptions {
  /** Data folder; by default a temporary one that goes away with the process. */
  readonly data?: string
  readonly flush?: 'commit' | 'interval' | 'os'
  /** `--set key=value` for each entry. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  readonly startTimeoutMs?: number
}

export class BrokerProcess implements AsyncDisposable {
  readonly data: string
  readonly port: number
  readonly #options: BrokerProcessOptions
  #child: ChildProcess | null = null
  #output = ''

  private constructor(port: number, options: BrokerProcessOptions) {
    this.port = port
    this.#options = options
    this.data = options.data ?? mkdtempSync(join(tmpdir(), 'millrace-test-'))
  }

  static async start(options: BrokerProcessOptions = {}): Promise<BrokerProcess> {
    const broker = new BrokerProcess(await freePort(), options)
    await broker.startAgain()
    return broker
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#running().pid!
  }

  get alive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Everything the process printed, for failure messages. */
  get output(): string {
    return this.#output
  }

  /** Starts the process on the same port and folder as before, and waits until it serves. */
  async startAgain(): Promise<void> {
    const { flush, config = {}, startTimeoutMs = 20_000 } = this.#options
    const args = ['broker', '--listen', this.bootstrap, '--data', this.data]
    if (flush !== undefined) args.push('--flush', flush)
    for (const [key, value] of Object.entries(config)) args.push('--set', `${key}=${value}`)
    const child = spawn(join(root, 'scripts/millrace'), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    child.stdout.on('data', (text: Buffer) => (this.#output += text.toString()))
    child.stderr.on('data', (text: Buffer) => (this.#output += text.toString()))
    const printedBefore = this.#output.length
    const deadline = performance.now() + startTimeoutMs
    // Not just until somebody accepts: a broker that listens leads its partitions only when it is unfenced.
    while (!this.#output.includes(READY, printedBefore)) {
      if (!this.alive)
        throw new Error(`the broker ended (${child.exitCode ?? child.signalCode}):\n${this.#output}`)
      if (performance.now() > deadline)
        throw new Error(`the broker is not ready on ${this.port}:\n${this.#output}`)
      await delay(5)
    }
  }

  /** @returns the exit code, or the signal's name */
  async signal(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.#running()
    const exit = once(child, 'exit') as Promise<[number | null, string | null]>
    child.kill(signal)
    const [code, by] = await exit
    this.#child = null
    return code ?? by ?? 'unknown'
  }

  kill(): Promise<number | string> {
    return this.signal('SIGKILL')
  }

  stop(): Promise<number | string> {
    return this.signal('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) await this.signal('SIGKILL')
    if (this.#options.data === undefined) rmSync(this.data, { recursive: true, force: true })
  }

  #running(): ChildProcess {
    if (this.#child === null) throw new Error('the broker is not running')
    return this.#child
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    // refused: nobody listens there yet, which is the answer
    return false
  } finally {
    socket.destroy()
  }
}
