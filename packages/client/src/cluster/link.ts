/**
 * A connection to one broker as the clients see it: requests out, answers in. Hides which wire is spoken and how.
 * `netDial` makes real ones; tests pass a `Dial` of their own.
 */
import type { ApiName, RequestInputOf, ResponseOf } from '@millrace/protocol'
import type { Endpoint } from '@millrace/base'

/** `native`: Millrace's own frames. `kafka`: Kafka's protocol, for any broker that speaks it. */
export type Wire = 'native' | 'kafka'

export interface RequestOptions {
  /** How long to wait for the answer. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface Link {
  /** What was negotiated. */
  readonly wire: Wire
  readonly isOpen: boolean
  /**
   * Sends at once and resolves with the answer; requests may be in flight together.
   *
   * @throws ConnectionError when the connection breaks before the answer, TimeoutError when no answer comes in time
   */
  request<Name extends ApiName>(
    api: Name,
    body: RequestInputOf<Name>,
    options: RequestOptions,
  ): Promise<ResponseOf<Name>>
  /** Sends a request that gets no answer (Produce with `acks: 0`); resolves once the operating system has taken it. */
  send<Name extends ApiName>(api: Name, body: RequestInputOf<Name>): Promise<void>
  /** Closes the connection; requests in flight reject. */
  close(): void
}

export interface DialOptions {
  readonly clientId: string
  /** `auto`: native where the broker offers it, else Kafka's. */
  readonly wire: Wire | 'auto'
  readonly connectTimeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** Opens a connection and negotiates versions. Rejects with a `ConnectionError` that names the address. */
export type Dial = (endpoint: Endpoint, options: DialOptions) => Promise<Link>
