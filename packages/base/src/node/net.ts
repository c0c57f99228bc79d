/**
 * TCP through `node:net`. Reads go into static memory (`onread`), which costs a third of `'data'` events: one receive
 * buffer for all connections of the thread, or the memory that a connection asks for by `receiveBuffer`. A single
 * buffer can serve them all because the kernel fills it and the callback consumes it in one uninterrupted step.
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import {
  NetError,
  type Closer,
  type Conn,
  type Endpoint,
  type ListenHandlers,
  type Log,
  type Net,
} from '../env.ts'
import { NodeConn } from './conn.ts'
import { silentLog } from './log.ts'
import { acceptedSocket } from './on-read.ts'

/** Large enough for a few dozen small requests per read, small enough to stay in the second-level cache. */
const RECEIVE_BUFFER_BYTES = 64 * 1024

/** One per thread. Failed `accept` calls, which concern nobody yet, go to `log`. */
export function nodeNet({ log = silentLog }: { log?: Log | undefined } = {}): Net {
  const receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES)

  function accept(socket: Socket, handlers: ListenHandlers): void {
    const conn = new NodeConn(receiveBuffer, null)
    conn.attach(acceptedSocket(socket, conn.onRead))
    conn.events = handlers.onConnection(conn)
    conn.start()
  }

  return {
    listen(options, handlers) {
      const server = createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true }, (socket) =>
        accept(socket, handlers),
      )
      return listenOn(server, options, handlers, log)
    },
    dial(endpoint, events): Conn {
      const conn = new NodeConn(receiveBuffer, endpoint)
      conn.events = events
      conn.attach(connect({ ...endpoint, noDelay: true, keepAlive: true, onread: conn.onRead }))
      return conn
    },
  }
}

function listenOn(
  server: Server,
  options: Endpoint & { readonly reusePort?: boolean },
  handlers: ListenHandlers,
  log: Log,
): Closer {
  let bound: Endpoint | null = null
  let closed = false
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (bound !== null) log.warn({ ...bound, code: error.code }, 'a connection could not be accepted')
    else if (!closed) handlers.onError(listenError(error, options))
  })
  server.listen({ host: options.host, port: options.port, reusePort: options.reusePort ?? false }, () => {
    const { address, port } = server.address() as AddressInfo
    bound = { host: address, port }
    if (!closed) handlers.onReady(bound)
  })
  return {
    close(done) {
      closed = true
      // A server that could not listen reports so here; nothing is left to close then.
      server.close(() => done?.())
    },
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: Endpoint): NetError {
  const code = error.code ?? 'EUNKNOWN'
  return new NetError(code, `cannot listen on ${host}:${port}: ${LISTEN_ERRORS.get(code) ?? error.message}`)
}

const LISTEN_ERRORS = new Map([
  ['EADDRINUSE', 'the port is in use'],
  ['EACCES', 'not permitted to use this port'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTSUP', 'several listeners on one port are not supported on this platform'],
  ['EINVAL', 'the operating system rejects the address or an option'],
  ['ENOTFOUND', 'the host name is unknown'],
])
