/** `millrace dev` as a process of its own: the same cluster that a reader starts by hand. It starts killed nodes again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url))
const START_TIMEOUT_MS = 30_000
const BASE_PORT = '19092'

export interface DemoNode {
  readonly id: number
  readonly role: 'broker' | 'controller'
  readonly pid: number
  /** Its data folder. */
  readonly data: string
}

/** As `millrace dev --output json` prints it when the cluster is ready. */
interface ReadyLine {
  readonly bootstrap: string
  readonly nodes: readonly DemoNode[]
}

export class DevCluster implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ready: ReadyLine

  private constructor(child: ChildProcess, ready: ReadyLine) {
    this.#child = child
    this.#ready = ready
  }

  /** Resolves when all nodes take part. @throws Error with what was printed, when they do not */
  static async start(folder: string): Promise<DevCluster> {
    const args = ['dev', '--data', folder, '--base-port', BASE_PORT, '--output', 'json']
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    try {
      return new DevCluster(child, await readyLineOf(child))
    } catch (error) {
      child.kill('SIGTERM')
      throw error
    }
  }

  get bootstrap(): string {
    return this.#ready.bootstrap
  }

  get brokers(): readonly DemoNode[] {
    return this.#ready.nodes.filter(({ role }) => role === 'broker')
  }

  /** SIGKILL: nothing is flushed, nothing is said to anybody. Once for each node: the next process has another pid. */
  kill(id: number): DemoNode {
    const node = this.#ready.nodes.find((candidate) => candidate.id === id)
    if (node === undefined) throw new Error(`the cluster has no node ${id}`)
    process.kill(node.pid, 'SIGKILL')
    return node
  }

  /** Cleanly. @returns the exit code */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGINT')
      await exited
    }
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

async function readyLineOf(child: ChildProcess): Promise<ReadyLine> {
  const printed: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<ReadyLine>()
  const fail = (why: string): void => reject(new Error([`the cluster ${why}`, ...printed].join('\n  ')))
  const timer = setTimeout(() => fail(`was not ready within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
  createInterface(child.stderr!).on('line', (line) => printed.push(line))
  createInterface(child.stdout!).on('line', (line) => {
    printed.push(line)
    if (line.startsWith('{"bootstrap"')) resolve(JSON.parse(line) as ReadyLine)
  })
  child.once('error', (error) => fail(`could not be started: ${error.message}`))
  child.once('close', (code, signal) => fail(`ended with ${signal ?? `exit code ${code}`}`))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
