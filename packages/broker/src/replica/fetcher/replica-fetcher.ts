/**
 * Carries the fetches of this shard's followers to the shards that lead their partitions, and what these answer back,
 * checked.
 *
 * Owns: a link per leading shard, the fetches that the quota holds up. Must not know: logs, roles.
 * Invariant: a fetch is answered at most once, and never after it was cancelled or replaced.
 */
import { assert, NO_NODE } from '@millrace/base'
import type { BufferPool, Endpoint, Env, NodeId } from '@millrace/base'
import { MetadataImage } from '@millrace/metadata'
import { ErrorCode } from '@millrace/protocol'
import type { FetchAnswer, FetchError, FollowerFetch } from '@millrace/replication'
import type { FetchingReplica, ReplicaFetches } from '../replica-fetch.ts'
import type { ReplicationQuota } from '../replication-quota.ts'
import { fetchedRecords } from './fetched-records.ts'
import { HeldFetches } from './held-fetches.ts'
import { LeaderLink, PARTITION_BYTES_MAX, type PartitionResponse } from './leader-link.ts'
import type { SentFetch } from './pending-fetches.ts'

export interface ReplicaFetcherOptions {
  readonly env: Pick<Env, 'net' | 'timers' | 'clock' | 'log'>
  readonly nodeId: NodeId
  readonly pool: BufferPool
  /** Of what this broker fetches. */
  readonly quota: ReplicationQuota
  /** A leader's process is most likely gone, or there after all. */
  readonly onLostChanged: (leaderId: NodeId, isLost: boolean) => void
}

/** Where a partition is to be fetched from. */
interface Route {
  readonly leaderId: NodeId
  /** Of the leading shard, once another has named it; 0: the broker's own. */
  readonly port: number
}

/** A connection over which nobody has fetched for so long is closed with the next change of the metadata. */
const LINK_IDLE_MAX_MS = 30_000

export class ReplicaFetcher implements ReplicaFetches {
  readonly #options: ReplicaFetcherOptions
  /** By leader and port. */
  readonly #links = new Map<string, LeaderLink>()
  /** Weak: a replica that was flushing when it went does not say so. */
  #routes = new WeakMap<FetchingReplica, Route>()
  readonly #held: HeldFetches
  #image = MetadataImage.empty('')

  constructor(options: ReplicaFetcherOptions) {
    this.#options = options
    const { quota, env } = options
    this.#held = new HeldFetches({ quota, timers: env.timers, answerBytesMax: PARTITION_BYTES_MAX })
  }

  fetch(replica: FetchingReplica, leaderId: NodeId, fetch: FollowerFetch): void {
    assert(leaderId !== NO_NODE, 'a fetch from nobody')
    const known = this.#routes.get(replica)
    const route = known?.leaderId === leaderId ? known : { leaderId, port: 0 }
    if (known !== route) this.cancel(replica)
    this.#held.pass(replica, () => this.#send({ replica, fetch, isRedirected: false }, route))
  }

  cancel(replica: FetchingReplica): void {
    this.#held.remove(replica)
    const route = this.#routes.get(replica)
    if (route === undefined) return
    this.#routes.delete(replica)
    this.#links.get(keyOf(route))?.remove(replica)
  }

  onImage(image: MetadataImage): void {
    const { brokers: before } = this.#image
    this.#image = image
    for (const [key, link] of this.#links) {
      if (link.idleMs > LINK_IDLE_MAX_MS) {
        link.close()
        this.#links.delete(key)
      } else link.onImage(before.get(link.leaderId)?.epoch !== image.brokers.get(link.leaderId)?.epoch)
    }
  }

  /** What is throttled, or how much, may be something else. */
  onThrottlesChanged(): void {
    this.#held.reconsider()
  }

  isConnected(leaderId: NodeId): boolean {
    for (const link of this.#links.values()) if (link.leaderId === leaderId && link.isOpen) return true
    return false
  }

  /**
   * Since when its process has most likely been gone; null: it is not. Where one of its shards can still be reached only the
   * others are gone.
   */
  lostAtMs(leaderId: NodeId): number | null {
    let lostAtMs: number | null = null
    for (const link of this.#links.values()) {
      if (link.leaderId !== leaderId) continue
      if (link.isOpen) return null
      lostAtMs = link.lostAtMs ?? lostAtMs
    }
    return lostAtMs
  }

  close(): void {
    this.#held.close()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
    this.#routes = new WeakMap()
  }

  #send(sent: SentFetch, route: Route): void {
    this.#routes.set(sent.replica, route)
    this.#linkOf(route).add(sent)
  }

  #linkOf(route: Route): LeaderLink {
    const existing = this.#links.get(keyOf(route))
    if (existing !== undefined) return existing
    const { leaderId, port } = route
    const link = new LeaderLink({
      ...this.#options,
      leaderId,
      endpoint: () => this.#endpointOf(leaderId, port),
      onAnswer: (sent, response) => this.#onAnswer(sent, response),
      onLostChanged: () => this.#options.onLostChanged(leaderId, this.lostAtMs(leaderId) !== null),
    })
    this.#links.set(keyOf(route), link)
    return link
  }

  #endpointOf(leaderId: NodeId, port: number): Endpoint | null {
    const [endpoint] = this.#image.brokers.get(leaderId)?.endpoints ?? []
    if (endpoint === undefined) return null
    return { host: endpoint.host, port: port === 0 ? endpoint.port : port }
  }

  #onAnswer(sent: SentFetch, response: PartitionResponse | null): void {
    const { replica } = sent
    const route = this.#routes.get(replica)
    const isElsewhere = response !== null && response.shardPort !== 0
    if (isElsewhere && !sent.isRedirected && route !== undefined && route.port !== response.shardPort) {
      const there = { leaderId: route.leaderId, port: response.shardPort }
      return this.#send({ ...sent, isRedirected: true }, there)
    }
    if (response === null || isElsewhere) {
      // The leader may have come back with other shards. Where they send fetches in a circle the replica's pause ends that.
      this.#routes.delete(replica)
      return this.#tell(sent, null)
    }
    this.#tell(sent, this.#answerOf(response, replica))
  }

  #tell({ replica, fetch }: SentFetch, answer: FetchAnswer | null): void {
    this.#held.onAnswer(replica, fetch, answer)
    replica.onFetchAnswer(fetch.fetchId, answer)
  }

  #answerOf(response: PartitionResponse, { topicId, index }: FetchingReplica): FetchAnswer | null {
    const { errorCode, divergingEpoch, logStartOffset, highWatermark } = response
    if (errorCode !== ErrorCode.NONE) return { kind: 'error', error: errorOf(errorCode), logStartOffset }
    if (divergingEpoch.endOffset >= 0) return { kind: 'diverging', end: divergingEpoch, logStartOffset }
    const records = fetchedRecords(asBuffer(response.records))
    if (typeof records === 'string') {
      this.#options.env.log.error(
        { topicId, partition: index, problem: records },
        'a leader sent damaged records',
      )
      return null
    }
    return { kind: 'records', records, highWatermark, logStartOffset }
  }
}

const NO_BYTES = Buffer.alloc(0)

function asBuffer(records: Uint8Array | null): Buffer {
  if (records === null) return NO_BYTES
  return Buffer.isBuffer(records) ? records : Buffer.from(records.buffer, records.byteOffset, records.length)
}

/** What a replica has no other reaction to means: not this leader, not now. */
function errorOf(code: number): FetchError {
  switch (code) {
    case ErrorCode.FENCED_LEADER_EPOCH:
      return 'FENCED_LEADER_EPOCH'
    case ErrorCode.UNKNOWN_LEADER_EPOCH:
      return 'UNKNOWN_LEADER_EPOCH'
    case ErrorCode.OFFSET_OUT_OF_RANGE:
      return 'OFFSET_OUT_OF_RANGE'
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return 'KAFKA_STORAGE_ERROR'
    default:
      return 'NOT_LEADER_OR_FOLLOWER'
  }
}

function keyOf({ leaderId, port }: Route): string {
  return `${leaderId}:${port}`
}
