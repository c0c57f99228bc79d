/** How the network behaves when nobody disturbs it. Times in true milliseconds. */
export interface NetworkProfile {
  /** Least one-way latency between hosts. */
  readonly latencyMs: number
  /** Mean of the exponential part on top of it. */
  readonly jitterMs: number
  /** Capacity of a directed link; Infinity: none. */
  readonly bytesPerMs: number
  /** One delivery in this many is split at a random byte. 0: none. */
  readonly splitOneIn: number
  /** Bytes that a connection takes in one direction before its reader has consumed them. */
  readonly pipeBytes: number
  /** A dial that nobody answers ends after so long. */
  readonly dialTimeoutMs: number
  /** The first retransmission; each later one waits twice as long, up to `retransmitMsMax`. */
  readonly retransmitMs: number
  readonly retransmitMsMax: number
  /** Bytes that were not acknowledged for so long end the connection: Linux counts to about this with 15 tries. */
  readonly retransmitLimitMs: number
  /** Close notifications come up to so much later than the bytes before them. */
  readonly closeDelayMsMax: number
}

/** A rack: 0.1 ms and a bit, as between machines in one data centre. */
export const DEFAULT_NETWORK: NetworkProfile = {
  latencyMs: 0.1,
  jitterMs: 0.2,
  bytesPerMs: Infinity,
  splitOneIn: 8,
  pipeBytes: 256 * 1024,
  dialTimeoutMs: 127_000,
  retransmitMs: 200,
  retransmitMsMax: 120_000,
  retransmitLimitMs: 924_600,
  closeDelayMsMax: 1,
}

/** A process on the same machine. */
export const LOOPBACK_LATENCY_MS = 0.02
