/**
 * A TCP proxy in front of one node: every peer and client reaches the node through it, so a test can cut single links, in
 * one direction or both, without root. A cut holds bytes and closes nothing, as a network that drops packets does; when the
 * link heals they arrive.
 *
 * Who dials is read from the client id in the first request: nodes call themselves `quorum-ID` and `broker-ID`, everybody else is a client.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A native connection begins with so many bytes, which may arrive before the first request. */
const PREAMBLE_BYTES = 4

export type Direction = 'to-node' | 'from-node'

/** Who is at the other end of a link: a node's id, or any client. */
export type Peer = number | 'client'

interface Passage {
  readonly downstream: Socket
  readonly upstream: Socket
  /** Null until the first request has said it. */
  peer: Peer | null
}

export class NodeProxy implements AsyncDisposable {
  readonly port: number
  readonly #targetPort: number
  readonly #passages = new Set<Passage>()
  readonly #cuts = new Set<string>()
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
      downstream.resetAndDestroy()
      upstream.destroy()
    }
    await closed
  }

  /** Holds what passes between the node and `peer` in this direction, now and on connections to come. */
  cut(peer: Peer, direction: Direction): void {
    this.#cuts.add(linkKey(peer, direction))
    this.#apply()
  }

  heal(): void {
    this.#cuts.clear()
    this.#apply()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse()
  }

  #pass(downstream: Socket): void {
    const upstream = connect(this.#targetPort, '127.0.0.1')
    const passage: Passage = { downstream, upstream, peer: null }
    this.#passages.add(passage)
    for (const socket of [downstream, upstream]) {
      socket.setNoDelay(true)
      // A reset of one side is shown to the other by its close.
      socket.on('error', () => this.#drop(passage))
      socket.on('close', () => this.#drop(passage))
    }
    this.#introduce(passage)
    upstream.on('data', (bytes: Buffer) => this.#forward(passage, upstream, downstream, bytes))
    upstream.on('end', () => downstream.end())
    downstream.on('end', () => upstream.end())
  }

  /** Nothing passes before it is known whose link it is. */
  #introduce(passage: Passage): void {
    const { downstream, upstream } = passage
    let introduction = Buffer.alloc(0)
    downstream.on('data', (bytes: Buffer) => {
      if (passage.peer !== null) return this.#forward(passage, downstream, upstream, bytes)
      introduction = Buffer.concat([introduction, bytes])
      if (introduction.length <= PREAMBLE_BYTES) return
      const id = /(?:quorum|broker)-(\d+)/.exec(introduction.toString('latin1'))
      passage.peer = id === null ? 'client' : Number(id[1])
      this.#applyTo(passage)
      if (this.#isCut(passage.peer, 'to-node')) downstream.unshift(introduction)
      else this.#forward(passage, downstream, upstream, introduction)
    })
  }

  /** With the sender held back while the receiver is slow. */
  #forward(passage: Passage, from: Socket, to: Socket, bytes: Buffer): void {
    if (to.write(bytes)) return
    from.pause()
    to.once('drain', () => this.#applyTo(passage))
  }

  #apply(): void {
    for (const passage of this.#passages) this.#applyTo(passage)
  }

  #applyTo({ peer, downstream, upstream }: Passage): void {
    if (peer === null) return
    if (this.#isCut(peer, 'to-node')) downstream.pause()
    else downstream.resume()
    if (this.#isCut(peer, 'from-node')) upstream.pause()
    else upstream.resume()
  }

  #isCut(peer: Peer, direction: Direction): boolean {
    return this.#cuts.has(linkKey(peer, direction))
  }

  #drop(passage: Passage): void {
    if (!this.#passages.delete(passage)) return
    passage.downstream.destroy()
    passage.upstream.destroy()
  }
}

function linkKey(peer: Peer, direction: Direction): string {
  return `${peer} ${direction}`
}
