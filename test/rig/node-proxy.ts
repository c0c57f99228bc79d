/**
 * A TCP proxy in front of one node: every peer and client reaches the node through it, so a test can cut single links, in
 * one direction or both, or make them slow, without root. A cut holds bytes and closes nothing, as a network that drops
 * packets does; when the link heals they arrive.
 *
 * Who dials is read from the client id in the first request: nodes call themselves `quorum-ID` and `broker-ID`, everybody else is a client.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Lane, type Slowness } from './lane.ts'

/** A native connection begins with so many bytes, which may arrive before the first request. */
const PREAMBLE_BYTES = 4

export type Direction = 'to-node' | 'from-node'

/** Who is at the other end of a link: a node's id, or any client. */
export type Peer = number | 'client'

interface Passage {
  readonly downstream: Socket
  readonly upstream: Socket
  readonly toNode: Lane
  readonly fromNode: Lane
  /** Null until the first request has said it. */
  peer: Peer | null
}

export class NodeProxy implements AsyncDisposable {
  readonly port: number
  readonly #targetPort: number
  readonly #passages = new Set<Passage>()
  readonly #cuts = new Set<string>()
  readonly #slow = new Map<Peer, Slowness>()
  #server: Server | null = null

  private constructor(port: number, targetPort: number) {
    this.port = port
    this.#targetPort = targetPort
  }

  static async open(port: number, targetPort: number): Promise<NodeProxy> {
    const proxy = new NodeProxy(port, targetPort)
    await proxy.accept()
    return proxy
  }

  /** The node is up: connections are accepted again. */
  async accept(): Promise<void> {
    if (this.#server !== null) return
    this.#server = createServer((socket) => this.#pass(socket)).listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** The node is down: connections are refused, as its own port refuses them. */
  async refuse(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    const closed = once(server, 'close')
    server.close()
    for (const { downstream, upstream } of this.#passages) {
      reset(downstream)
      upstream.destroy()
    }
    await closed
  }

  /** Holds what passes between the node and `peer` in this direction, now and on connections to come. */
  cut(peer: Peer, direction: Direction): void {
    this.#cuts.add(linkKey(peer, direction))
    this.#apply()
  }

  /** In both directions. */
  slow(peer: Peer, slowness: Slowness): void {
    this.#slow.set(peer, slowness)
    this.#apply()
  }

  heal(): void {
    this.#cuts.clear()
    this.#slow.clear()
    this.#apply()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse()
  }

  #pass(downstream: Socket): void {
    const upstream = connect(this.#targetPort, '127.0.0.1')
    const [toNode, fromNode] = [new Lane(downstream, upstream), new Lane(upstream, downstream)]
    const passage: Passage = { downstream, upstream, toNode, fromNode, peer: null }
    this.#passages.add(passage)
    for (const socket of [downstream, upstream]) {
      socket.setNoDelay(true)
      // A reset of one side is shown to the other by its close.
      socket.on('error', () => this.#drop(passage))
      socket.on('close', () => this.#drop(passage))
    }
    this.#introduce(passage)
    upstream.on('data', (bytes: Buffer) => fromNode.pass(bytes))
  }

  /** Nothing passes before it is known whose link it is. */
  #introduce(passage: Passage): void {
    let introduction = Buffer.alloc(0)
    passage.downstream.on('data', (bytes: Buffer) => {
      if (passage.peer !== null) return passage.toNode.pass(bytes)
      introduction = Buffer.concat([introduction, bytes])
      if (introduction.length <= PREAMBLE_BYTES) return
      const id = /(?:quorum|broker)-(\d+)/.exec(introduction.toString('latin1'))
      passage.peer = id === null ? 'client' : Number(id[1])
      this.#applyTo(passage)
      passage.toNode.pass(introduction)
    })
  }

  #apply(): void {
    for (const passage of this.#passages) this.#applyTo(passage)
  }

  #applyTo({ peer, toNode, fromNode }: Passage): void {
    if (peer === null) return
    const slowness = this.#slow.get(peer) ?? null
    toNode.become(this.#cuts.has(linkKey(peer, 'to-node')), slowness)
    fromNode.become(this.#cuts.has(linkKey(peer, 'from-node')), slowness)
  }

  #drop(passage: Passage): void {
    if (!this.#passages.delete(passage)) return
    passage.toNode.close()
    passage.fromNode.close()
    passage.downstream.destroy()
    passage.upstream.destroy()
  }
}

/** A socket that is shutting down can't be reset: libuv refuses, and its handle would stay open for ever. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

function linkKey(peer: Peer, direction: Direction): string {
  return `${peer} ${direction}`
}
