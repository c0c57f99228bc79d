/**
 * The fetches of one follower shard at this shard, which leads what they ask for. A request brings only fetches that are new
 * since the last one, an answer only partitions with something to tell, so a partition at rest costs nothing (compare the
 * incremental fetch sessions of KIP-227).
 *
 * Owns: which fetches wait in which replica, what is to be told, the requests that are parked. Must not know: what a reply
 * says, beyond that records are read when it is sent.
 * Invariants: each reply is sent once, in the order in which they were given; what does not fit into an answer is in the
 * next one; when the connection is gone nothing waits in any replica.
 */
import type { BufferPool, LeaderEpoch, NodeId, Offset, Timers, Uuid } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { LateAnswer, NoResponse, ResponseInputOf } from '@millrace/protocol'
import type { FetchReply } from '@millrace/replication'
import type { Deadline, Deadlines } from '../../deadlines.ts'
import type { ReplicaFetchWaiter, ServingReplica } from '../replica-fetch.ts'

export type FetchResponse = ResponseInputOf<'Fetch'>
type TopicResponse = FetchResponse['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

export interface ReplicaSessionSurroundings {
  readonly timers: Timers
  readonly deadlines: Deadlines
  readonly pool: BufferPool
  /** Most records in one answer; the first batch of each partition comes on top, whole. */
  readonly responseBytesMax: number
}

/** A fetch of the follower that a replica of this shard has to answer. */
interface Fetch {
  readonly replica: ServingReplica
  readonly replicaId: NodeId
  readonly fetchId: number
  readonly leaderEpoch: LeaderEpoch
  readonly bytesMax: number
}

/** Something to tell. */
type Ready =
  | { readonly kind: 'reply'; readonly fetch: Fetch; readonly reply: FetchReply }
  | { readonly kind: 'refused'; readonly topicId: Uuid; readonly response: PartitionResponse }

interface Parked {
  readonly answer: LateAnswer<FetchResponse | NoResponse>
  readonly context: RequestContext
  readonly deadline: Deadline
}

/** Requests that may wait at once: one to answer, and one more so that the follower need not ask anew just for that. */
const PARKED_MAX = 2
const NO_RECORDS = Buffer.alloc(0)

export class ReplicaSession implements ReplicaFetchWaiter {
  readonly #surroundings: ReplicaSessionSurroundings
  readonly #fetches = new Map<ServingReplica, Fetch>()
  #ready: Ready[] = []
  readonly #parked: Parked[] = []
  #isScheduled = false

  constructor(surroundings: ReplicaSessionSurroundings) {
    this.#surroundings = surroundings
  }

  get hasSomethingToTell(): boolean {
    return this.#ready.length > 0
  }

  expect(fetch: Fetch): void {
    this.#fetches.set(fetch.replica, fetch)
  }

  refuse(topicId: Uuid, response: PartitionResponse): void {
    this.#ready.push({ kind: 'refused', topicId, response })
  }

  forget(replica: ServingReplica): void {
    const fetch = this.#fetches.get(replica)
    if (fetch === undefined) return
    this.#fetches.delete(replica)
    replica.onReplicaFetchDropped(fetch.replicaId, fetch.fetchId)
  }

  respond(replica: ServingReplica, fetchId: number, reply: FetchReply): void {
    const fetch = this.#fetches.get(replica)
    if (fetch?.fetchId !== fetchId) return
    this.#fetches.delete(replica)
    this.#ready.push({ kind: 'reply', fetch, reply })
    this.#schedule()
  }

  park(answer: Parked['answer'], context: RequestContext, maxWaitMs: number): void {
    const deadline = this.#surroundings.deadlines.after(maxWaitMs, () => this.#answerOldest())
    this.#parked.push({ answer, context, deadline })
    if (this.#parked.length > PARKED_MAX) this.#answerOldest()
  }

  /** The connection is gone, or the shard stops. */
  close(): void {
    for (const replica of [...this.#fetches.keys()]) this.forget(replica)
    for (const { deadline } of this.#parked) this.#surroundings.deadlines.cancel(deadline)
    this.#parked.length = 0
    this.#ready = []
  }

  /** Everything that is to be told and fits. To be sent by the request of `context`. */
  answer(context: RequestContext): FetchResponse {
    const topics = new Map<Uuid, PartitionResponse[]>()
    const releases: (() => void)[] = []
    let bytesLeft = this.#surroundings.responseBytesMax
    let told = 0
    for (const ready of this.#ready) {
      if (bytesLeft <= 0) break
      told += 1
      const topicId = ready.kind === 'refused' ? ready.topicId : ready.fetch.replica.topicId
      const response =
        ready.kind === 'refused'
          ? ready.response
          : this.#responseTo(ready.fetch, ready.reply, bytesLeft, releases)
      bytesLeft -= response.records?.length ?? 0
      const partitions = topics.get(topicId)
      if (partitions === undefined) topics.set(topicId, [response])
      else partitions.push(response)
    }
    this.#ready = this.#ready.slice(told)
    if (this.#ready.length > 0) this.#schedule()
    if (releases.length > 0) context.afterWritten(() => releases.forEach((release) => release()))
    return { responses: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })) }
  }

  #responseTo(
    { replica, fetchId, leaderEpoch, bytesMax }: Fetch,
    reply: FetchReply,
    bytesLeft: number,
    releases: (() => void)[],
  ): PartitionResponse {
    const common = {
      partitionIndex: replica.index,
      fetchId,
      records: NO_RECORDS,
      highWatermark: -1 as Offset,
    }
    const { logStartOffset } = reply
    switch (reply.kind) {
      case 'error':
        return { ...common, errorCode: ErrorCode[reply.error], logStartOffset }
      case 'diverging':
        return { ...common, errorCode: ErrorCode.NONE, logStartOffset, divergingEpoch: reply.end }
      case 'records': {
        const { offset, endOffset, highWatermark } = reply
        const told = { ...common, errorCode: ErrorCode.NONE, logStartOffset, highWatermark }
        if (offset >= endOffset) return told
        const range = { offset, endOffset, maxBytes: Math.min(bytesMax, bytesLeft) }
        const read = replica.readForReplica(leaderEpoch, range, this.#surroundings.pool)
        if (read.kind === 'failed') return { ...common, errorCode: read.errorCode, logStartOffset }
        releases.push(() => read.release())
        return { ...told, records: read.records }
      }
    }
  }

  /** What the other partitions of this turn have to tell goes along. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#surroundings.timers.endOfTurn(() => {
      this.#isScheduled = false
      if (this.#ready.length > 0) this.#answerOldest()
    })
  }

  #answerOldest(): void {
    const oldest = this.#parked.shift()
    if (oldest === undefined) return
    this.#surroundings.deadlines.cancel(oldest.deadline)
    oldest.answer.give(this.answer(oldest.context))
  }
}
