/** What can go wrong between a client and a server, apart from the error codes inside responses. */
import type { CloseReason, Endpoint } from '@millrace/base'
import type { ApiName } from '@millrace/protocol'

/**
 * `corrupt`: the peer sent what is not its protocol. `timeout`: it could not be reached in time. `local`: this side
 * closed. The others as the network reports them.
 */
export type ConnectionErrorReason = CloseReason | 'corrupt'

/** The connection is gone, or never came about. Requests in flight may or may not have been carried out. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly reason: ConnectionErrorReason
  readonly endpoint: Endpoint

  constructor(reason: ConnectionErrorReason, endpoint: Endpoint, detail?: string) {
    super(`${endpoint.host}:${endpoint.port}: ${detail ?? TEXTS[reason]}`)
    this.reason = reason
    this.endpoint = endpoint
  }
}

const TEXTS: Readonly<Record<ConnectionErrorReason, string>> = {
  local: 'the connection was closed by this side',
  eof: 'the server closed the connection',
  reset: 'the connection was reset',
  refused: 'connection refused: nothing listens there',
  unreachable: 'the address is unknown or unreachable',
  timeout: 'the server could not be reached in time',
  corrupt: 'the server sent what is not a response',
}

/** No answer in time. The request may or may not have been carried out. */
export class RequestTimeoutError extends Error {
  override readonly name = 'RequestTimeoutError'
  readonly api: ApiName
  readonly endpoint: Endpoint

  constructor(api: ApiName, endpoint: Endpoint, timeoutMs: number) {
    super(`${endpoint.host}:${endpoint.port} did not answer ${api} within ${timeoutMs} ms`)
    this.api = api
    this.endpoint = endpoint
  }
}

/** The server and this client have no version of an API in common. */
export class UnsupportedApiError extends Error {
  override readonly name = 'UnsupportedApiError'
  readonly api: ApiName
  readonly endpoint: Endpoint

  constructor(api: ApiName, endpoint: Endpoint) {
    super(`${endpoint.host}:${endpoint.port} serves no version of ${api} that this client speaks`)
    this.api = api
    this.endpoint = endpoint
  }
}
