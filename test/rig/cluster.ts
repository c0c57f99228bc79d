/**
 * A cluster of real processes on loopback, each node with its own folder and port, started as a user would start it:
 * killed, stopped, paused, wiped and cut off at will. Optionally every node sits behind a proxy, so that single links can be
 * cut. Everything it started is stopped by pid when it is disposed of.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin } from '@millrace/client'
import { accepts, freePort, root } from './broker-process.ts'
import { type Direction, NodeProxy, type Peer } from './node-proxy.ts'

const MAIN = join(root, 'packages/cli/dist/main.js')

export interface ClusterOptions {
  readonly controllers?: number
  readonly brokers?: number
  /** Whether links can be cut. */
  readonly proxied?: boolean
  /** For every node: key and value. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

type Role = 'controller' | 'broker'

export class ClusterNode {
  readonly id: number
  readonly role: Role
  readonly data: string
  /** Where the process listens. */
  readonly port: number
  /** Where others reach it: the proxy's port, if there is one. */
  readonly publicPort: number
  readonly #args: readonly string[]
  readonly proxy: NodeProxy | null
  #child: ChildProcess | null = null
  #output = ''

  constructor(
    identity: { id: number; role: Role; data: string; port: number },
    args: readonly string[],
    proxy: NodeProxy | null,
  ) {
    this.id = identity.id
    this.role = identity.role
    this.data = identity.data
    this.port = identity.port
    this.proxy = proxy
    this.publicPort = proxy?.port ?? identity.port
    this.#args = args
  }

  get alive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  get pid(): number {
    return this.#running().pid!
  }

  get output(): string {
    return this.#output
  }

  /** Spawns the process; it listens a little later. */
  async spawn(): Promise<void> {
    await this.proxy?.accept()
    const child = spawn(process.execPath, [MAIN, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    child.stdout!.on('data', (text: Buffer) => (this.#output += text.toString()))
    child.stderr!.on('data', (text: Buffer) => (this.#output += text.toString()))
  }

  /** Waits until the process accepts connections. */
  async listening(timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!(await accepts(this.port))) {
      if (!this.alive) throw new Error(`node ${this.id} ended:\n${this.#output}`)
      if (performance.now() > deadline) throw new Error(`node ${this.id} does not listen:\n${this.#output}`)
      await delay(10)
    }
  }

  /** Waits until the process has printed this. */
  async prints(text: string, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!this.#output.includes(text)) {
      if (!this.alive) throw new Error(`node ${this.id} ended before it said "${text}":\n${this.#output}`)
      if (performance.now() > deadline)
        throw new Error(`node ${this.id} never said "${text}":\n${this.#output}`)
      await delay(10)
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Cleanly. @returns the exit code */
  async stop(): Promise<number | null> {
    const child = this.#running()
    await this.#end('SIGTERM')
    return child.exitCode
  }

  /** As a process that got no processor for a long time: its sockets stay open. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** The disk is lost. The process must not run. */
  wipe(): void {
    if (this.alive) throw new Error(`node ${this.id} is still running`)
    rmSync(this.data, { recursive: true, force: true })
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#running()
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      child.kill(signal)
      await exit
    }
    this.#child = null
    await this.proxy?.refuse()
  }

  #running(): ChildProcess {
    if (this.#child === null) throw new Error(`node ${this.id} is not running`)
    return this.#child
  }
}

export class Cluster implements AsyncDisposable {
  readonly nodes: readonly ClusterNode[]
  /** As every node is told, `ID@HOST:PORT,…`. */
  readonly voters: string
  readonly #folder: string

  private constructor(nodes: readonly ClusterNode[], voters: string, folder: string) {
    this.nodes = nodes
    this.voters = voters
    this.#folder = folder
  }

  /** Starts all nodes; resolves when every broker is known to every other. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { controllers = 3, brokers = 3, proxied = false, settings = {} } = options
    const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
    const planned = await Promise.all([
      ...Array.from({ length: controllers }, (_, i) => plan(101 + i, 'controller', proxied)),
      ...Array.from({ length: brokers }, (_, i) => plan(1 + i, 'broker', proxied)),
    ])
    const voters = planned
      .filter(({ role }) => role === 'controller')
      .map(({ id, port, proxy }) => `${id}@127.0.0.1:${proxy?.port ?? port}`)
      .join(',')
    const nodes = planned.map(({ id, role, port, proxy }) => {
      const data = join(folder, `node-${id}`)
      const args = nodeArguments(role, { id, port, data, voters, settings, advertised: proxy?.port ?? null })
      return new ClusterNode({ id, role, data, port }, args, proxy)
    })
    const cluster = new Cluster(nodes, voters, folder)
    try {
      await cluster.startAll()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  get controllers(): readonly ClusterNode[] {
    return this.nodes.filter(({ role }) => role === 'controller')
  }

  get brokers(): readonly ClusterNode[] {
    return this.nodes.filter(({ role }) => role === 'broker')
  }

  get bootstrap(): string {
    return this.brokers.map(({ publicPort }) => `127.0.0.1:${publicPort}`).join(',')
  }

  node(id: number): ClusterNode {
    const found = this.nodes.find((node) => node.id === id)
    if (found === undefined) throw new Error(`there is no node ${id}`)
    return found
  }

  admin(): Admin {
    return new Admin({ bootstrap: this.bootstrap })
  }

  /** Spawns every node that does not run, and waits until all brokers see each other. */
  async startAll(): Promise<void> {
    await Promise.all(this.nodes.filter(({ alive }) => !alive).map((node) => node.spawn()))
    await this.allBrokersKnown()
  }

  async allBrokersKnown(timeoutMs = 30_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (const broker of this.brokers) {
      await broker.listening(timeoutMs)
      await using admin = new Admin({ bootstrap: `127.0.0.1:${broker.publicPort}` })
      for (;;) {
        const { brokers } = await admin.describeCluster()
        if (brokers.length === this.brokers.length) break
        if (performance.now() > deadline)
          throw new Error(`broker ${broker.id} sees ${brokers.length} brokers`)
        await delay(20)
      }
    }
  }

  /** @throws TimeoutError while there is none */
  async activeController(admin: Admin): Promise<ClusterNode> {
    const { leaderId } = await admin.describeQuorum()
    return this.node(leaderId)
  }

  /** Cuts what `from` sends to `to`, and leaves the other direction alone. */
  cut(from: ClusterNode, to: ClusterNode): void {
    // Each may have dialled the other: the bytes pass one of two proxies.
    cutAt(to, from.id, 'to-node')
    cutAt(from, to.id, 'from-node')
  }

  isolate(node: ClusterNode): void {
    for (const other of this.nodes) {
      if (other === node) continue
      this.cut(node, other)
      this.cut(other, node)
    }
  }

  heal(): void {
    for (const { proxy } of this.nodes) proxy?.heal()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) {
      if (node.alive) await node.kill()
      await node.proxy?.[Symbol.asyncDispose]()
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

interface PlannedNode {
  readonly id: number
  readonly role: Role
  readonly port: number
  readonly proxy: NodeProxy | null
}

async function plan(id: number, role: Role, proxied: boolean): Promise<PlannedNode> {
  const port = await freePort()
  const proxy = proxied ? await NodeProxy.open(await freePort(), port) : null
  return { id, role, port, proxy }
}

function nodeArguments(
  role: Role,
  node: {
    readonly id: number
    readonly port: number
    readonly data: string
    readonly voters: string
    readonly advertised: number | null
    readonly settings: Readonly<Record<string, string | number | boolean>>
  },
): string[] {
  const { id, port, data, voters, advertised, settings } = node
  const args = [role, '--node-id', String(id), '--listen', `127.0.0.1:${port}`, '--data', data]
  args.push('--controllers', voters, '--output', 'json')
  if (advertised !== null) args.push('--set', `advertised.listeners=127.0.0.1:${advertised}`)
  for (const [key, value] of Object.entries(settings)) args.push('--set', `${key}=${value}`)
  return args
}

function cutAt(node: ClusterNode, peer: Peer, direction: Direction): void {
  if (node.proxy === null) throw new Error('links can be cut only in a proxied cluster')
  node.proxy.cut(peer, direction)
}
