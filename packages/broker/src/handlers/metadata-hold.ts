/**
 * Metadata answers that wait until they help. librdkafka asks once when a connection ends, and when the answer still names
 * the leader that it has just lost, not again for a second; when it names none, after pauses that double. So while a leader
 * that a request is about is most likely gone, the answer waits for the election.
 *
 * The client may have noticed before this broker: a process that dies closes its connections one after another. Whoever
 * asks for the same connection's second time about leaders elsewhere therefore waits some milliseconds in any case.
 *
 * On Kafka's wire only: there answers leave in order, so what else was asked on the connection waits, too, which bounds all
 * this; our own clients ask often enough.
 */
import { NO_NODE } from '@millrace/base'
import type { NodeId } from '@millrace/base'
import type { Connection, RequestContext } from '@millrace/net'
import { LateAnswer } from '@millrace/protocol'
import type { NoResponse, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ClusterView } from '../shard/cluster-view.ts'
import type { MetadataWaits } from '../shard/metadata-waits.ts'

type MetadataRequest = RequestOf<'Metadata'>
type MetadataResponse = ResponseInputOf<'Metadata'>

/** From the loss on. An election takes a tenth of it, as a rule; a broker that is only out of reach is not waited for. */
const ELECTION_MAX_MS = 300
/** Between the ends of two connections of one process, and for the news to pass between shards. */
const NOTICE_MS = 10

export class MetadataHold {
  readonly #cluster: ClusterView
  readonly #waits: MetadataWaits
  /** Those that have asked about topics before. */
  readonly #asked = new WeakSet<Connection>()

  constructor(cluster: ClusterView, waits: MetadataWaits) {
    this.#cluster = cluster
    this.#waits = waits
  }

  answer(
    request: MetadataRequest,
    context: RequestContext,
    give: () => MetadataResponse,
  ): MetadataResponse | LateAnswer<MetadataResponse | NoResponse> {
    const { connection } = context
    if (connection.wire !== 'kafka' || request.topics === null || request.topics.length === 0) return give()
    const mayBeAboutLoss = this.#asked.has(connection) && this.#otherLeaders(request).size > 0
    this.#asked.add(connection)
    const noticeMs = mayBeAboutLoss ? NOTICE_MS : 0
    const electionMs = this.#electionLeftMs(request)
    if (noticeMs === 0 && electionMs === 0) return give()
    const answer = new LateAnswer<MetadataResponse | NoResponse>()
    const awaitElection = (): void =>
      this.#wait(
        context,
        this.#electionLeftMs(request),
        () => this.#electionLeftMs(request) === 0,
        () => answer.give(give()),
      )
    if (electionMs > 0) awaitElection()
    else this.#wait(context, noticeMs, () => this.#electionLeftMs(request) > 0, awaitElection)
    return answer
  }

  #wait(context: RequestContext, maxMs: number, isOver: () => boolean, onOver: () => void): void {
    if (maxMs === 0) return onOver()
    context.onClosed(this.#waits.add(maxMs, isOver, onOver))
  }

  /** How much longer it is worth waiting for new leaders of these topics. */
  #electionLeftMs(request: MetadataRequest): number {
    let leftMs = 0
    for (const leader of this.#otherLeaders(request)) {
      const lostForMs = this.#cluster.lostForMs(leader)
      if (lostForMs !== null) leftMs = Math.max(leftMs, ELECTION_MAX_MS - lostForMs)
    }
    return leftMs
  }

  #otherLeaders({ topics }: MetadataRequest): Set<NodeId> {
    const { image } = this.#cluster
    const leaders = new Set<NodeId>()
    for (const { name, topicId } of topics ?? []) {
      const topic = name === null ? image.topics.byId(topicId) : image.topics.byName(name)
      for (const { leader } of topic?.partitions ?? []) {
        if (leader !== NO_NODE && !this.#cluster.isSelf(leader)) leaders.add(leader)
      }
    }
    return leaders
  }
}
