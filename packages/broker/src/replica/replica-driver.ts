/**
 * The hands of one replica: carries out on its log, and through its surroundings, what the replication core decides, and
 * tells the core what happened.
 *
 * Owns: the core, and the order of what happens to it. Must not know: requests, connections, records.
 * Invariants: effects are carried out in their order, and one event's before the next event; a flush counts for the
 * generation that was current when it began; nothing happens after `stop`.
 */
import { DiskError, NO_LEADER_EPOCH } from '@millrace/base'
import type { BufferPool, LeaderEpoch, NodeId, Offset, Uuid } from '@millrace/base'
import { isThrottled } from '@millrace/metadata'
import { ErrorCode } from '@millrace/protocol'
import { PartitionReplica } from '@millrace/replication'
import type {
  AckWait,
  AlterPartitionAnswer,
  AppendRefusal,
  FetchAnswer,
  FetchedRecords,
  FollowerDescription,
  FollowerFetch,
  PartitionState,
  ReplicaRole,
  ReplicationConfig,
  ReplicationEffect,
  ReplicationEvent,
} from '@millrace/replication'
import type { Log } from '@millrace/storage'
import type { Deadline } from '../deadlines.ts'
import type { TopicSettings } from '../topics/topic-settings.ts'
import { LogCuts } from './log-cuts.ts'
import { summaryOf } from './log-summary.ts'
import type { FetchingReplica, ReplicaFetchWaiter, ReplicaRead, ServingReplica } from './replica-fetch.ts'
import { ReplicaFlusher } from './replica-flusher.ts'
import type { ReplicaCheckpoint, ReplicaEvents, ReplicaSurroundings } from './replica-surroundings.ts'
import { WaitingFetches } from './waiting-fetches.ts'

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
/** Fetch ids rise over all replicas of a process, restarted shards included: more than one can use in between. */
const FETCH_IDS_PER_MS = 1000

export class ReplicaDriver implements FetchingReplica, ServingReplica {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  readonly #surroundings: ReplicaSurroundings
  readonly #events: ReplicaEvents
  readonly #flusher: ReplicaFlusher
  readonly #cuts: LogCuts
  #core: PartitionReplica
  #image: PartitionState
  #settings: TopicSettings
  #checkpoint: ReplicaCheckpoint
  readonly #queue: ReplicationEvent[] = []
  #isStepping = false
  #isStopped = false
  #reopening: Deadline | null = null
  readonly #waiting = new WaitingFetches()

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
    this.#flusher = this.#newFlusher()
    this.#cuts = this.#newCuts()
    this.#cuts.maybeBeginAtStart()
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

  get isInSync(): boolean {
    return this.#image.isr.includes(this.#surroundings.nodeId)
  }

  get isThrottledAsLeader(): boolean {
    return isThrottled(this.#settings.throttledAsLeader, this.index)
  }

  get isThrottledAsFollower(): boolean {
    return isThrottled(this.#settings.throttledAsFollower, this.index)
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
    if (this.#settings.flushPolicy === 'interval') this.#flusher.flushWithin(this.#settings.flushMs)
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
    if (this.#waiting.add(fetch, waiter)) this.#step({ kind: 'fetch', fetch })
  }

  onReplicaFetchDropped(replicaId: NodeId, fetchId: number): void {
    if (this.#waiting.take(replicaId, fetchId) !== null)
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
    this.#flusher.stop()
    this.#isStopped = true
  }

  #quit(): void {
    this.#step({ kind: 'stop' })
    const { deadlines, ticks } = this.#surroundings
    this.#flusher.cancelLater()
    if (this.#reopening !== null) deadlines.cancel(this.#reopening)
    this.#reopening = null
    this.#waiting.clear()
    ticks.forget(this)
  }

  get #name(): { topic: string; partition: number } {
    return { topic: this.topic, partition: this.index }
  }

  get #hasPeers(): boolean {
    return this.#image.replicas.length > 1
  }

  #newFlusher(): ReplicaFlusher {
    const { log } = this
    const { deadlines, journal } = this.#surroundings
    return new ReplicaFlusher({
      log,
      name: this.#name,
      deadlines,
      journal,
      begins: () => {
        const core = this.#core
        const { generation, logEndOffset: endOffset } = core
        return () => {
          if (core === this.#core) this.#step({ kind: 'flushed', generation, endOffset })
        }
      },
      onLogFailed: () => this.logFailed(),
    })
  }

  #newCuts(): LogCuts {
    const { journal } = this.#surroundings
    return new LogCuts({
      log: this.log,
      name: this.#name,
      journal,
      saveCheckpoint: () => this.#surroundings.saveCheckpoint(this),
      begins: () => {
        const core = this.#core
        return () => core === this.#core && !this.#isStopped
      },
      onCut: (cut) => this.#step({ kind: 'truncated', ...cut }),
      onLogFailed: () => this.logFailed(),
    })
  }

  #newCore(resumesEpochs: boolean): PartitionReplica {
    const { nodeId, brokers, clock, brokerEpoch } = this.#surroundings
    return new PartitionReplica({
      id: nodeId,
      brokerEpoch: brokerEpoch(),
      log: summaryOf(this.log, this.#checkpoint, this.#hasPeers),
      config: this.#config(),
      brokers,
      firstFetchId: Math.floor(clock.monoMs() * FETCH_IDS_PER_MS),
      resumesEpochs,
    })
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
        return this.#flusher.flush()
      case 'append-fetched':
        return this.#appendFetched(effect.records)
      case 'truncate':
        return this.#cuts.truncate(effect)
      case 'restart-log':
        return this.#cuts.restart(effect)
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
      case 'respond-fetch': {
        const { replicaId, fetchId, reply } = effect
        return this.#waiting.take(replicaId, fetchId)?.respond(this, fetchId, reply)
      }
      case 'alter-partition':
        return proposals.alterPartition(this, effect)
    }
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
    if (this.#settings.flushPolicy === 'interval') this.#flusher.flushWithin(this.#settings.flushMs)
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
}
