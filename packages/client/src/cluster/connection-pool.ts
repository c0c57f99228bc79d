/**
 * The connections of one client: at most one per broker and lane, opened when first needed, opened again after a
 * break with backoff. A lane keeps requests apart that must not wait for each other: on Kafka's wire answers come in
 * order, so that a parked fetch would hold up everything behind it.
 *
 * Must not know: topics, retries of requests.
 */
import type { ClientEnv, Endpoint } from '@millrace/base'
import { formatEndpoint } from '../bootstrap.ts'
import { ClosedError } from '../errors.ts'
import { backoffMs } from '../retry/backoff.ts'
import type { BackoffOptions } from '../retry/backoff.ts'
import { delay } from '../retry/call-scope.ts'
import type { Dial, DialOptions, Link, Wire } from './link.ts'
import { WatchedLink } from './watched-link.ts'

export interface ConnectionPoolOptions extends DialOptions {
  readonly env: Pick<ClientEnv, 'clock' | 'timers' | 'rng'>
  readonly dial: Dial
  readonly reconnectBackoff: BackoffOptions
  /** Requests wait at this address, and nothing comes back: told again and again while it lasts. */
  readonly onSilent: (endpoint: Endpoint) => void
}

interface Slot {
  link: WatchedLink | null
  opening: Promise<Link> | null
  /** Failed dials in a row. */
  failures: number
  /** Not before this, after a failure. */
  retryAtMs: number
}

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions
  readonly #slots = new Map<string, Slot>()
  readonly #closing = new AbortController()
  /** What the first connection negotiated; the other brokers of a cluster speak the same. */
  #wire: Wire | null = null

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
  }

  /** Null before the first connection. */
  get wire(): Wire | null {
    return this.#wire
  }

  /**
   * The open connection, or a new one. Concurrent callers share one dial.
   *
   * @param endpoint read anew at every reconnect, so that a broker which moved is found
   */
  acquire(lane: string, endpoint: Endpoint): Promise<Link> {
    if (this.#closing.signal.aborted) return Promise.reject(new ClosedError('client'))
    const slot = this.#slot(`${lane} ${formatEndpoint(endpoint)}`)
    if (slot.link?.isOpen === true) return Promise.resolve(slot.link)
    slot.opening ??= this.#open(slot, endpoint).finally(() => (slot.opening = null))
    return slot.opening
  }

  /** The connection if it is open and not silent: what a request that is no reason to dial uses. */
  peek(lane: string, endpoint: Endpoint): Link | null {
    const link = this.#slots.get(`${lane} ${formatEndpoint(endpoint)}`)?.link
    return link?.isOpen === true && !link.isSilent ? link : null
  }

  /** Whether requests wait at this address, in whatever lane, and nothing comes back. */
  isSilent(endpoint: Endpoint): boolean {
    const suffix = ` ${formatEndpoint(endpoint)}`
    for (const [key, { link }] of this.#slots) {
      if (key.endsWith(suffix) && link?.isOpen === true && link.isSilent) return true
    }
    return false
  }

  /** Closes all connections to an address: requests that wait there reject. */
  drop(endpoint: Endpoint): void {
    const suffix = ` ${formatEndpoint(endpoint)}`
    for (const [key, { link }] of this.#slots) if (key.endsWith(suffix)) link?.close()
  }

  /** Closes the connections of one lane, for a consumer that ends while its client goes on. */
  closeLane(lane: string): void {
    for (const [key, slot] of this.#slots) {
      if (!key.startsWith(`${lane} `)) continue
      this.#slots.delete(key)
      slot.link?.close()
      void slot.opening?.then(
        (link) => link.close(),
        () => undefined,
      )
    }
  }

  close(): void {
    this.#closing.abort(new ClosedError('client'))
    for (const slot of this.#slots.values()) slot.link?.close()
    this.#slots.clear()
  }

  #slot(key: string): Slot {
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = { link: null, opening: null, failures: 0, retryAtMs: 0 }
      this.#slots.set(key, slot)
    }
    return slot
  }

  async #open(slot: Slot, endpoint: Endpoint): Promise<Link> {
    const { env, dial, reconnectBackoff, wire, onSilent, ...dialOptions } = this.#options
    const { signal } = this.#closing
    const waitMs = slot.retryAtMs - env.clock.monoMs()
    if (waitMs > 0) await delay(env.timers, waitMs, signal)
    try {
      const link = await dial(endpoint, { ...dialOptions, wire: this.#wire ?? wire, signal })
      if (signal.aborted) {
        link.close()
        throw new ClosedError('client')
      }
      this.#wire ??= link.wire
      slot.link = new WatchedLink(link, env, () => onSilent(endpoint))
      slot.failures = 0
      return slot.link
    } catch (error) {
      // What was negotiated may not hold any more, after an upgrade or behind another address.
      this.#wire = null
      slot.failures++
      slot.retryAtMs = env.clock.monoMs() + backoffMs(reconnectBackoff, slot.failures, env.rng.u32())
      throw error
    }
  }
}
