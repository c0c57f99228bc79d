/** Real connections: `net`'s client connection behind the `Link` interface, with errors that say what to do. */
import { BufferPool } from '@millrace/base'
import type { ClientEnv, Endpoint } from '@millrace/base'
import {
  connect,
  ConnectionError as NetConnectionError,
  RequestTimeoutError,
  UnsupportedApiError,
} from '@millrace/net'
import type { ClientConnection } from '@millrace/net'
import { EncodeError } from '@millrace/protocol'
import type { ApiName, RequestInputOf, ResponseOf } from '@millrace/protocol'
import { formatEndpoint } from '../bootstrap.ts'
import { ConnectionError, MillraceError, TimeoutError } from '../errors.ts'
import type { Dial, Link, RequestOptions, Wire } from './link.ts'

/** For frames that span reads, shared by the connections of one client. */
const POOLED_BYTES_MAX = 16 * 1024 * 1024

export function netDial(env: ClientEnv): Dial {
  const pool = new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX })
  return async (endpoint, { clientId, wire, connectTimeoutMs, signal }) => {
    try {
      return new NetLink(await connect({ env, endpoint, clientId, wire, connectTimeoutMs, signal, pool }))
    } catch (error) {
      throw translated(error, endpoint)
    }
  }
}

class NetLink implements Link {
  readonly #connection: ClientConnection

  constructor(connection: ClientConnection) {
    this.#connection = connection
  }

  get wire(): Wire {
    return this.#connection.wire
  }

  get isOpen(): boolean {
    return this.#connection.failure === null
  }

  async request<Name extends ApiName>(
    api: Name,
    body: RequestInputOf<Name>,
    options: RequestOptions,
  ): Promise<ResponseOf<Name>> {
    try {
      return await this.#connection.request(api, body, options)
    } catch (error) {
      // A peer that is silent for so long may be gone without a trace; requests behind this one must not find out again.
      if (error instanceof RequestTimeoutError) this.#connection.close()
      throw translated(error, this.#connection.endpoint)
    }
  }

  async send<Name extends ApiName>(api: Name, body: RequestInputOf<Name>): Promise<void> {
    try {
      await this.#connection.send(api, body)
    } catch (error) {
      throw translated(error, this.#connection.endpoint)
    }
  }

  close(): void {
    this.#connection.close()
  }
}

function translated(error: unknown, endpoint: Endpoint): unknown {
  if (error instanceof NetConnectionError) return new ConnectionError(error.message, error)
  if (error instanceof RequestTimeoutError) return new TimeoutError(error.message, error)
  if (error instanceof UnsupportedApiError || error instanceof EncodeError) {
    const advice = 'the broker is too old for this call'
    return new MillraceError(
      'UNSUPPORTED_VERSION',
      `${formatEndpoint(endpoint)}: ${error.message}: ${advice}`,
      false,
      error,
    )
  }
  return error
}
