/**
 * Three nodes of Apache Kafka through scripts/kafka, killed and started again one by one. Node 1 is the only controller, so
 * that the cluster decides as long as it lives, whichever brokers are gone.
 */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { accepts, root } from './broker-process.ts'

const run = promisify(execFile)
const script = join(root, 'scripts/kafka')
const NODES = [1, 2, 3]

/** For runs of a minute: the faster compiler's code is good enough, and the slower one would take the processors. */
const SHORT_RUN_JVM = '-XX:TieredStopAtLevel=1'

export interface KafkaClusterOptions {
  /** Of data, in this checkout's cache. */
  readonly name: string
  /** For every node: key and value. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
}

export class KafkaCluster implements AsyncDisposable {
  readonly #data: string
  readonly #port: number
  readonly #env: NodeJS.ProcessEnv

  private constructor(data: string, port: number, env: NodeJS.ProcessEnv) {
    this.#data = data
    this.#port = port
    this.#env = env
  }

  /** Resolves when every broker accepts connections. */
  static async start({ name, settings }: KafkaClusterOptions): Promise<KafkaCluster> {
    const data = join(root, '.cache', name)
    const port = await lowPort(NODES.flatMap((id) => [offsetOf(id), offsetOf(id) + 1]))
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
    const env = {
      ...process.env,
      KAFKA_PORT: String(port),
      KAFKA_DATA: data,
      KAFKA_HEAP: '384M',
      KAFKA_JVM: SHORT_RUN_JVM,
      KAFKA_PROPERTIES: lines.join('\n'),
    }
    const cluster = new KafkaCluster(data, port, env)
    try {
      await run(script, ['up', '--nodes', String(NODES.length), '--controllers', '1'], { env })
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  port(id: number): number {
    return this.#port + offsetOf(id)
  }

  async kill(id: number): Promise<void> {
    const pid = Number(readFileSync(join(this.#data, `node${id}/pid`), 'utf8'))
    process.kill(pid, 'SIGKILL')
    while (isAlive(pid)) await delay(10)
    rmSync(join(this.#data, `node${id}/pid`))
  }

  /** Starts a node that was killed; it listens some seconds later. */
  async spawn(id: number): Promise<void> {
    await run(script, ['start-node', String(id)], { env: this.#env })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(script, ['down'], { env: this.#env })
    rmSync(this.#data, { recursive: true, force: true })
  }
}

function offsetOf(id: number): number {
  return 10 * (id - 1)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // there is no such process any more, which is the answer
    return false
  }
}

/**
 * @param offsets ports that must be free, counted from the one that is returned. Not where the system takes ports for
 *   outgoing connections: one of those could take a port between the look and the start.
 */
export async function lowPort(offsets: readonly number[]): Promise<number> {
  for (let port = 20_000 + (process.pid % 5000); ; port += 2) {
    const taken = await Promise.all(offsets.map((offset) => accepts(port + offset)))
    if (!taken.includes(true)) return port
  }
}
