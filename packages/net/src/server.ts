/**
 * Accepts connections and serves them: what one shard has of the network. Several listeners (the broker's shared port
 * and the shard's own) may feed it.
 *
 * Owns: listeners, connections, their limits and deadlines. Must not know: what an API does.
 * Invariants: one timer watches all deadlines; at most `connectionsMax` connections exist; after `close` the ports are
 * free and no connection is left.
 */
import {
  BufferPool,
  type Closer,
  type Conn,
  type ConnEvents,
  type Endpoint,
  type Env,
  type ListenOptions,
  type TimerId,
} from '@millrace/base'
import { RequestMemory } from './memory-budget.ts'
import type { Dispatch } from './request-context.ts'
import { ServerConnection, type ConnectionHost } from './server-connection.ts'
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from './server-limits.ts'

const SWEEP_MS = 1000
const POOLED_BYTES_MAX = 32 * 1024 * 1024

export interface ServerOptions {
  readonly env: Pick<Env, 'net' | 'clock' | 'timers' | 'log'>
  readonly dispatch: Dispatch
  /**
   * Runs after requests have been dispatched and before the memory that they point into is used again: whoever still
   * needs their bytes writes or copies them now. At most once per read of a connection.
   */
  readonly beforeReuse?: () => void
  readonly limits?: Partial<ServerLimits>
  /** Memory for frames that span reads; its own when left out. */
  readonly pool?: BufferPool
  /** Whether peers must authenticate before they may send frames of full length. */
  readonly authentication?: 'required' | 'none'
}

export interface ListenerOptions extends ListenOptions {
  /** Name by which requests know where they came in. */
  readonly name: string
}

export class Server {
  readonly #env: ServerOptions['env']
  readonly #host: ConnectionHost
  readonly #authenticated: boolean
  readonly #closers = new Set<Closer>()
  readonly #connections = new Set<ServerConnection>()
  readonly #connectionsByIp = new Map<string, number>()
  #turnEnd: ServerConnection[] = []
  #sweepTimer: TimerId | null = null
  #nextId = 1
  #refused = 0
  #closing = false
  #onLastClosed: (() => void) | null = null

  constructor(options: ServerOptions) {
    const { env, limits, pool, dispatch, beforeReuse } = options
    const allLimits = { ...DEFAULT_SERVER_LIMITS, ...limits }
    this.#env = env
    this.#authenticated = options.authentication !== 'required'
    const memory = new RequestMemory(allLimits.requestMemoryBytesMax, () =>
      env.timers.endOfTurn(() => memory.resumeWaiting()),
    )
    this.#host = {
      limits: allLimits,
      clock: env.clock,
      log: env.log,
      pool: pool ?? new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX }),
      memory,
      dispatch,
      beforeReuse: beforeReuse ?? (() => {}),
      atTurnEnd: (connection) => this.#atTurnEnd(connection),
      onConnectionClosed: (connection) => this.#forget(connection),
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /**
   * @returns where it listens (port 0 has become a real one)
   * @throws NetError when the port is in use, not permitted, …
   */
  listen(options: ListenerOptions): Promise<Endpoint> {
    const { promise, resolve, reject } = Promise.withResolvers<Endpoint>()
    const closer = this.#env.net.listen(options, {
      onReady: resolve,
      onError: (error) => {
        this.#closers.delete(closer)
        reject(error)
      },
      onConnection: (conn) => this.serve(conn, options.name),
    })
    this.#closers.add(closer)
    return promise
  }

  /** Serves a connection that was accepted elsewhere. @returns the events that it must get */
  serve(conn: Conn, listener: string): ConnEvents {
    const ip = conn.remote.host
    const ofIp = this.#connectionsByIp.get(ip) ?? 0
    const { connectionsMax, connectionsPerIpMax } = this.#host.limits
    if (this.#closing || this.#connections.size >= connectionsMax || ofIp >= connectionsPerIpMax) {
      this.#refuse(conn)
      return REFUSED
    }
    this.#connectionsByIp.set(ip, ofIp + 1)
    const connection = new ServerConnection(this.#nextId, listener, conn, this.#authenticated, this.#host)
    this.#nextId += 1
    this.#connections.add(connection)
    this.#sweepTimer ??= this.#env.timers.after(SWEEP_MS, () => this.#sweep())
    return connection
  }

  /**
   * Stops accepting, lets requests in flight be answered for at most `deadlineMs`, closes all connections.
   * Resolves when the last one is gone and the ports are free.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true
    const { clock, timers } = this.#env
    const portsFree = [...this.#closers].map((closer) => new Promise<void>((done) => closer.close(done)))
    this.#closers.clear()
    const startedAtMs = clock.monoMs()
    for (const connection of this.#connections) connection.drain()
    const deadline = timers.after(deadlineMs, () => {
      const left = this.#connections.size
      this.#env.log.warn(
        { connections: left, afterMs: clock.monoMs() - startedAtMs },
        'closing busy connections',
      )
      for (const connection of this.#connections) connection.destroy()
    })
    if (this.#connections.size > 0) await new Promise<void>((done) => (this.#onLastClosed = done))
    timers.cancel(deadline)
    await Promise.all(portsFree)
  }

  #atTurnEnd(connection: ServerConnection): void {
    if (this.#turnEnd.push(connection) > 1) return
    this.#env.timers.endOfTurn(() => {
      const connections = this.#turnEnd
      this.#turnEnd = []
      for (const due of connections) due.onTurnEnd()
    })
  }

  #sweep(): void {
    const nowMs = this.#env.clock.monoMs()
    for (const connection of this.#connections) {
      const reason = connection.overdue(nowMs)
      if (reason !== null) connection.close(reason)
    }
    if (this.#refused > 0) {
      this.#env.log.warn(
        { refused: this.#refused, connections: this.#connections.size },
        'refused connections',
      )
      this.#refused = 0
    }
    const watching = this.#connections.size > 0 || this.#refused > 0
    this.#sweepTimer = watching ? this.#env.timers.after(SWEEP_MS, () => this.#sweep()) : null
  }

  #refuse(conn: Conn): void {
    // One line per sweep: a flood of connections must not become a flood of lines.
    this.#refused += 1
    conn.destroy()
  }

  #forget(connection: ServerConnection): void {
    this.#connections.delete(connection)
    const ip = connection.remote.host
    const left = this.#connectionsByIp.get(ip)! - 1
    if (left > 0) this.#connectionsByIp.set(ip, left)
    else this.#connectionsByIp.delete(ip)
    if (this.#connections.size > 0) return
    if (this.#sweepTimer !== null) this.#env.timers.cancel(this.#sweepTimer)
    this.#sweepTimer = null
    this.#onLastClosed?.()
  }
}

const REFUSED: ConnEvents = { onData() {}, onClose() {} }
