/**
 * One machine on the network: its ports, its listeners, its connections, whether it has power. Addresses are names;
 * every machine has its own range of ports.
 */
import type { Endpoint, ListenHandlers, Rng } from '@millrace/base'
import type { Incarnation } from '../kernel/incarnation.ts'
import type { SimConn } from './sim-conn.ts'

export interface Listener {
  readonly owner: Incarnation
  readonly bound: Endpoint
  readonly handlers: ListenHandlers
  readonly reusePort: boolean
  /** Only for dials from this machine. */
  readonly loopbackOnly: boolean
  closed: boolean
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])
const ANY = new Set(['0.0.0.0', '::', ''])

/** Linux: 32768–60999. */
const EPHEMERAL_PORT_MIN = 32_768
const EPHEMERAL_PORTS = 28_232

export class Machine {
  readonly name: string
  readonly rng: Rng
  readonly conns = new Set<SimConn>()
  readonly #listeners = new Map<number, Listener[]>()
  #isUp = true
  #nextPort = 0
  #waiting = new Set<() => void>()

  constructor(name: string, rng: Rng) {
    this.name = name
    this.rng = rng
  }

  get isUp(): boolean {
    return this.#isUp
  }

  losePower(): void {
    this.#isUp = false
    this.#listeners.clear()
    for (const conn of this.conns) conn.onPowerCut()
    this.conns.clear()
  }

  powerUp(): void {
    if (this.#isUp) return
    this.#isUp = true
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const tell of waiting) tell()
  }

  whenUp(tell: () => void): void {
    this.#waiting.add(tell)
  }

  /** The kernel closes what a dead process had. */
  onProcessDeath(owner: Incarnation): void {
    for (const [port, listeners] of this.#listeners) {
      const kept = listeners.filter((listener) => listener.owner !== owner)
      if (kept.length === 0) this.#listeners.delete(port)
      else this.#listeners.set(port, kept)
    }
    for (const conn of this.conns) {
      if (conn.owner === owner) conn.onProcessDeath()
    }
  }

  /** @returns errno name of what prevents it, or null */
  listen(listener: Listener): string | null {
    const { host, port } = listener.bound
    if (host !== this.name && !LOOPBACK.has(host) && !ANY.has(host)) return 'EADDRNOTAVAIL'
    const others = this.#listeners.get(port) ?? []
    if (others.length > 0 && !(listener.reusePort && others.every(({ reusePort }) => reusePort))) {
      return 'EADDRINUSE'
    }
    this.#listeners.set(port, [...others, listener])
    return null
  }

  unlisten(listener: Listener): void {
    listener.closed = true
    const { port } = listener.bound
    const kept = (this.#listeners.get(port) ?? []).filter((other) => other !== listener)
    if (kept.length === 0) this.#listeners.delete(port)
    else this.#listeners.set(port, kept)
  }

  /** Who takes a connection to `port`; with several listeners any of them. */
  listenerFor(port: number, isLocal: boolean): Listener | null {
    const listeners = this.#listeners.get(port)?.filter(({ loopbackOnly }) => isLocal || !loopbackOnly)
    if (listeners === undefined || listeners.length === 0) return null
    return listeners.length === 1 ? listeners[0]! : listeners[this.rng.below(listeners.length)]!
  }

  freePort(): number {
    let port: number
    do {
      port = EPHEMERAL_PORT_MIN + this.#nextPort
      this.#nextPort = (this.#nextPort + 1) % EPHEMERAL_PORTS
    } while (this.#listeners.has(port))
    return port
  }
}

/** @returns the name of the machine that `host` means on machine `own` */
export function machineName(host: string, own: string): string {
  return LOOPBACK.has(host) || ANY.has(host) ? own : host
}

export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host)
}
