/** The ways to all other replicas of the metadata log, by node. */
import { BufferPool, type Log, type NodeId } from '@millrace/base'
import type { ConnectOptions } from '@millrace/net'
import type { RaftEffect } from '@millrace/raft'
import { type Answered, PeerConnection } from './peer-connection.ts'

export interface PeerConnectionsOptions {
  readonly env: ConnectOptions['env']
  readonly log: Log
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly requestTimeoutMs: number
  /** Whose end must be noticed at once: the leader. */
  isWatched(id: NodeId): boolean
  onGone(id: NodeId): void
}

const POOLED_BYTES_MAX = 8 * 1024 * 1024

export class PeerConnections {
  readonly #options: PeerConnectionsOptions
  readonly #pool = new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX })
  readonly #peers = new Map<NodeId, PeerConnection>()

  constructor(options: PeerConnectionsOptions) {
    this.#options = options
  }

  /** @param answered runs later, once: with null when there is no answer */
  send({ to, request }: Extract<RaftEffect, { kind: 'send' }>, answered: Answered): void {
    this.#peer(to).request(request, answered)
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
  }

  #peer({ id, endpoint }: Extract<RaftEffect, { kind: 'send' }>['to']): PeerConnection {
    const known = this.#peers.get(id)
    if (known !== undefined && known.endpoint.host === endpoint.host && known.endpoint.port === endpoint.port)
      return known
    known?.retire()
    const { env, log, clusterId, nodeId, requestTimeoutMs } = this.#options
    const peer = new PeerConnection(endpoint, {
      env,
      log: log.child({ peerId: id }),
      pool: this.#pool,
      clientId: `quorum-${nodeId}`,
      clusterId,
      requestTimeoutMs,
      isWatched: () => this.#peers.get(id) === peer && this.#options.isWatched(id),
      onGone: () => this.#options.onGone(id),
    })
    this.#peers.set(id, peer)
    return peer
  }
}
