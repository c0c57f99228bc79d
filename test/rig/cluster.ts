/**
 * A cluster of real processes on loopback, each node with its own folder and port, started as a user would start it:
 * killed, stopped, paused, wiped and cut off at will. Optionally every node sits behind a proxy, so that single links can be
 * cut or slow, brokers have a small disk, and nodes a clock that can be set. Everything it started is stopped by pid when it
 * is disposed of.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin } from '@millrace/client'
import { accepts, freePort, root } from './broker-process.ts'
import type { Slowness } from './lane.ts'
import { type Direction, NodeProxy, type Peer } from './node-proxy.ts'
import { SmallDisk } from './small-disk.ts'

const COMPILED_MAIN = join(root, 'packages/cli/dist/main.js')
const SKEWED_CLOCK = join(root, 'test/rig/skewed-clock.ts')

export interface ClusterOptions {
  readonly controllers?: number
  readonly brokers?: number
  /** Script of the command line that nodes run. Default: as compiled */
  readonly main?: string
  /** Whether links can be cut. */
  readonly proxied?: boolean
  /** Size of each broker's disk, which can be filled then. Needs root. Default: folders of this machine's disk */
  readonly brokerDiskMegabytes?: number
  /** Whether the wall clocks of nodes can be set. */
  readonly settableClocks?: boolean
  /** Whether Ctrl-C reaches only the program that started them. */
  readonly ownProcessGroups?: boolean
  /** For every node: key and value. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

type Role = 'controller' | 'broker'

interface NodeParts {
  readonly id: number
  readonly role: Role
  readonly data: string
  readonly port: number
  /** Script of the command line. Default: as compiled */
  readonly main?: string | undefined
  /** Of the script. */
  readonly args: readonly string[]
  readonly proxy: NodeProxy | null
  readonly disk: SmallDisk | null
  /** Says how far its clock is ahead; null: its clock is the machine's. */
  readonly skewFile: string | null
  readonly ownProcessGroups: boolean
}

export class ClusterNode {
  readonly id: number
  readonly role: Role
  readonly data: string
  /** Where the process listens. */
  readonly port: number
  /** Where others reach it: the proxy's port, if there is one. */
  readonly publicPort: number
  readonly proxy: NodeProxy | null
  readonly #main: string
  readonly #args: readonly string[]
  readonly #disk: SmallDisk | null
  readonly #skewFile: string | null
  readonly #hasOwnGroup: boolean
  #child: ChildProcess | null = null
  #isPaused = false
  #output = ''

  constructor(parts: NodeParts) {
    const { id, role, data, port, main = COMPILED_MAIN, args } = parts
    const { proxy, disk, skewFile, ownProcessGroups } = parts
    this.id = id
    this.role = role
    this.data = data
    this.port = port
    this.proxy = proxy
    this.publicPort = proxy?.port ?? port
    this.#main = main
    this.#args = args
    this.#disk = disk
    this.#skewFile = skewFile
    this.#hasOwnGroup = ownProcessGroups
  }

  get alive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  get isPaused(): boolean {
    return this.alive && this.#isPaused
  }

  /** How it ended, when nobody had ended it: an exit code or a signal. Null otherwise. */
  get endedByItself(): number | string | null {
    if (this.#child === null || this.alive) return null
    return this.#child.exitCode ?? this.#child.signalCode
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
    const child = spawn(process.execPath, [this.#main, ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: this.#hasOwnGroup,
      env: { ...process.env, ...this.#clock() },
    })
    this.#child = child
    this.#isPaused = false
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
    this.#isPaused = true
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT')
    this.#isPaused = false
  }

  /** The disk is lost. The process must not run. */
  wipe(): void {
    if (this.alive) throw new Error(`node ${this.id} is still running`)
    rmSync(this.data, { recursive: true, force: true })
  }

  fillDisk(): void {
    this.#smallDisk().fill()
  }

  freeDisk(): void {
    this.#smallDisk().free()
  }

  /** @param skewMs how far its wall clock is ahead of this machine's, at most a moment later; survives restarts */
  setClock(skewMs: number): void {
    if (this.#skewFile === null) throw new Error(`the clock of node ${this.id} can't be set`)
    // In one step: the node reads it at any time.
    writeFileSync(`${this.#skewFile}.new`, String(skewMs))
    renameSync(`${this.#skewFile}.new`, this.#skewFile)
  }

  [Symbol.dispose](): void {
    this.#disk?.[Symbol.dispose]()
  }

  #smallDisk(): SmallDisk {
    if (this.#disk === null) throw new Error(`node ${this.id} has no small disk`)
    return this.#disk
  }

  #clock(): NodeJS.ProcessEnv {
    if (this.#skewFile === null) return {}
    const options = `${process.env['NODE_OPTIONS'] ?? ''} --import=${SKEWED_CLOCK}`
    return { CLOCK_SKEW_FILE: this.#skewFile, NODE_OPTIONS: options }
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
  /** A program that is told to end at once does not leave them behind. */
  readonly #onExit = (): void => {
    for (const node of this.nodes) if (node.alive) process.kill(node.pid, 'SIGKILL')
  }

  private constructor(nodes: readonly ClusterNode[], voters: string, folder: string) {
    this.nodes = nodes
    this.voters = voters
    this.#folder = folder
    process.on('exit', this.#onExit)
  }

  /** Starts all nodes; resolves when every broker is known to every other. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { controllers = 3, brokers = 3, proxied = false, settings = {}, main } = options
    const { brokerDiskMegabytes = null, settableClocks = false, ownProcessGroups = false } = options
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
      const home = join(folder, `node-${id}`)
      const isSmall = brokerDiskMegabytes !== null && role === 'broker'
      const disk = isSmall ? SmallDisk.open(home, brokerDiskMegabytes) : null
      const data = disk === null ? home : join(home, 'data')
      const advertised = proxy?.port ?? null
      const args = nodeArguments(role, { id, port, data, voters, settings, advertised })
      const skewFile = settableClocks ? join(folder, `clock-skew-${id}`) : null
      const started = { main, args, proxy, disk, skewFile, ownProcessGroups }
      const node = new ClusterNode({ id, role, data, port, ...started })
      if (settableClocks) node.setClock(0)
      return node
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

  /** Its links to all other nodes, in both directions; those to clients stay as they are. */
  slow(node: ClusterNode, slowness: Slowness): void {
    for (const other of this.nodes) {
      if (other === node) continue
      node.proxy?.slow(other.id, slowness)
      other.proxy?.slow(node.id, slowness)
    }
  }

  /** No link is cut or slow any more. */
  heal(): void {
    for (const { proxy } of this.nodes) proxy?.heal()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) {
      if (node.alive) await node.kill()
      await node.proxy?.[Symbol.asyncDispose]()
      node[Symbol.dispose]()
    }
    process.off('exit', this.#onExit)
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
