/**
 * The network between machines: links with their faults, connections with their handshakes.
 *
 * Owns: machines by name, links by (from, to). Must not know: nodes' roles, what the bytes mean.
 */
import { NetError, type Closer, type ConnEvents, type Endpoint, type Net, type Rng } from '@millrace/base'
import type { ListenHandlers, ListenOptions } from '@millrace/base'
import type { Incarnation } from '../kernel/incarnation.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { EventKind } from '../kernel/trace.ts'
import { Flow } from './flow.ts'
import { Link, type LinkDelay } from './link.ts'
import { isLoopback, Machine, machineName, type Listener } from './machine.ts'
import { DEFAULT_NETWORK, type NetworkProfile } from './network-profile.ts'
import { SimConn } from './sim-conn.ts'

const RECEIVE_BUFFER_BYTES = 64 * 1024
/** Linux sends the first packet of a dial again after so long, then after twice as long, … */
const DIAL_RETRY_MS = 1000

export class Network {
  readonly #scheduler: Scheduler
  readonly #rng: Rng
  readonly #profile: NetworkProfile
  readonly #machines = new Map<string, Machine>()
  readonly #links = new Map<string, Link>()
  /** One for each process: its connections are read one after the other. */
  readonly #receiveBuffers = new WeakMap<Incarnation, Buffer>()

  constructor(scheduler: Scheduler, rng: Rng, profile: Partial<NetworkProfile> = {}) {
    this.#scheduler = scheduler
    this.#rng = rng
    this.#profile = { ...DEFAULT_NETWORK, ...profile }
  }

  addMachine(name: string): Machine {
    const machine = new Machine(name, this.#rng.fork(`machine/${name}`))
    this.#machines.set(name, machine)
    return machine
  }

  link(from: string, to: string): Link {
    const key = `${from}>${to}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = new Link(from, to, this.#rng.fork(`link/${key}`), this.#profile)
      this.#links.set(key, link)
    }
    return link
  }

  /* ------------------------------------------------------------ faults */

  /** Bytes from `from` to `to` do not arrive until as many heals. */
  cut(from: string, to: string): void {
    this.link(from, to).cut()
  }

  heal(from: string, to: string): void {
    this.link(from, to).heal()
  }

  /** All links as they were at the start. */
  healAll(): void {
    for (const link of this.#links.values()) link.healAll()
  }

  /** Bytes wait on the way for so long, then come all at once. */
  clog(from: string, to: string, durationMs: number): void {
    this.link(from, to).clog(this.#scheduler.nowMs + durationMs)
  }

  /** @param delay null: the usual one */
  setDelay(from: string, to: string, delay: LinkDelay | null): void {
    this.link(from, to).setDelay(delay)
  }

  /** Breaks every connection between two machines: both ends see a reset. */
  reset(a: string, b: string): void {
    for (const conn of this.#between(a, b)) {
      conn.peer?.breakOff()
      conn.breakOff()
    }
  }

  /** Only `a` sees its connections to `b` break; `b` finds out when it writes. */
  resetOneSide(a: string, b: string): void {
    for (const conn of this.#between(a, b)) conn.breakOff()
  }

  /** Open connections of machine `a` to machine `b`. */
  #between(a: string, b: string): SimConn[] {
    const conns = this.#machines.get(a)?.conns ?? []
    return [...conns].filter((conn) => conn.isOpen && conn.remote.host === b)
  }

  /* ------------------------------------------------------------ Net */

  /** What a process on `machine` sees. */
  netOf(machine: Machine, owner: Incarnation): Net {
    owner.onDeath(() => machine.onProcessDeath(owner))
    return {
      listen: (options, handlers) => {
        owner.assertAlive()
        return this.#listen(machine, owner, options, handlers)
      },
      dial: (endpoint, events) => {
        owner.assertAlive()
        return this.#dial(machine, owner, endpoint, events)
      },
    }
  }

  #listen(machine: Machine, owner: Incarnation, options: ListenOptions, handlers: ListenHandlers): Closer {
    const bound = { host: options.host, port: options.port === 0 ? machine.freePort() : options.port }
    const listener: Listener = {
      owner,
      bound,
      handlers,
      reusePort: options.reusePort ?? false,
      loopbackOnly: isLoopback(bound.host),
      closed: false,
    }
    const code = machine.listen(listener)
    this.#scheduler.schedule(0, EventKind.listen, owner, () => {
      if (listener.closed) return
      if (code === null) handlers.onReady(bound)
      else handlers.onError(new NetError(code, `cannot listen on ${bound.host}:${bound.port}: ${code}`))
    })
    return {
      close: (done) => {
        owner.assertAlive()
        machine.unlisten(listener)
        if (done !== undefined) this.#scheduler.schedule(0, EventKind.listen, owner, done)
      },
    }
  }

  #dial(machine: Machine, owner: Incarnation, endpoint: Endpoint, events: ConnEvents): SimConn {
    const local = { host: machine.name, port: machine.freePort() }
    const conn = new SimConn({
      scheduler: this.#scheduler,
      profile: this.#profile,
      owner,
      rng: machine.rng,
      receiveBuffer: this.#receiveBufferOf(owner),
      local,
      remote: endpoint,
      events,
      onClosed: () => machine.conns.delete(conn),
    })
    machine.conns.add(conn)
    const target = this.#machines.get(machineName(endpoint.host, machine.name))
    if (target === undefined) {
      this.#scheduler.schedule(this.#profile.latencyMs, EventKind.dial, null, () => conn.fail('unreachable'))
      return conn
    }
    const timeout = this.#scheduler.schedule(this.#profile.dialTimeoutMs, EventKind.dial, null, () => {
      conn.fail('timeout')
    })
    conn.whenDialEnds(() => this.#scheduler.cancel(timeout))
    this.#knock(conn, machine, target, DIAL_RETRY_MS)
    return conn
  }

  /** One first packet of a dial, and the next if it is lost. */
  #knock(conn: SimConn, from: Machine, to: Machine, retryMs: number): void {
    const out = this.link(from.name, to.name)
    const back = this.link(to.name, from.name)
    const arrives = Math.max(out.clogUntilMs - this.#scheduler.nowMs, 0) + out.delayMs()
    this.#scheduler.schedule(arrives, EventKind.dial, null, () => {
      if (conn.isClosed) return
      if (out.isCut || back.isCut || !to.isUp) {
        this.#scheduler.schedule(Math.max(0, retryMs - arrives), EventKind.dial, null, () => {
          if (!conn.isClosed) this.#knock(conn, from, to, retryMs * 2)
        })
        return
      }
      const listener = to.listenerFor(conn.remote.port, from === to)
      if (listener === null) {
        this.#scheduler.schedule(back.delayMs(), EventKind.dial, null, () => conn.fail('refused'))
      } else {
        this.#establish(conn, from, to, listener)
      }
    })
  }

  #establish(dialler: SimConn, from: Machine, to: Machine, listener: Listener): void {
    const { owner } = listener
    const accepted = new SimConn({
      scheduler: this.#scheduler,
      profile: this.#profile,
      owner,
      rng: to.rng,
      receiveBuffer: this.#receiveBufferOf(owner),
      local: { host: machineName(dialler.remote.host, from.name), port: dialler.remote.port },
      remote: dialler.local,
      events: null,
      onClosed: () => to.conns.delete(accepted),
    })
    to.conns.add(accepted)
    dialler.connect(accepted, this.#flow(from, to, dialler, accepted))
    const back = this.#flow(to, from, accepted, dialler)
    accepted.connect(dialler, back)
    accepted.markOpen()
    back.send({ kind: 'syn-ack' })
    const accept = (): void => {
      if (listener.closed) accepted.onProcessDeath()
      else accepted.accept(listener.handlers.onConnection(accepted))
    }
    if (this.#scheduler.canEnter(owner)) {
      this.#scheduler.enter(owner)
      accept()
    } else {
      this.#scheduler.schedule(0, EventKind.accept, owner, accept)
    }
  }

  #receiveBufferOf(owner: Incarnation): Buffer {
    let buffer = this.#receiveBuffers.get(owner)
    if (buffer === undefined) {
      buffer = Buffer.alloc(RECEIVE_BUFFER_BYTES)
      this.#receiveBuffers.set(owner, buffer)
    }
    return buffer
  }

  #flow(from: Machine, to: Machine, sender: SimConn, receiver: SimConn): Flow {
    return new Flow(this.#scheduler, this.link(from.name, to.name), this.#profile, {
      receiverIsUp: () => to.isUp,
      whenReceiverUp: (tell) => to.whenUp(tell),
      onArrive: (segment) => receiver.onArrive(segment),
      onGiveUp: () => sender.fail('timeout'),
    })
  }
}
