/**
 * The controller listener: serves the quorum's replicas, and whoever wants something decided.
 *
 * Owns: the listener, and which connection each broker's heartbeats come by. Must not know: what is decided.
 * Invariant: a broker's connection is told about once it closes from the other side, never when this side closes it.
 */
import {
  type Closer,
  type CloseReason,
  type Conn,
  type ConnEvents,
  type Endpoint,
  type Env,
  type NetError,
  type NodeId,
} from '@millrace/base'
import { type Dispatch, type RequestContext, Server, type ServerLimits } from '@millrace/net'
import {
  advertisedVersions,
  type ControllerHandlers,
  type DecodedRequest,
  isServedOn,
  NATIVE_CLIENT_NAME,
  NATIVE_WIRE_VERSION,
  NO_RESPONSE,
} from '@millrace/protocol'
import { formatEndpoint } from '../listener.ts'

/** All but what every listener answers alike. */
export type ControllerListenerHandlers = Omit<ControllerHandlers<RequestContext>, 'ApiVersions'>

export interface ControllerServerOptions {
  readonly env: Pick<Env, 'net' | 'clock' | 'timers' | 'log'>
  readonly handlers: ControllerListenerHandlers
  readonly limits: Partial<ServerLimits>
  /** A connection by which this broker sent heartbeats was closed by its side. */
  readonly onBrokerDisconnected: (broker: NodeId) => void
}

const LISTENER = 'CONTROLLER'
const API_KEYS = advertisedVersions('controller')

export class ControllerServer {
  readonly #options: ControllerServerOptions
  readonly #handlers: ControllerHandlers<RequestContext>
  readonly #server: Server
  /** By the address of the other side. */
  readonly #brokers = new Map<string, NodeId>()
  #closer: Closer | null = null

  constructor(options: ControllerServerOptions) {
    const { env, limits, handlers } = options
    this.#options = options
    this.#handlers = {
      ...handlers,
      ApiVersions: ({ clientSoftwareName }) => ({
        apiKeys: API_KEYS,
        nativeWire: clientSoftwareName === NATIVE_CLIENT_NAME ? NATIVE_WIRE_VERSION : 0,
      }),
      BrokerHeartbeat: (request, context) => {
        this.#brokers.set(formatEndpoint(context.connection.remote), request.brokerId)
        return handlers.BrokerHeartbeat(request, context)
      },
    }
    this.#server = new Server({
      env,
      limits,
      dispatch: (request, context) => this.#dispatch(request, context),
    })
  }

  /** @returns where it listens. @throws NetError */
  listen(endpoint: Endpoint): Promise<Endpoint> {
    return new Promise((resolve, reject: (error: NetError) => void) => {
      this.#closer = this.#options.env.net.listen(endpoint, {
        onReady: resolve,
        onError: (error) => {
          this.#closer = null
          reject(error)
        },
        onConnection: (conn) => this.#serve(conn),
      })
    })
  }

  /** Lets requests under way be answered for at most so long. Resolves when the port is free. */
  async close(deadlineMs: number): Promise<void> {
    const closer = this.#closer
    this.#closer = null
    const portFree = new Promise<void>((done) => (closer === null ? done() : closer.close(done)))
    await Promise.all([portFree, this.#server.close(deadlineMs)])
  }

  #serve(conn: Conn): ConnEvents {
    const remote = formatEndpoint(conn.remote)
    const served = this.#server.serve(conn, LISTENER)
    return {
      onData: (chunk) => served.onData(chunk),
      receiveBuffer: () => served.receiveBuffer?.(),
      onDrain: () => served.onDrain?.(),
      onClose: (reason) => {
        served.onClose(reason)
        this.#onClosed(remote, reason)
      },
    }
  }

  #onClosed(remote: string, reason: CloseReason): void {
    const broker = this.#brokers.get(remote)
    this.#brokers.delete(remote)
    if (broker !== undefined && (reason === 'reset' || reason === 'eof')) {
      this.#options.onBrokerDisconnected(broker)
    }
  }

  #dispatch(request: DecodedRequest, context: RequestContext): ReturnType<Dispatch> {
    if (!isServedOn('controller', request.api)) {
      context.connection.close(`${request.api} is not served by a controller`)
      return NO_RESPONSE
    }
    // The handler of an API takes and gives that API's bodies: more than the compiler can follow here.
    return this.#handlers[request.api](request.body as never, context) as ReturnType<Dispatch>
  }
}
