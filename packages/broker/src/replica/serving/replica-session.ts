/**
 * The fetches of one follower shard at this shard, which leads what they ask for. A request brings only fetches that are new
 * since the last one, an answer only partitions with something to tell, so a partition at rest costs nothing (compare the
 * incremental fetch sessions of KIP-227).
 *
 * Owns: which fetches wait in which replica, what is to be told, the requests that are parked. Must not know: what a reply
 * says, beyond that records are read when it is sent, and whether they are committed.
 * Invariants: each reply is told once, those of the same kind in the order in which they were given; what does not fit into an
 * answer is in the next one; replicas that catch up never take more than their share of one; when the connection is gone
 * nothing waits in any replica.
 */
import type { BufferPool, LeaderEpoch, NodeId, Timers, Uuid } from '@millrace/base'
import { NO_OFFSET } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { LateAnswer, NoResponse, ResponseInputOf } from '@millrace/protocol'
import type { FetchReply } from '@millrace/replication'
import type { Deadline, Deadlines } from '../../deadlines.ts'
import type { ReplicaFetchWaiter, ServingReplica } from '../replica-fetch.ts'
import type { ReplicationQuota } from '../replication-quota.ts'

export type FetchResponse = ResponseInputOf<'Fetch'>
type TopicResponse = FetchResponse['responses'][number]
export type PartitionResponse = TopicResponse['partitions'][number]

export interface ReplicaSessionSurroundings {
  readonly timers: Timers
  readonly deadlines: Deadlines
  readonly pool: BufferPool
  /** Most records in one answer, whatever the follower asks for; the first batch of each partition comes whole. */
  readonly responseBytesMax: number
  /** Of what this broker sends. Without a rate those who catch up have their share of each answer, and nothing else to keep to. */
  readonly quota: ReplicationQuota
}

type SessionPartition = Pick<ServingReplica, 'topicId' | 'index'>

/** A fetch of the follower that a replica of this shard has to answer. */
export interface SessionFetch {
  readonly replica: ServingReplica
  readonly replicaId: NodeId
  readonly fetchId: number
  readonly leaderEpoch: LeaderEpoch
  readonly bytesMax: number
}

/** Something to tell. */
type Ready =
  | { readonly kind: 'reply'; readonly fetch: SessionFetch; readonly reply: FetchReply }
  | { readonly kind: 'refused'; readonly topicId: Uuid; readonly response: PartitionResponse }

interface Parked {
  readonly answer: LateAnswer<FetchResponse | NoResponse>
  readonly context: RequestContext
  readonly deadline: Deadline
}

/** Requests that may wait at once: one to answer, and one more so that the follower need not ask anew just for that. */
const PARKED_MAX = 2
/** A follower asks again as soon as it is answered. One that has not for so long has gone, or stands still. */
const ABSENCE_MAX_MS = 5000
/**
 * A quarter of each answer is for replicas that catch up: producers wait for all the others. Of 8 MiB that is less than a
 * millisecond of the follower's time, by which it may be late for those.
 */
const CATCH_UP_SHARE = 4
const NO_RECORDS = Buffer.alloc(0)

export class ReplicaSession implements ReplicaFetchWaiter {
  readonly #surroundings: ReplicaSessionSurroundings
  readonly #onAbsent: (waited: boolean) => void
  /** By partition, until they are told about, dropped, or replaced. */
  readonly #fetches = new Map<string, { readonly fetch: SessionFetch; isReplied: boolean }>()
  #ready: Ready[] = []
  /** Of replicas that lack what is committed, and so are not in sync, whatever the ISR says. */
  #catchingUp: Ready[] = []
  readonly #parked: Parked[] = []
  #bytesMax: number
  #absence: Deadline | null = null
  #quotaWait: Deadline | null = null
  #isScheduled = false

  /** @param onAbsent the follower asks no more; `waited`: although it has fetches here, which it might still count on */
  constructor(surroundings: ReplicaSessionSurroundings, onAbsent: (waited: boolean) => void = () => {}) {
    this.#surroundings = surroundings
    this.#onAbsent = onAbsent
    this.#bytesMax = surroundings.responseBytesMax
  }

  get hasSomethingToTell(): boolean {
    return this.#ready.length > 0 || this.#catchingUp.some((ready) => !this.#isHeldUp(ready))
  }

  /** A request is here, whose fetches follow. @param bytesMax what its follower can take at once */
  onRequest(bytesMax: number): void {
    this.#bytesMax = Math.min(this.#surroundings.responseBytesMax, bytesMax)
    this.#cancelAbsence()
  }

  expect(fetch: SessionFetch): void {
    this.#fetches.set(keyOf(fetch.replica), { fetch, isReplied: false })
  }

  refuse(topicId: Uuid, response: PartitionResponse): void {
    this.forget({ topicId, index: response.partitionIndex })
    this.#ready.push({ kind: 'refused', topicId, response })
  }

  forget(partition: SessionPartition): void {
    this.#drop(keyOf(partition))
  }

  respond(replica: ServingReplica, fetchId: number, reply: FetchReply): void {
    const known = this.#fetches.get(keyOf(replica))
    if (known?.fetch.replica !== replica || known.fetch.fetchId !== fetchId) return
    known.isReplied = true
    const queue = isCatchUp(reply) ? this.#catchingUp : this.#ready
    queue.push({ kind: 'reply', fetch: known.fetch, reply })
    this.#schedule()
  }

  /** What is throttled, or how much, may be something else. */
  onThrottlesChanged(): void {
    if (this.#catchingUp.length === 0) return
    this.#cancelWait()
    this.#schedule()
  }

  park(answer: Parked['answer'], context: RequestContext, maxWaitMs: number): void {
    const parked = { answer, context, deadline: this.#after(maxWaitMs, () => this.#answerParked(parked)) }
    this.#parked.push(parked)
    if (this.#parked.length > PARKED_MAX) this.#answerOldest()
  }

  /** Answers whatever is parked with what there is. */
  hurry(): void {
    while (this.#parked.length > 0) this.#answerOldest()
  }

  /** The connection is gone. */
  close(): void {
    for (const key of [...this.#fetches.keys()]) this.#drop(key)
    const { deadlines } = this.#surroundings
    for (const { deadline } of this.#parked) deadlines.cancel(deadline)
    this.#cancelWait()
    this.#cancelAbsence()
    this.#parked.length = 0
    this.#ready = []
    this.#catchingUp = []
  }

  /** Everything that is to be told and fits. To be sent by the request of `context`. */
  answer(context: RequestContext): FetchResponse {
    const answer = new SessionAnswer(this.#surroundings.pool)
    const catchUpBytesMax = Math.floor(this.#bytesMax / CATCH_UP_SHARE)
    this.#ready = this.#tellInSync(answer, this.#bytesMax - catchUpBytesMax)
    this.#catchingUp = this.#tellCatchingUp(answer, catchUpBytesMax)
    if (this.hasSomethingToTell) this.#schedule()
    else this.#waitForQuota()
    if (this.#parked.length === 0) this.#absence ??= this.#after(ABSENCE_MAX_MS, () => this.#onAbsence())
    return answer.sentBy(context)
  }

  /** @returns what did not fit */
  #tellInSync(answer: SessionAnswer, bytesMax: number): Ready[] {
    const endBytes = answer.bytes + bytesMax
    let told = 0
    for (const ready of this.#ready) {
      if (answer.bytes >= endBytes) break
      told += 1
      const bytes = this.#tell(ready, answer, endBytes - answer.bytes)
      if (bytes > 0 && isThrottled(ready)) this.#surroundings.quota.count(bytes)
    }
    return this.#ready.slice(told)
  }

  /** @returns what did not fit, or is held up */
  #tellCatchingUp(answer: SessionAnswer, bytesMax: number): Ready[] {
    const { quota } = this.#surroundings
    const endBytes = answer.bytes + bytesMax
    return this.#catchingUp.filter((ready) => {
      if (answer.bytes >= endBytes || this.#isHeldUp(ready)) return true
      const bytesLeft = endBytes - answer.bytes
      if (isThrottled(ready)) quota.spend(this.#tell(ready, answer, Math.min(bytesLeft, quota.bytesMax)))
      else this.#tell(ready, answer, bytesLeft)
      return false
    })
  }

  /** @returns bytes of records that were added */
  #tell(ready: Ready, answer: SessionAnswer, bytesLeft: number): number {
    const before = answer.bytes
    if (ready.kind === 'refused') answer.add(ready.topicId, ready.response)
    else if (this.#takeReplied(ready.fetch)) answer.reply(ready.fetch, ready.reply, bytesLeft)
    return answer.bytes - before
  }

  /** @returns false when the follower has forgotten or replaced the fetch since */
  #takeReplied(fetch: SessionFetch): boolean {
    const key = keyOf(fetch.replica)
    return this.#fetches.get(key)?.fetch === fetch && this.#fetches.delete(key)
  }

  #drop(key: string): void {
    const known = this.#fetches.get(key)
    if (known === undefined) return
    this.#fetches.delete(key)
    const { replica, replicaId, fetchId } = known.fetch
    if (!known.isReplied) replica.onReplicaFetchDropped(replicaId, fetchId)
  }

  #isHeldUp(ready: Ready): boolean {
    return isThrottled(ready) && this.#surroundings.quota.waitMs > 0
  }

  /** As long as it takes; another rate ends it. */
  #waitForQuota(): void {
    const { waitMs } = this.#surroundings.quota
    if (this.#catchingUp.length === 0 || this.#quotaWait !== null || waitMs === Infinity) return
    this.#quotaWait = this.#after(waitMs, () => {
      this.#quotaWait = null
      this.#schedule()
    })
  }

  #cancelWait(): void {
    if (this.#quotaWait !== null) this.#surroundings.deadlines.cancel(this.#quotaWait)
    this.#quotaWait = null
  }

  /** What the other partitions of this turn have to tell goes along. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#surroundings.timers.endOfTurn(() => {
      this.#isScheduled = false
      if (this.hasSomethingToTell) this.#answerOldest()
      else this.#waitForQuota()
    })
  }

  #answerOldest(): void {
    const [oldest] = this.#parked
    if (oldest !== undefined) this.#answerParked(oldest)
  }

  #answerParked(parked: Parked): void {
    this.#parked.splice(this.#parked.indexOf(parked), 1)
    this.#surroundings.deadlines.cancel(parked.deadline)
    parked.answer.give(this.answer(parked.context))
  }

  #onAbsence(): void {
    this.#absence = null
    const waited = this.#fetches.size > 0
    this.close()
    this.#onAbsent(waited)
  }

  #cancelAbsence(): void {
    if (this.#absence !== null) this.#surroundings.deadlines.cancel(this.#absence)
    this.#absence = null
  }

  #after(delayMs: number, onDue: () => void): Deadline {
    return this.#surroundings.deadlines.after(delayMs, onDue)
  }
}

/** One answer, and the memory of the records in it. */
class SessionAnswer {
  /** Of records. */
  bytes = 0
  readonly #pool: BufferPool
  readonly #topics = new Map<Uuid, PartitionResponse[]>()
  readonly #releases: (() => void)[] = []

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  add(topicId: Uuid, response: PartitionResponse): void {
    const partitions = this.#topics.get(topicId)
    if (partitions === undefined) this.#topics.set(topicId, [response])
    else partitions.push(response)
  }

  reply(
    { replica, fetchId, leaderEpoch, bytesMax }: SessionFetch,
    reply: FetchReply,
    bytesLeft: number,
  ): void {
    const { logStartOffset } = reply
    const common = { partitionIndex: replica.index, fetchId, records: NO_RECORDS, logStartOffset }
    const told = { ...common, errorCode: ErrorCode.NONE, highWatermark: NO_OFFSET }
    const add = (response: PartitionResponse): void => this.add(replica.topicId, response)
    if (reply.kind === 'error') return add({ ...told, errorCode: ErrorCode[reply.error] })
    if (reply.kind === 'diverging') return add({ ...told, divergingEpoch: reply.end })
    const { offset, endOffset, highWatermark } = reply
    if (offset >= endOffset) return add({ ...told, highWatermark })
    const range = { offset, endOffset, maxBytes: Math.min(bytesMax, bytesLeft) }
    const read = replica.readForReplica(leaderEpoch, range, this.#pool)
    if (read.kind === 'failed') return add({ ...told, errorCode: errorOfRead(read.errorCode) })
    this.#releases.push(() => read.release())
    this.bytes += read.records.length
    add({ ...told, highWatermark, records: read.records })
  }

  sentBy(context: RequestContext): FetchResponse {
    const releases = this.#releases
    if (releases.length > 0) context.afterWritten(() => releases.forEach((release) => release()))
    return { responses: [...this.#topics].map(([topicId, partitions]) => ({ topicId, partitions })) }
  }
}

function keyOf({ topicId, index }: SessionPartition): string {
  return `${topicId}-${index}`
}

/** In-sync replicas hold everything below the high watermark. */
function isCatchUp(reply: FetchReply): boolean {
  return reply.kind === 'records' && reply.offset < reply.endOffset && reply.offset < reply.highWatermark
}

/** Whether it counts for the quota, in sync or not. */
function isThrottled(ready: Ready): boolean {
  return ready.kind === 'reply' && ready.fetch.replica.isThrottledAsLeader
}

/** The log's start has moved since the reply was given. Where to is what the next fetch is told. */
function errorOfRead(errorCode: number): number {
  return errorCode === ErrorCode.OFFSET_OUT_OF_RANGE ? ErrorCode.NOT_LEADER_OR_FOLLOWER : errorCode
}
