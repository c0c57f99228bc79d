/**
 * A whole cluster in this process, for tests and for trying things out: controllers and brokers as they run in
 * production, with ports and data folders of their own, on one thread.
 *
 * Owns: the nodes, and their folder unless it was given. Invariant: a node keeps its address and its data over restarts.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Endpoint, type Log, type Net, randomUuid } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import type { ProcessRole } from './config/node-roles.ts'
import { loadSettings } from './embedded-server.ts'
import { formatEndpoint } from './listener.ts'
import type { RunningNode } from './node.ts'
import { startConfigured } from './server.ts'

export interface ClusterOptions {
  /** How many; 3 when left out. Their ids are 101, 102, … */
  readonly controllers?: number
  /** How many; 3 when left out. Their ids are 1, 2, … */
  readonly brokers?: number
  /** Folder that gets a folder for each node, and stays; a temporary one when left out. */
  readonly data?: string
  /** For every node: key and value, as in docs/config.md. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Silent when left out. */
  readonly log?: Log
}

export interface ClusterNode {
  readonly id: number
  readonly role: ProcessRole
  /** `host:port`, the same over restarts. */
  readonly listen: string
  /** Data folder. */
  readonly data: string
  /** Null while it does not run. */
  readonly server: RunningNode | null
}

export interface RunningCluster extends AsyncDisposable {
  /** Of all brokers, comma-separated. */
  readonly bootstrap: string
  /** Controllers first. */
  readonly nodes: readonly ClusterNode[]
  /** Stops a node as SIGTERM does; harmless when it does not run. */
  stop(id: number): Promise<void>
  /** Starts a node on its data, after stopping it if it runs. */
  restart(id: number): Promise<void>
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const FIRST_BROKER = 1
const FIRST_CONTROLLER = 101
/** In the cluster's folder. */
const CLUSTER_FILE = 'cluster.json'

/** What suits a test, as for `startEmbeddedServer`. */
const CLUSTER_SETTINGS = {
  shards: 0,
  'flush.policy': 'os',
  'codec.threads': 0,
  'num.recovery.threads.per.data.dir': 0,
} as const

/**
 * Starts a cluster; resolves when every broker serves.
 *
 * @example
 * ```ts
 * await using cluster = await startCluster({ brokers: 3 })
 * const admin = new Admin({ bootstrap: cluster.bootstrap })
 * ```
 * @throws StartupError
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RunningCluster> {
  const { controllers = 3, brokers = 3, data, settings = {}, log = silentLog } = options
  const folder = data === undefined ? mkdtempSync(join(tmpdir(), 'millrace-cluster-')) : resolve(data)
  const controllerIds = Array.from({ length: controllers }, (_, i) => FIRST_CONTROLLER + i)
  const brokerIds = Array.from({ length: brokers }, (_, i) => FIRST_BROKER + i)
  const { clusterId, addresses } = await remembered(folder, [...controllerIds, ...brokerIds])
  const shared = {
    ...CLUSTER_SETTINGS,
    ...settings,
    'cluster.id': clusterId,
    'controller.quorum.voters': controllerIds.map((id) => `${id}@${addresses[id]}`).join(','),
  }
  const node = (role: ProcessRole, id: number): Node =>
    new Node({ id, role, listen: addresses[id]!, data: join(folder, `${role}-${id}`) }, log, shared)
  const nodes = [
    ...controllerIds.map((id) => node('controller', id)),
    ...brokerIds.map((id) => node('broker', id)),
  ]
  const cluster = new Cluster(nodes, data === undefined ? folder : null)
  try {
    await Promise.all(nodes.map((node) => node.start()))
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

interface NodePlan {
  readonly id: number
  readonly role: ProcessRole
  readonly listen: string
  readonly data: string
}

class Node implements ClusterNode {
  readonly id: number
  readonly role: ProcessRole
  readonly listen: string
  readonly data: string
  readonly #log: Log
  readonly #settings: NonNullable<ClusterOptions['settings']>
  #abort = new AbortController()
  #starting: Promise<RunningNode> | null = null
  #server: RunningNode | null = null

  constructor(plan: NodePlan, log: Log, shared: NonNullable<ClusterOptions['settings']>) {
    const { id, role, listen, data } = plan
    this.id = id
    this.role = role
    this.listen = listen
    this.data = data
    this.#log = log.child({ node: id })
    this.#settings = {
      ...shared,
      'process.roles': role,
      'node.id': id,
      'log.dirs': data,
      listeners: listen,
    }
  }

  get server(): RunningNode | null {
    return this.#server
  }

  async start(): Promise<void> {
    this.#abort = new AbortController()
    const loaded = await loadSettings({ settings: this.#settings })
    this.#starting = startConfigured(loaded, this.#log, { signal: this.#abort.signal })
    this.#server = await this.#starting
  }

  /** Also while it is starting. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error(`node ${this.id} was stopped while it was starting`))
    // Whoever started it is told why it did not come about.
    await this.#starting?.then(
      (server) => server.close(),
      () => {},
    )
    this.#starting = null
    this.#server = null
  }
}

class Cluster implements RunningCluster {
  readonly nodes: readonly Node[]
  /** Goes away with the cluster. */
  readonly #temporary: string | null
  #closing: Promise<void> | null = null

  constructor(nodes: readonly Node[], temporary: string | null) {
    this.nodes = nodes
    this.#temporary = temporary
  }

  get bootstrap(): string {
    return this.nodes
      .filter(({ role }) => role === 'broker')
      .map(({ listen }) => listen)
      .join(',')
  }

  stop(id: number): Promise<void> {
    return this.#node(id).stop()
  }

  async restart(id: number): Promise<void> {
    const node = this.#node(id)
    await node.stop()
    await node.start()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Brokers first: they hand over what they lead as long as there is a controller. */
  async #close(): Promise<void> {
    for (const role of ['broker', 'controller'] as const) {
      await Promise.all(this.nodes.filter((node) => node.role === role).map((node) => node.stop()))
    }
    if (this.#temporary !== null) rmSync(this.#temporary, { recursive: true, force: true })
  }

  #node(id: number): Node {
    const found = this.nodes.find((node) => node.id === id)
    if (found === undefined) throw new Error(`there is no node ${id} in this cluster`)
    return found
  }
}

interface Remembered {
  readonly clusterId: string
  /** `host:port` by node id. */
  readonly addresses: Readonly<Record<string, string>>
}

/**
 * Cluster id and addresses as they were in this folder before, because the quorum remembers where its voters are; what is
 * missing is chosen, and remembered for the next time.
 */
async function remembered(folder: string, ids: readonly number[]): Promise<Remembered> {
  const { net, entropy } = nodeEnv()
  const file = join(folder, CLUSTER_FILE)
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Remembered) : null
  const missing = ids.filter((id) => known?.addresses[id] === undefined)
  const ports = await freePorts(net, missing.length)
  const added = missing.map((id, i) => [id, formatEndpoint({ host: HOST, port: ports[i]! })])
  const cluster = {
    clusterId: known?.clusterId ?? randomUuid(entropy),
    addresses: { ...known?.addresses, ...Object.fromEntries(added) } as Remembered['addresses'],
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, `${JSON.stringify(cluster, null, 2)}\n`)
  return cluster
}

/** All held until the last is known, so that they differ. */
async function freePorts(net: Net, count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => holdPort(net)))
  await Promise.all(held.map(({ release }) => release()))
  return held.map(({ port }) => port)
}

function holdPort(net: Net): Promise<{ readonly port: number; release(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const closer = net.listen(
      { host: HOST, port: 0 },
      {
        onReady: ({ port }: Endpoint) =>
          resolve({ port, release: () => new Promise((done) => closer.close(done)) }),
        onError: reject,
        onConnection(conn) {
          conn.destroy()
          return { onData() {}, onClose() {} }
        },
      },
    )
  })
}
