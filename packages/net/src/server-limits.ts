/** What one server allows its peers. All bounds are per server unless they say otherwise. */
export interface ServerLimits {
  /** Longest request of a connection that has authenticated, or need not. */
  readonly frameBytesMax: number
  /** Longest request before authentication. */
  readonly unauthenticatedFrameBytesMax: number
  /** Per connection: requests that are read but not answered; reading pauses at this many. */
  readonly inFlightRequestsMax: number
  /** Per connection: answers that the peer has not taken yet; reading pauses above it. */
  readonly outputBytesMax: number
  /** Requests that are arriving, all connections together; connections pause above it. */
  readonly requestMemoryBytesMax: number
  /** From accepting a connection to its first whole request. */
  readonly handshakeTimeoutMs: number
  /** From the first byte of a request to its last. */
  readonly frameTimeoutMs: number
  /** Without a byte in either direction and without a request in flight. */
  readonly idleTimeoutMs: number
  readonly connectionsMax: number
  /** Per remote address. */
  readonly connectionsPerIpMax: number
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  frameBytesMax: 100 * 1024 * 1024,
  unauthenticatedFrameBytesMax: 64 * 1024,
  inFlightRequestsMax: 256,
  outputBytesMax: 8 * 1024 * 1024,
  requestMemoryBytesMax: 128 * 1024 * 1024,
  handshakeTimeoutMs: 10_000,
  frameTimeoutMs: 30_000,
  idleTimeoutMs: 600_000,
  connectionsMax: 10_000,
  connectionsPerIpMax: 10_000,
}
