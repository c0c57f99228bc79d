/**
 * Fetch requests of followers (native wire, `replicaState` set): hands their fetches to the replicas that this shard leads,
 * and parks the request until one of them has something to tell.
 *
 * Owns: a session per connection. Must not know: replication.
 */
import type { Connection, RequestContext } from '@millrace/net'
import { NO_NODE, NO_OFFSET } from '@millrace/base'
import { ErrorCode, LateAnswer } from '@millrace/protocol'
import type { NoResponse, RequestOf } from '@millrace/protocol'
import { Partition } from '../../partition/partition.ts'
import type { ClusterView } from '../../shard/cluster-view.ts'
import type { TopicTable } from '../../topics/topic-table.ts'
import { type FetchResponse, ReplicaSession, type ReplicaSessionSurroundings } from './replica-session.ts'

type FetchRequest = RequestOf<'Fetch'>
type TopicRequest = FetchRequest['topics'][number]
type PartitionRequest = TopicRequest['partitions'][number]
type Answer = FetchResponse | NoResponse

export interface ReplicaServingOptions extends ReplicaSessionSurroundings {
  readonly topics: TopicTable
  readonly cluster: Pick<ClusterView, 'ports'>
  readonly isDraining: () => boolean
}

const NO_RECORDS = Buffer.alloc(0)

export class ReplicaServing {
  readonly #options: ReplicaServingOptions
  readonly #sessions = new Map<Connection, ReplicaSession>()

  constructor(options: ReplicaServingOptions) {
    this.#options = options
  }

  /** Whether a broker asks: only brokers speak for replicas, and they speak the native wire. */
  static isReplicas({ replicaState }: FetchRequest, { connection }: RequestContext): boolean {
    return replicaState.replicaId !== NO_NODE && connection.wire === 'native'
  }

  handle(request: FetchRequest, context: RequestContext): FetchResponse | LateAnswer<Answer> {
    const session = this.#sessionOf(context.connection)
    session.onRequest(request.maxBytes)
    for (const { topicId, partitions } of request.forgottenTopicsData) {
      for (const index of partitions) session.forget({ topicId, index })
    }
    for (const topic of request.topics) {
      for (const partition of topic.partitions) this.#take(request, topic, partition, session)
    }
    if (session.hasSomethingToTell || this.#options.isDraining()) return session.answer(context)
    const answer = new LateAnswer<Answer>()
    session.park(answer, context, request.maxWaitMs)
    context.onClosed(() => {
      this.#sessions.delete(context.connection)
      session.close()
    })
    return answer
  }

  /** What is throttled, or how much, may be something else. */
  onThrottlesChanged(): void {
    for (const session of this.#sessions.values()) session.onThrottlesChanged()
  }

  /** The shard is about to stop: what is parked is answered with what there is. */
  drain(): void {
    for (const session of this.#sessions.values()) session.hurry()
  }

  #sessionOf(connection: Connection): ReplicaSession {
    const existing = this.#sessions.get(connection)
    if (existing !== undefined) return existing
    // What it waited for has been dropped: if it is still there it has to ask anew.
    const session = new ReplicaSession(this.#options, (waited) => {
      this.#sessions.delete(connection)
      if (waited) connection.close('a follower no longer asks for what it waits for')
    })
    this.#sessions.set(connection, session)
    return session
  }

  #take(
    { replicaState }: FetchRequest,
    { topicId }: TopicRequest,
    asked: PartitionRequest,
    session: ReplicaSession,
  ): void {
    const topic = this.#options.topics.byId(topicId)
    const slot = topic?.slots[asked.partition]
    if (!(slot instanceof Partition)) {
      const errorCode = topic === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.NOT_LEADER_OR_FOLLOWER
      const shardPort =
        slot !== undefined && 'shard' in slot ? (this.#options.cluster.ports.shardPorts[slot.shard] ?? 0) : 0
      const { partition: partitionIndex, fetchId } = asked
      return session.refuse(topicId, {
        partitionIndex,
        errorCode,
        highWatermark: NO_OFFSET,
        records: NO_RECORDS,
        fetchId,
        shardPort,
      })
    }
    const { replica } = slot
    const { replicaId, replicaEpoch: brokerEpoch } = replicaState
    const { fetchId, currentLeaderEpoch: leaderEpoch, partitionMaxBytes: bytesMax } = asked
    session.expect({ replica, replicaId, fetchId, leaderEpoch, bytesMax })
    const { fetchOffset, lastFetchedEpoch, logStartOffset, highWatermark } = asked
    const position = { fetchOffset, lastFetchedEpoch, logStartOffset, highWatermark }
    replica.onReplicaFetch({ replicaId, brokerEpoch, fetchId, leaderEpoch, ...position }, session)
  }
}
