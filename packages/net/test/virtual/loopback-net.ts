/**
 * A network inside the test: bytes written on one side arrive on the other in a later turn, in chunks of a chosen
 * size, in memory that is overwritten as soon as the receiver returns.
 */
import {
  NetError,
  type CloseReason,
  type Conn,
  type ConnEvents,
  type Endpoint,
  type Net,
} from '@millrace/base'
import type { ListenHandlers } from '@millrace/base'
import type { VirtualWorld } from './world.ts'

const POISON = 0xdb

export class LoopbackNet {
  /** Largest chunk that one `onData` gets. */
  chunkBytes = 64 * 1024
  /** Bytes that fit in between while the receiver is paused. */
  windowBytes = 64 * 1024
  readonly #world: VirtualWorld
  readonly #listeners = new Map<string, ListenHandlers>()
  #nextPort = 50_000

  constructor(world: VirtualWorld) {
    this.#world = world
  }

  readonly net: Net = {
    listen: (options, handlers) => {
      const endpoint = { host: options.host, port: options.port === 0 ? (this.#nextPort += 1) : options.port }
      const key = keyOf(endpoint)
      if (this.#listeners.has(key)) {
        this.#world.schedule(() => handlers.onError(new NetError('EADDRINUSE', `port in use: ${key}`)))
        return { close: (done) => this.#world.schedule(() => done?.()) }
      }
      this.#listeners.set(key, handlers)
      this.#world.schedule(() => handlers.onReady(endpoint))
      return {
        close: (done) => {
          this.#listeners.delete(key)
          this.#world.schedule(() => done?.())
        },
      }
    },
    dial: (endpoint, events) => this.connect(endpoint, events),
  }

  connect(endpoint: Endpoint, events: ConnEvents, from = '127.0.0.1'): LoopbackConn {
    const local = { host: from, port: (this.#nextPort += 1) }
    const client = new LoopbackConn(this.#world, this, local, endpoint)
    client.events = events
    this.#world.schedule(() => {
      if (client.ended) return
      const handlers = this.#listeners.get(keyOf(endpoint))
      if (handlers === undefined) {
        client.finish('refused')
        return
      }
      const server = new LoopbackConn(this.#world, this, endpoint, local)
      client.peer = server
      server.peer = client
      server.events = handlers.onConnection(server)
      events.onOpen?.()
    })
    return client
  }
}

function keyOf({ host, port }: Endpoint): string {
  return `${host}:${port}`
}

interface Outgoing {
  bytes: Buffer
  onWritten: (() => void) | undefined
}

export class LoopbackConn implements Conn {
  readonly local: Endpoint
  readonly remote: Endpoint
  events: ConnEvents = { onData() {}, onClose() {} }
  peer: LoopbackConn | null = null
  paused = false
  /** Calls of `write` that had something to send. */
  writes = 0
  ended = false
  #closed = false
  readonly #world: VirtualWorld
  readonly #net: LoopbackNet
  #outgoing: Outgoing[] = []
  /** What the peer's kernel has taken. */
  #arrived: Buffer = Buffer.alloc(0)
  #pumpDue = false
  #needsDrain = false

  constructor(world: VirtualWorld, net: LoopbackNet, local: Endpoint, remote: Endpoint) {
    this.#world = world
    this.#net = net
    this.local = local
    this.remote = remote
  }

  get pendingBytes(): number {
    return this.#outgoing.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  write(chunks: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.ended || chunks.length === 0) {
      if (onWritten !== undefined) this.#world.schedule(onWritten)
      return !this.ended
    }
    this.writes += 1
    this.#outgoing.push({ bytes: Buffer.concat(chunks), onWritten })
    this.#pump()
    this.#needsDrain = this.pendingBytes > 64 * 1024
    return !this.#needsDrain
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    this.peer?.pumpSoon()
  }

  end(): void {
    this.ended = true
    this.pumpSoon()
  }

  destroy(): void {
    if (this.#closed) return
    this.ended = true
    this.#world.schedule(() => this.finish('local'))
  }

  /** Closes this side now, and the peer's a turn later. */
  finish(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    this.ended = true
    const dropped = this.#outgoing
    this.#outgoing = []
    for (const { onWritten } of dropped) onWritten?.()
    this.events.onClose(reason)
    const peer = this.peer
    if (peer !== null) this.#world.schedule(() => peer.finish(dropped.length > 0 ? 'reset' : 'eof'))
  }

  pumpSoon(): void {
    this.#pump()
  }

  #pump(): void {
    if (this.#pumpDue) return
    this.#pumpDue = true
    this.#world.schedule(() => {
      this.#pumpDue = false
      this.#transmit()
    })
  }

  #transmit(): void {
    const peer = this.peer
    if (this.#closed || peer === null) return
    while (this.#outgoing.length > 0 && this.#arrived.length < this.#net.windowBytes) {
      const next = this.#outgoing[0]!
      const room = Math.min(next.bytes.length, this.#net.windowBytes - this.#arrived.length)
      this.#arrived = Buffer.concat([this.#arrived, next.bytes.subarray(0, room)])
      next.bytes = next.bytes.subarray(room)
      if (next.bytes.length > 0) break
      this.#outgoing.shift()
      if (next.onWritten !== undefined) this.#world.schedule(next.onWritten)
    }
    if (this.#needsDrain && this.#outgoing.length === 0) {
      this.#needsDrain = false
      this.#world.schedule(() => this.#closed || this.events.onDrain?.())
    }
    this.#deliver(peer)
    if (this.#arrived.length > 0 && !peer.paused) this.#pump()
    else if (this.ended && this.pendingBytes === 0 && this.#arrived.length === 0) this.finish('local')
    else if (this.#outgoing.length > 0 && this.#arrived.length < this.#net.windowBytes) this.#pump()
  }

  #deliver(peer: LoopbackConn): void {
    if (peer.paused || peer.ended || this.#arrived.length === 0) return
    const inPlace = peer.events.receiveBuffer?.()
    const bytes = Math.min(this.#net.chunkBytes, this.#arrived.length, inPlace?.length ?? Infinity)
    const target = inPlace ?? Buffer.alloc(bytes)
    this.#arrived.copy(target, 0, 0, bytes)
    this.#arrived = this.#arrived.subarray(bytes)
    peer.events.onData(target.subarray(0, bytes))
    if (inPlace === undefined) target.fill(POISON)
  }
}
