/**
 * Opens a client connection: dials, finds out which wire and which versions the server speaks. `auto` begins on
 * Kafka's wire and changes to the native one where the server offers it, which costs a second dial: callers may
 * remember the outcome and ask for that wire the next time.
 */
import { BufferPool, type ClientEnv, type Endpoint } from '@millrace/base'
import {
  apis,
  ErrorCode,
  errorInfo,
  NATIVE_CLIENT_NAME,
  NATIVE_WIRE_VERSION,
  type ResponseOf,
} from '@millrace/protocol'
import { ClientConnection, type DialOptions } from './client-connection.ts'
import { ConnectionError, RequestTimeoutError } from './connection-error.ts'
import { KAFKA_WIRE, NATIVE_WIRE, type Wire, type WireName } from './wire.ts'

const RESPONSE_BYTES_MAX = 256 * 1024 * 1024
const POOLED_BYTES_MAX = 16 * 1024 * 1024

export interface ConnectOptions {
  readonly env: Pick<ClientEnv, 'net' | 'timers' | 'clock'>
  readonly endpoint: Endpoint
  readonly clientId: string | null
  readonly wire: WireName | 'auto'
  /** For everything: dialling, both wires, versions. */
  readonly connectTimeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Memory for responses that span reads; its own when left out. */
  readonly pool?: BufferPool | undefined
  readonly responseBytesMax?: number | undefined
}

/** @throws ConnectionError, or the signal's reason */
export async function connect(options: ConnectOptions): Promise<ClientConnection> {
  const attempt = new Attempt(options)
  try {
    if (options.wire !== 'auto')
      return await attempt.open(options.wire === 'native' ? NATIVE_WIRE : KAFKA_WIRE)
    const kafka = await attempt.open(KAFKA_WIRE)
    if (attempt.nativeWire !== NATIVE_WIRE_VERSION) return kafka
    kafka.close()
    return await attempt.open(NATIVE_WIRE)
  } finally {
    attempt.end()
  }
}

/** One call of `connect`: its deadline and signal cut off whatever it is waiting for. */
class Attempt {
  /** Version of the native wire that the server offered; 0: none. */
  nativeWire = 0
  readonly #options: ConnectOptions
  readonly #dialOptions: DialOptions
  readonly #deadlineMs: number
  #current: ClientConnection | null = null
  readonly #onAbort = (): void => this.#current?.close()

  constructor(options: ConnectOptions) {
    const { env, endpoint, clientId, pool, responseBytesMax } = options
    this.#options = options
    this.#deadlineMs = env.clock.monoMs() + options.connectTimeoutMs
    this.#dialOptions = {
      env,
      endpoint,
      clientId,
      pool: pool ?? new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX }),
      frameBytesMax: responseBytesMax ?? RESPONSE_BYTES_MAX,
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  end(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }

  async open(wire: Wire): Promise<ClientConnection> {
    this.#options.signal?.throwIfAborted()
    const { timers } = this.#options.env
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const connection = this.#dial(wire, resolve)
    this.#current = connection
    connection.onceClosed(reject)
    const timer = timers.after(this.#remainingMs(), () =>
      connection.closeWith(new ConnectionError('timeout', connection.endpoint)),
    )
    try {
      await promise
      const answer = await this.#apiVersions(connection)
      if (answer.errorCode !== ErrorCode.NONE) {
        const detail = `ApiVersions is answered with error ${errorInfo(answer.errorCode).name}`
        throw new ConnectionError('corrupt', connection.endpoint, detail)
      }
      connection.useVersions(answer.apiKeys)
      this.nativeWire = answer.nativeWire
      return connection
    } catch (error) {
      connection.close()
      this.#options.signal?.throwIfAborted()
      throw this.#explained(error, wire)
    } finally {
      timers.cancel(timer)
    }
  }

  /** An address may come from anywhere, such as a broker's answer: one that can't be dialled at all is unreachable, too. */
  #dial(wire: Wire, onOpen: () => void): ClientConnection {
    try {
      return new ClientConnection(wire, this.#dialOptions, onOpen)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ConnectionError('unreachable', this.#dialOptions.endpoint, reason)
    }
  }

  /** Asks in the newest version; a server that refuses it says which one it speaks, or at least answers version 0. */
  async #apiVersions(connection: ClientConnection): Promise<ResponseOf<'ApiVersions'>> {
    const newest = apis.ApiVersions.versions.max
    const answer = await this.#askVersions(connection, newest)
    if (answer.errorCode !== ErrorCode.UNSUPPORTED_VERSION) return answer
    const served = answer.apiKeys.find(({ apiKey }) => apiKey === apis.ApiVersions.key)
    return this.#askVersions(connection, Math.min(served?.maxVersion ?? 0, newest))
  }

  async #askVersions(connection: ClientConnection, version: number): Promise<ResponseOf<'ApiVersions'>> {
    const body = {
      clientSoftwareName: NATIVE_CLIENT_NAME,
      clientSoftwareVersion: String(NATIVE_WIRE_VERSION),
    }
    return connection.request('ApiVersions', body, { version, timeoutMs: this.#remainingMs() })
  }

  #remainingMs(): number {
    return Math.max(0, this.#deadlineMs - this.#options.env.clock.monoMs())
  }

  #explained(error: unknown, wire: Wire): unknown {
    // Two timers end at the same moment, and whichever runs first says why: a process that is stopped accepts
    // connections and answers nothing.
    if (error instanceof RequestTimeoutError) return new ConnectionError('timeout', error.endpoint)
    if (!(error instanceof ConnectionError) || (error.reason !== 'eof' && error.reason !== 'reset'))
      return error
    const dialect = wire === NATIVE_WIRE ? "Millrace's native wire" : "Kafka's protocol"
    return new ConnectionError(error.reason, error.endpoint, `the server hung up: does it speak ${dialect}?`)
  }
}
