/**
 * The hands of one replica: carries out on its log, and through its surroundings, what the replication core decides, and
 * tells the core what happened.
 *
 * Owns: the core, the flush under way, followers' fetches that wait here. Must not know: requests, connections, records.
 * Invariants: effects are carried out in their order, and one event's before the next event; a flush counts for the
 * generation that was current when it began; nothing happens after `stop`.
 */
import { assert, DiskError, NO_LEADER_EPOCH } from '@millrace/base'
import type { BufferPool, Clock, LeaderEpoch, Log as Journal, NodeId, Offset, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { PartitionReplica } from '@millrace/replication'
import type {
  AckError,
  AckWait,
  AlterPartitionAnswer,
  AppendRefusal,
  BrokerLiveness,
  FetchAnswer,
  FetchedRecords,
  FetchError,
  FollowerDescription,
  FollowerFetch,
  LeadershipRefusal,
  LogSummary,
  PartitionState,
  ReplicaRole,
  ReplicationConfig,
  ReplicationEffect,
  ReplicationEvent,
} from '@millrace/replication'
import type { Log } from '@millrace/storage'
import type { Deadline, Deadlines } from '../deadlines.ts'
import type { TopicSettings } from '../topics/topic-settings.ts'
import type {
  FetchingReplica,
  ReplicaFetches,
  ReplicaFetchWaiter,
  ReplicaRead,
  ServingReplica,
} from './replica-fetch.ts'

/** What all replicas of a shard share. */
export interface ReplicaSurroundings {
  readonly nodeId: NodeId
  /** Of this process, as the metadata has it now. */
  brokerEpoch(): number
  readonly brokers: BrokerLiveness
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly journal: Journal
  readonly fetches: ReplicaFetches
  readonly proposals: PartitionProposals
  readonly ticks: ReplicaTicks
  /** `replica.lag.time.max.ms` */
  readonly replicaLagTimeMaxMs: number
  /** A replica leads as far as it knows, and most likely does not any more: told again and again. */
  onDoubted(): void
  /** Makes what the checkpoints say of this replica durable. */
  saveCheckpoint(replica: ReplicaDriver): Promise<void>
}

/** What leaders ask of the controller. */
export interface PartitionProposals {
  alterPartition(
    replica: ReplicaDriver,
    proposal: ReplicationEffect & { readonly kind: 'alter-partition' },
  ): void
  refuseLeadership(replica: ReplicaDriver, leaderEpoch: LeaderEpoch, reason: LeadershipRefusal): void
}

/** Who has to be woken now and then. */
export interface ReplicaTicks {
  /** `wantsTick` and `hasUntoldHighWatermark` of a replica may have changed. */
  consider(replica: ReplicaDriver): void
  forget(replica: ReplicaDriver): void
}

/** What a replica tells the partition that it belongs to. */
export interface ReplicaEvents {
  onRole(role: ReplicaRole): void
  onHighWatermark(offset: Offset): void
  /** Records of the leader were written. */
  onFetched(endOffset: Offset, bytes: number): void
  onReleased(waits: readonly AckWait[]): void
  onFailed(waits: readonly AckWait[], error: AckError): void
}

/** What the checkpoint files say about a replica that is opened. */
export interface ReplicaCheckpoint {
  readonly highWatermark: Offset
  readonly owedEndOffset: Offset | null
}

export interface ReplicaDriverOptions {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  readonly image: PartitionState
  readonly settings: TopicSettings
  readonly checkpoint: ReplicaCheckpoint
  /** See `ReplicaOptions`. */
  readonly resumesEpochs: boolean
  readonly surroundings: ReplicaSurroundings
  readonly events: ReplicaEvents
}

const PROPOSAL_BACKOFF_MS = 50
/** A follower whose disk was full tries again. */
const REOPEN_PAUSE_MS = 1000
/** A flush that found no space is asked for again. */
const FLUSH_RETRY_MS = 100
/** Fetch ids rise over all replicas of a process, restarted shards included: more than one can use in between. */
const FETCH_IDS_PER_MS = 1000

/** A follower's fetch that the core has not answered. */
interface Waiting {
  readonly brokerEpoch: number
  readonly fetchId: number
  readonly waiter: ReplicaFetchWaiter
}

export class ReplicaDriver implements FetchingReplica, ServingReplica {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  readonly #surroundings: ReplicaSurroundings
  readonly #events: ReplicaEvents
  #core: PartitionReplica
  #image: PartitionState
  #settings: TopicSettings
  #checkpoint: ReplicaCheckpoint
  readonly #queue: ReplicationEvent[] = []
  #isStepping = false
  #isStopped = false
  #isFlushing = false
  #flushesAgain = false
  /** When the `interval` policy, or a retry, flushes next. */
  #flushDeadline: Deadline | null = null
  #reopening: Deadline | null = null
  /** Followers whose fetch waits in the core. */
  readonly #waiters = new Map<NodeId, Waiting>()

  constructor(options: ReplicaDriverOptions) {
    this.topic = options.topic
    this.topicId = options.topicId
    this.index = options.index
    this.log = options.log
    this.#surroundings = options.surroundings
    this.#events = options.events
    this.#image = options.image
    this.#settings = options.settings
    this.#checkpoint = options.checkpoint
    this.#beginAtStart()
    this.#core = this.#newCore(options.resumesEpochs)
  }

  /** Takes the role that the metadata gives it. */
  start(): void {
    this.#step({ kind: 'metadata', partition: this.#image })
  }

  get role(): ReplicaRole {
    return this.#core.role
  }

  get isLeader(): boolean {
    return this.#core.role === 'leader'
  }

  /** It leads, and its epoch has begun; or it is the only replica there is, and what is sound of its log can be read. */
  get isServing(): boolean {
    return this.#core.leaderRefusal(NO_LEADER_EPOCH) === null || this.isStranded
  }

  /** The only replica, whose log has failed: nobody else could lead. */
  get isStranded(): boolean {
    const { nodeId } = this.#surroundings
    return this.log.failure !== null && !this.#hasPeers && this.#image.leader === nodeId && !this.#isStopped
  }

  get leaderEpoch(): LeaderEpoch {
    return this.#core.leaderEpoch
  }

  get highWatermark(): Offset {
    return this.#core.highWatermark
  }

  get owedEndOffset(): Offset | null {
    return this.#core.owedEndOffset
  }

  get isHighWatermarkCurrent(): boolean {
    return this.#core.isHighWatermarkCurrent || this.isStranded
  }

  /** As their leader sees them; none elsewhere. */
  followers(): FollowerDescription[] {
    return this.#core.followers()
  }

  get wantsTick(): boolean {
    return this.#core.wantsTick
  }

  get hasUntoldHighWatermark(): boolean {
    return this.#core.hasUntoldHighWatermark
  }

  appendRefusal(requiredAcks: number): AppendRefusal | null {
    return this.#core.appendRefusal(requiredAcks)
  }

  /** The metadata has another state of the partition. What is staged must have been written. */
  update(image: PartitionState): void {
    this.#image = image
    this.#step({ kind: 'metadata', partition: image })
  }

  reconfigure(settings: TopicSettings): void {
    this.#settings = settings
    this.log.updateConfig(settings.logConfig)
    this.#step({ kind: 'config', config: this.#config() })
  }

  /** Batches were written as leader, up to the log's end. */
  appended(waits: readonly AckWait[]): void {
    const { leaderEpoch } = this
    this.#step({ kind: 'appended', leaderEpoch, endOffset: this.log.logEndOffset, waits })
    if (this.#settings.flushPolicy === 'interval') this.#flushWithin(this.#settings.flushMs)
  }

  logStartAdvanced(): void {
    this.#step({ kind: 'log-start-advanced', logStartOffset: this.log.logStartOffset })
  }

  logFailed(): void {
    this.#step({ kind: 'log-failed' })
  }

  /** A read found damage. An only replica has nobody to get it from again, and goes on with what is sound. */
  damaged(offset: Offset): void {
    if (this.#hasPeers) this.#step({ kind: 'damaged', offset })
  }

  tick(): void {
    this.#step({ kind: 'tick' })
  }

  tellHighWatermark(): void {
    this.#step({ kind: 'tell-high-watermark' })
  }

  onAlterPartitionAnswer(requestId: number, answer: AlterPartitionAnswer | null): void {
    this.#step({ kind: 'alter-partition-answer', requestId, answer })
  }

  onFetchAnswer(fetchId: number, answer: FetchAnswer | null): void {
    this.#step({ kind: 'fetch-answer', fetchId, answer })
  }

  onReplicaFetch(fetch: FollowerFetch, waiter: ReplicaFetchWaiter): void {
    const { replicaId, brokerEpoch, fetchId } = fetch
    const known = this.#waiters.get(replicaId)
    // It was overtaken on its way, by one on another connection or of another process.
    if (known !== undefined && isOlder(fetch, known)) return
    this.#waiters.set(replicaId, { brokerEpoch, fetchId, waiter })
    this.#step({ kind: 'fetch', fetch })
  }

  onReplicaFetchDropped(replicaId: NodeId, fetchId: number): void {
    if (this.#waiters.get(replicaId)?.fetchId !== fetchId) return
    this.#waiters.delete(replicaId)
    this.#step({ kind: 'fetch-dropped', replicaId, fetchId })
  }

  readForReplica(
    leaderEpoch: LeaderEpoch,
    range: { readonly offset: Offset; readonly endOffset: Offset; readonly maxBytes: number },
    pool: BufferPool,
  ): ReplicaRead {
    if (!this.isLeader || leaderEpoch !== this.leaderEpoch)
      return { kind: 'failed', errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }
    try {
      const read = this.log.read({ ...range, atLeastOneBatch: true, pool })
      if (read.kind === 'ok') return read
      if (read.kind === 'out-of-range') return { kind: 'failed', errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }
      this.#surroundings.journal.error({ ...read.corruption }, 'corrupt batch, not replicated')
      this.damaged(read.corruption.offset)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#surroundings.journal.error({ ...this.#name, error }, 'read failed')
    }
    return { kind: 'failed', errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  }

  /** Another process of this broker has its place in the cluster, by its epoch: the replica begins anew with its log. */
  reopen(): void {
    if (this.#isStopped) return
    this.#quit()
    this.#checkpoint = { highWatermark: this.#core.highWatermark, owedEndOffset: this.#core.owedEndOffset }
    this.#core = this.#newCore(true)
    this.start()
  }

  /** The replica is no longer here, or the broker stops. */
  stop(): void {
    if (this.#isStopped) return
    this.#quit()
    this.#isStopped = true
  }

  #quit(): void {
    this.#step({ kind: 'stop' })
    const { deadlines, ticks } = this.#surroundings
    if (this.#flushDeadline !== null) deadlines.cancel(this.#flushDeadline)
    if (this.#reopening !== null) deadlines.cancel(this.#reopening)
    this.#flushDeadline = null
    this.#reopening = null
    this.#waiters.clear()
    ticks.forget(this)
  }

  get #name(): { topic: string; partition: number } {
    return { topic: this.topic, partition: this.index }
  }

  get #hasPeers(): boolean {
    return this.#image.replicas.length > 1
  }

  /** What is above the start that was written down was lost in a power cut: nothing is left of the log. */
  #beginAtStart(): void {
    const { log } = this
    if (log.logStartOffset <= log.logEndOffset) return
    log.truncateFullyAndStartAt(log.logStartOffset)
    log.flush((error) => {
      if (error === null) return
      this.#surroundings.journal.error({ ...this.#name, error }, 'the log could not begin anew')
      this.logFailed()
    })
  }

  #newCore(resumesEpochs: boolean): PartitionReplica {
    const { nodeId, brokers, clock, brokerEpoch } = this.#surroundings
    return new PartitionReplica({
      id: nodeId,
      brokerEpoch: brokerEpoch(),
      log: this.#summary(),
      config: this.#config(),
      brokers,
      firstFetchId: Math.floor(clock.monoMs() * FETCH_IDS_PER_MS),
      resumesEpochs,
    })
  }

  #summary(): LogSummary {
    const { log } = this
    const { logStartOffset, logEndOffset, recoveryPoint, corruption } = log
    const { highWatermark, owedEndOffset } = this.#checkpoint
    const found = log.leaderEpochs.map(({ epoch, startOffset }) => ({ epoch, startOffset }))
    const isUnknown = found.length === 0 && logEndOffset > logStartOffset
    return {
      logStartOffset,
      logEndOffset,
      flushedEndOffset: recoveryPoint,
      // Damage can have taken the epochs with the batches that they were of.
      epochs: isUnknown ? [{ epoch: 0 as LeaderEpoch, startOffset: logStartOffset }] : found,
      highWatermark,
      owedEndOffset: this.#hasPeers ? owedEndOffset : null,
      damagedFrom: this.#hasPeers ? (corruption?.offset ?? null) : null,
    }
  }

  #config(): ReplicationConfig {
    const { flushPolicy, minInsyncReplicas } = this.#settings
    const { replicaLagTimeMaxMs } = this.#surroundings
    return { flushPolicy, minInsyncReplicas, replicaLagTimeMaxMs, proposalBackoffMs: PROPOSAL_BACKOFF_MS }
  }

  /* ------------------------------------------------ events and effects */

  /** What an effect leads to while it is carried out waits for its turn. */
  #step(event: ReplicationEvent): void {
    if (this.#isStopped) return
    if (this.#isStepping) {
      this.#queue.push(event)
      return
    }
    this.#isStepping = true
    this.#stepOnce(event)
    while (this.#queue.length > 0) this.#stepOnce(this.#queue.shift()!)
    this.#isStepping = false
    this.#surroundings.ticks.consider(this)
    if (this.#core.isDoubted) this.#surroundings.onDoubted()
  }

  #stepOnce(event: ReplicationEvent): void {
    for (const effect of this.#core.step(this.#surroundings.clock.monoMs(), event)) this.#carryOut(effect)
  }

  #carryOut(effect: ReplicationEffect): void {
    const { fetches, proposals, journal } = this.#surroundings
    switch (effect.kind) {
      case 'role':
        return this.#events.onRole(effect.role)
      case 'refuse-leadership':
        if (this.isStranded) return
        journal.error({ ...this.#name, reason: effect.reason }, 'this replica must not lead')
        return proposals.refuseLeadership(this, effect.leaderEpoch, effect.reason)
      case 'fault':
        return journal.error({ ...this.#name, why: effect.why }, 'the replica stops rather than lies')
      case 'assign-epoch-start':
        return this.log.assignEpochStart(effect.leaderEpoch)
      case 'flush':
        return this.#flush()
      case 'append-fetched':
        return this.#appendFetched(effect.records)
      case 'truncate':
        return this.#truncate(effect)
      case 'restart-log':
        return this.#restartLog(effect)
      case 'advance-log-start':
        return this.log.advanceLogStart(effect.offset)
      case 'high-watermark':
        return this.#events.onHighWatermark(effect.offset)
      case 'release':
        return this.#events.onReleased(effect.waits)
      case 'fail':
        return this.#events.onFailed(effect.waits, effect.error)
      case 'fetch':
        return fetches.fetch(this, effect.leaderId, effect.fetch)
      case 'cancel-fetch':
        return fetches.cancel(this)
      case 'respond-fetch':
        return this.#respond(effect)
      case 'alter-partition':
        return proposals.alterPartition(this, effect)
    }
  }

  #respond({ replicaId, fetchId, reply }: ReplicationEffect & { readonly kind: 'respond-fetch' }): void {
    const waiting = this.#waiters.get(replicaId)
    if (waiting?.fetchId !== fetchId) return
    this.#waiters.delete(replicaId)
    waiting.waiter.respond(this, fetchId, reply)
  }

  /** Makes what is written durable, now or right after the flush that is under way. */
  #flush(): void {
    if (this.#isFlushing) {
      this.#flushesAgain = true
      return
    }
    if (this.log.failure !== null) return
    if (this.#flushDeadline !== null) this.#surroundings.deadlines.cancel(this.#flushDeadline)
    this.#flushDeadline = null
    this.#isFlushing = true
    const core = this.#core
    const { generation, logEndOffset: endOffset } = core
    this.log.flush((error) => {
      this.#isFlushing = false
      if (this.#isStopped) return
      if (error !== null) return this.#onFlushFailed(error)
      const isAgain = this.#flushesAgain
      this.#flushesAgain = false
      if (core === this.#core) this.#step({ kind: 'flushed', generation, endOffset })
      if (isAgain) this.#flush()
    })
  }

  #onFlushFailed(error: DiskError): void {
    this.#flushesAgain = false
    this.#surroundings.journal.error({ ...this.#name, error }, 'flush failed')
    if (this.log.failure === null) this.#flushWithin(FLUSH_RETRY_MS)
    else this.logFailed()
  }

  #flushWithin(delayMs: number): void {
    this.#flushDeadline ??= this.#surroundings.deadlines.after(delayMs, () => {
      this.#flushDeadline = null
      this.#flush()
    })
  }

  #appendFetched({ data, endOffset }: FetchedRecords): void {
    const batches = data as Buffer
    try {
      this.log.appendAsFollower(batches)
      this.log.writeStaged()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      return this.#onAppendFailed(error)
    }
    this.#events.onFetched(endOffset, batches.length)
    if (this.#settings.flushPolicy === 'interval') this.#flushWithin(this.#settings.flushMs)
  }

  /** The core counts on what could not be written, so it begins anew with what is there. */
  #onAppendFailed(error: DiskError): void {
    this.#surroundings.journal.error({ ...this.#name, error }, 'what was fetched could not be written')
    if (this.log.failure !== null) return this.logFailed()
    this.#step({ kind: 'stop' })
    this.#reopening ??= this.#surroundings.deadlines.after(REOPEN_PAUSE_MS, () => {
      this.#reopening = null
      this.reopen()
    })
  }

  #truncate({ generation, offset, reason }: ReplicationEffect & { readonly kind: 'truncate' }): void {
    const { journal } = this.#surroundings
    const facts = { ...this.#name, offset, logEndOffset: this.log.logEndOffset }
    if (reason === 'unclean')
      journal.warn(facts, 'committed records are dropped: an unclean leader was elected')
    else if (reason === 'damage') journal.warn(facts, 'damaged records are dropped, to be fetched again')
    if (reason !== 'damage') return this.#cut(generation, () => this.log.truncateTo(offset))
    const core = this.#core
    this.#surroundings.saveCheckpoint(this).then(
      () => {
        if (core === this.#core && !this.#isStopped) this.#cut(generation, () => this.log.truncateTo(offset))
      },
      (error: unknown) => {
        journal.error({ ...this.#name, error }, 'the checkpoint of a damaged replica could not be written')
        if (core === this.#core) this.logFailed()
      },
    )
  }

  #restartLog({ generation, offset, isUnclean }: ReplicationEffect & { readonly kind: 'restart-log' }): void {
    const facts = { ...this.#name, offset, logEndOffset: this.log.logEndOffset }
    if (isUnclean) this.#surroundings.journal.warn(facts, 'the log begins anew after an unclean election')
    this.#cut(generation, () => this.log.truncateFullyAndStartAt(offset))
  }

  #cut(generation: number, change: () => void): void {
    const core = this.#core
    try {
      change()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#surroundings.journal.error({ ...this.#name, error }, 'truncation failed')
      return this.logFailed()
    }
    this.log.flush((error) => {
      if (this.#isStopped || core !== this.#core) return
      if (error !== null) {
        this.#surroundings.journal.error({ ...this.#name, error }, 'truncation failed')
        return this.logFailed()
      }
      const { logStartOffset, logEndOffset } = this.log
      this.#step({ kind: 'truncated', generation, logStartOffset, logEndOffset })
    })
  }
}

function isOlder(fetch: FollowerFetch, { brokerEpoch, fetchId }: Waiting): boolean {
  return fetch.brokerEpoch === brokerEpoch ? fetch.fetchId <= fetchId : fetch.brokerEpoch < brokerEpoch
}

/** As the protocol says it. */
export function errorCodeOf(error: AckError | AppendRefusal | FetchError): number {
  const code = ErrorCode[error]
  assert(code !== undefined, `no error code for ${error}`)
  return code
}
