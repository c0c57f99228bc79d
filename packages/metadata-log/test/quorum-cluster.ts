/**
 * Replicas of the metadata log on one loopback network, in virtual time, each with a simulated disk that survives it.
 */
import {
  type Conn,
  type ConnEvents,
  type Disk,
  type Endpoint,
  type Host,
  type Log,
  type Net,
  nodeId,
  type NodeId,
  type Offset,
  type Rng,
  seededRng,
  type TimerId,
  type Timers,
  type Uuid,
} from '@millrace/base'
import { type ClientConnection, connect, type Dispatch, type RequestContext, Server } from '@millrace/net'
import { advertisedVersions } from '@millrace/protocol'
import type { RaftRequest, RaftResponse } from '@millrace/raft'
import { type CrashMode, SimDisk } from '@millrace/sim'
import { LoopbackNet } from '../../net/test/virtual/loopback-net.ts'
import { VirtualWorld } from '../../net/test/virtual/world.ts'
import {
  MetadataQuorum,
  type MetadataQuorumOptions,
  type MetadataUpdate,
  type QuorumConfig,
} from '../src/index.ts'
import { raftApis, toWireRequest } from '../src/wire-request.ts'
import { fromWireResponse } from '../src/wire-response.ts'
import { topicNumbers, uuid } from './rig.ts'

const CONFIG: QuorumConfig = {
  fetchTimeoutMs: 2000,
  electionTimeoutMs: 1000,
  electionBackoffMaxMs: 1000,
  requestTimeoutMs: 2000,
  fetchMaxWaitMs: 500,
  snapshotBytes: 20 * 1024 * 1024,
  snapshotIntervalMs: 3_600_000,
  segmentBytes: 64 * 1024,
  autoJoin: false,
}

export interface NodeOptions {
  readonly canVote?: boolean
  readonly clusterId?: string
  readonly directoryId?: Uuid
  readonly config?: Partial<QuorumConfig>
  /** Where it listens, when not where it was configured. */
  readonly port?: number
  /** What the node gets in the place of its disk. */
  readonly throughDisk?: (disk: SimDisk) => Disk
}

/** Everything that one process has: none of it works any more once the process was killed. */
class Process {
  readonly halts: string[] = []
  readonly #world: VirtualWorld
  readonly #net: Net
  readonly #timers = new Set<TimerId>()
  readonly #conns = new Set<Conn>()
  #isAlive = true

  constructor(world: VirtualWorld, net: Net) {
    this.#world = world
    this.#net = net
  }

  readonly host: Host = {
    halt: (reason) => {
      this.halts.push(reason)
      return undefined as never
    },
  }

  readonly timers: Timers = {
    after: (delayMs, callback) => {
      const timer = this.#world.timers.after(delayMs, () => {
        this.#timers.delete(timer)
        if (this.#isAlive) callback()
      })
      this.#timers.add(timer)
      return timer
    },
    cancel: (timer) => {
      this.#timers.delete(timer)
      this.#world.timers.cancel(timer)
    },
    endOfTurn: (callback) => this.#world.timers.endOfTurn(() => this.#isAlive && callback()),
  }

  readonly net: Net = {
    listen: (options, handlers) =>
      this.#net.listen(options, {
        ...handlers,
        onConnection: (conn) => this.#track(conn, handlers.onConnection(conn)),
      }),
    dial: (endpoint, events) => {
      const guarded = this.#guard(events)
      const conn = this.#net.dial(endpoint, guarded)
      this.#conns.add(conn)
      return conn
    },
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  /** It says nothing and hears nothing any more; its connections stay. */
  freeze(): void {
    this.#isAlive = false
  }

  /** @param isSilent as when the machine loses power: nobody at the other ends is told */
  kill(isSilent = false): void {
    this.#isAlive = false
    for (const timer of this.#timers) this.#world.timers.cancel(timer)
    if (!isSilent) for (const conn of this.#conns) conn.destroy()
  }

  #track(conn: Conn, events: ConnEvents): ConnEvents {
    this.#conns.add(conn)
    return this.#guard(events)
  }

  #guard(events: ConnEvents): ConnEvents {
    return {
      onOpen: () => this.#isAlive && events.onOpen?.(),
      onData: (chunk) => this.#isAlive && events.onData(chunk),
      receiveBuffer: () => (this.#isAlive ? events.receiveBuffer?.() : undefined),
      onDrain: () => this.#isAlive && events.onDrain?.(),
      onClose: (reason) => this.#isAlive && events.onClose(reason),
    }
  }
}

export class QuorumNode {
  readonly id: NodeId
  readonly process: Process
  readonly disk: SimDisk
  readonly quorum: MetadataQuorum
  readonly updates: MetadataUpdate[] = []
  readonly server: Server
  readonly closeListener: () => void

  constructor(
    id: NodeId,
    parts: {
      readonly process: Process
      readonly disk: SimDisk
      readonly quorum: MetadataQuorum
      readonly server: Server
      closeListener(): void
    },
  ) {
    this.id = id
    this.process = parts.process
    this.disk = parts.disk
    this.quorum = parts.quorum
    this.server = parts.server
    this.closeListener = () => parts.closeListener()
    this.quorum.subscribe((update) => void this.updates.push(update))
  }

  get topics(): number[] {
    return topicNumbers(this.quorum.image)
  }
}

export class QuorumCluster {
  readonly world = new VirtualWorld()
  readonly loopback = new LoopbackNet(this.world)
  readonly nodes = new Map<number, QuorumNode>()
  readonly #disks = new Map<number, SimDisk>()
  readonly #voterIds: readonly number[]
  readonly #rng: Rng

  /** @param voterIds of the configured voters */
  constructor(voterIds: readonly number[], seed = 1) {
    this.#voterIds = voterIds
    this.#rng = seededRng(seed)
  }

  node(id: number): QuorumNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`node ${id} does not run`)
    return node
  }

  /** Of this node, whether or not it runs. */
  disk(id: number): SimDisk {
    const existing = this.#disks.get(id)
    if (existing !== undefined) return existing
    const schedule = (delayMs: number, run: () => void) => {
      if (delayMs === 0) this.world.schedule(run)
      else this.world.timers.after(delayMs, run)
    }
    const disk = new SimDisk({ rng: this.#rng.fork(`disk ${id}`), schedule })
    disk.mkdir('/data')
    disk.syncDir('/', () => {})
    this.#disks.set(id, disk)
    return disk
  }

  /** Opens, and starts, one node; the others run meanwhile. */
  async start(id: number, options: NodeOptions = {}): Promise<QuorumNode> {
    const node = await this.open(id, options)
    node.quorum.start()
    await this.world.settle()
    return node
  }

  async startAll(ids: readonly number[] = this.#voterIds): Promise<void> {
    for (const id of ids) await this.start(id)
  }

  async open(id: number, options: NodeOptions = {}): Promise<QuorumNode> {
    const disk = this.disk(id)
    await this.world.settle()
    const process = new Process(this.world, this.loopback.net)
    const env = this.#env(process, options.throughDisk?.(disk) ?? disk, id)
    const isVoter = options.canVote ?? this.#voterIds.includes(id)
    const endpoint = { host: '127.0.0.1', port: options.port ?? endpointOf(id).port }
    const quorum = await this.settled(
      MetadataQuorum.open({
        env,
        dataDirectory: '/data',
        clusterId: options.clusterId ?? 'cluster',
        nodeId: nodeId(id),
        directoryId: options.directoryId ?? uuid(id),
        canVote: isVoter,
        bootstrapVoters: this.#voterIds.map((voter) => ({ id: nodeId(voter), ...endpointOf(voter) })),
        listener: isVoter ? endpoint : null,
        config: { ...CONFIG, ...options.config },
      }),
    )
    let closer: { close(): void } | null = null
    const net: Net = {
      ...process.net,
      listen: (listenOptions, handlers) => (closer = process.net.listen(listenOptions, handlers)),
    }
    const server = new Server({
      env: { ...env, net },
      dispatch: dispatchTo(quorum),
    })
    if (isVoter) await this.settled(server.listen({ ...endpoint, name: 'controller' }))
    const closeListener = () => closer?.close()
    const node = new QuorumNode(nodeId(id), { process, disk, quorum, server, closeListener })
    this.nodes.set(id, node)
    return node
  }

  /** The process is gone, and what its disk had not synced goes as `mode` says. */
  async kill(id: number, mode: CrashMode | 'process' = 'none', isSilent = false): Promise<void> {
    const node = this.node(id)
    node.closeListener()
    node.process.kill(isSilent)
    if (mode === 'process') node.disk.processDied()
    else node.disk.crash({ mode })
    this.nodes.delete(id)
    await this.world.settle()
  }

  /** As a process stops that was asked to. */
  async stop(id: number): Promise<void> {
    const node = this.node(id)
    await this.settled(node.quorum.resign())
    await this.settled(Promise.all([node.quorum.close(), node.server.close(1000)]))
    this.nodes.delete(id)
  }

  /** A connection of somebody who is not part of the quorum. */
  connect(id: number): Promise<ClientConnection> {
    const { clock, timers } = this.world
    return this.settled(
      connect({
        env: { clock, timers, net: this.loopback.net },
        endpoint: endpointOf(id),
        clientId: 'outside',
        wire: 'native',
        connectTimeoutMs: 1000,
      }),
    )
  }

  /** Over the wire, as another replica or an administrator. */
  async ask(
    id: number,
    request: RaftRequest,
    connection?: ClientConnection,
  ): Promise<Exclude<ReturnType<typeof fromWireResponse>, null> | RaftResponse> {
    const used = connection ?? (await this.connect(id))
    const body = toWireRequest(request, 'cluster')
    const answer = await this.settled(used.request(raftApis[request.kind], body, { timeoutMs: 10_000 }))
    if (connection === undefined) used.close()
    const response = fromWireResponse(request, answer)
    if (response === null) throw new Error('an answer that fits no request')
    return response
  }

  /** An empty disk in the place of the old one. */
  wipe(id: number): void {
    this.#disks.delete(id)
  }

  /** Lets time pass until the promise has settled. */
  async settled<T>(promise: Promise<T>, withinMs = 30_000): Promise<T> {
    let isSettled = false
    const mark = () => void (isSettled = true)
    promise.then(mark, mark)
    await this.until(() => isSettled, withinMs)
    return promise
  }

  /** @returns the time it took */
  async until(condition: () => boolean, withinMs = 30_000): Promise<number> {
    const startedMs = this.world.clock.monoMs()
    await this.world.settle()
    while (!condition()) {
      if (this.world.clock.monoMs() - startedMs > withinMs) throw new Error('it never came about')
      await this.world.advance(1)
    }
    return this.world.clock.monoMs() - startedMs
  }

  get active(): QuorumNode | undefined {
    return [...this.nodes.values()].find(({ quorum }) => quorum.isActive)
  }

  async electedLeader(withinMs = 30_000): Promise<QuorumNode> {
    await this.until(() => this.active !== undefined, withinMs)
    return this.active!
  }

  /** Until all that run show the same, up to this offset. */
  async converged(endOffset: Offset): Promise<void> {
    await this.until(() =>
      [...this.nodes.values()].every(({ quorum }) => quorum.current().endOffset > endOffset),
    )
  }

  #env(process: Process, disk: Disk, id: number): MetadataQuorumOptions['env'] {
    const rng = this.#rng.fork(`node ${id} ${this.world.clock.monoMs()}`)
    const { clock } = this.world
    const log: Log = this.world.log
    const entropy = { bytes: (length: number) => Uint8Array.from({ length }, () => rng.below(256)) }
    return { clock, timers: process.timers, rng, entropy, net: process.net, disk, log, host: process.host }
  }
}

function endpointOf(id: number): Endpoint {
  return { host: '127.0.0.1', port: 9000 + id }
}

const dispatchTo =
  (quorum: MetadataQuorum): Dispatch =>
  (request, context) => {
    const { handlers } = quorum
    if (request.api === 'ApiVersions') return { apiKeys: advertisedVersions('controller') }
    const handler = handlers[request.api as keyof typeof handlers] as (
      body: unknown,
      context: RequestContext,
    ) => ReturnType<Dispatch>
    return handler(request.body, context)
  }
