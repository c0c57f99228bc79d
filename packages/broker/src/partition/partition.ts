/**
 * One partition of which this shard has a replica, as clients meet it: appends in their order, reads below the high
 * watermark, whoever waits. Who leads, what is committed and how it gets to the others is the replica's (`ReplicaDriver`).
 *
 * Owns: the order of appends (validation included), waiting produce requests, the set of waiting fetches. Must not know:
 * requests, connections, other shards.
 * Invariants: batches reach the log in the order in which `append` was called, in the leader epoch in which they were
 * accepted or not at all. Staged bytes lie in memory of the caller until `writeStaged`, which runs before that memory is
 * used again, and before the replica hears of a change of its role.
 */
import { DiskError, ownedCopy } from '@millrace/base'
import type { BufferPool, Clock, LeaderEpoch, Log as Journal, NodeId, Offset, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { PartitionImage } from '@millrace/metadata'
import type { AckError, AckWait, ReplicaRole } from '@millrace/replication'
import type { Log, ProducerVerdict } from '@millrace/storage'
import { refuseProducer } from '../producer-id/producer-refusal.ts'
import { ReplicaDriver } from '../replica/replica-driver.ts'
import { errorCodeOf } from '../replica/replica-error.ts'
import type {
  ReplicaCheckpoint,
  ReplicaEvents,
  ReplicaSurroundings,
} from '../replica/replica-surroundings.ts'
import { batchLimitsAt } from '../topics/topic-settings.ts'
import type { TopicSettings } from '../topics/topic-settings.ts'
import type { Append } from './append.ts'
import { refuse } from './batch-refusal.ts'
import { EarlyAppends } from './early-appends.ts'
import type { BatchValidator } from './batch-validator.ts'
import type { FetchWait } from './fetch-wait.ts'
import type { StagedWrites } from './staged-writes.ts'
import { ValidationQueue } from './validation-queue.ts'
import type { Verdict } from './validation-queue.ts'
import { WrittenBytes } from './written-bytes.ts'

/** What all partitions of a shard share. */
export interface PartitionSurroundings {
  readonly clock: Clock
  readonly stagedWrites: StagedWrites
  readonly validator: BatchValidator
  readonly journal: Journal
  readonly replicas: ReplicaSurroundings
}

export interface PartitionOptions {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  readonly image: PartitionImage
  readonly settings: TopicSettings
  readonly checkpoint: ReplicaCheckpoint
  /** The log was in use by this process before: see `ReplicaOptions`. */
  readonly resumesEpochs: boolean
  readonly surroundings: PartitionSurroundings
}

export type PartitionRead =
  | { readonly kind: 'ok'; readonly records: Buffer; release(): void }
  | { readonly kind: 'failed'; readonly errorCode: number }

type Duplicate = ProducerVerdict & { readonly kind: 'duplicate' }

/** How long after an append others may come that its producer sent behind it, before it knew of the refusal. */
const PIPELINE_MS = 2000
/** Clients of a leader that leads no more come back until they have asked for metadata: they had better do so soon. */
const FORMER_LEADER_MS = 5000

export class Partition implements ReplicaEvents {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  readonly replica: ReplicaDriver
  /** Registered and removed by the waits themselves. */
  readonly fetchWaits = new Set<FetchWait>()
  readonly #surroundings: PartitionSurroundings
  readonly #validationQueue = new ValidationQueue((append, batch, verdict) => {
    this.#onVerdict(append, batch, verdict)
    // No read of a connection comes after this that would have it written.
    this.#surroundings.stagedWrites.writeSoon()
  })
  readonly #early: EarlyAppends
  #image: PartitionImage
  #settings: TopicSettings
  #staged: Append[] = []
  #stagedBytes = 0
  /** What waiting fetches are told when the high watermark passes it. */
  readonly #unread = new WrittenBytes()
  /** The last append that its producer is to send again. */
  #refused = { atMs: -Infinity, errorCode: ErrorCode.NONE as number }
  #hasLeaderRole = false
  /** When it lost that role. */
  #ledUntilMs = -Infinity
  #closed = false
  /** What those who wait are told when it is closed. */
  #closedWith: number | null = null

  /** `start` has to follow. */
  constructor(options: PartitionOptions) {
    this.topic = options.topic
    this.topicId = options.topicId
    this.index = options.index
    this.log = options.log
    this.#image = options.image
    this.#settings = options.settings
    this.#surroundings = options.surroundings
    this.#early = new EarlyAppends(options.surroundings.replicas.deadlines, (append) =>
      this.#refuse(append, this.#closedWith ?? ErrorCode.NOT_LEADER_OR_FOLLOWER),
    )
    this.replica = new ReplicaDriver({
      ...options,
      surroundings: options.surroundings.replicas,
      events: this,
    })
  }

  /** Takes the role that the metadata gives it. */
  start(): void {
    this.replica.start()
  }

  /** Whether clients are served here. */
  get isLed(): boolean {
    return this.replica.isServing && !this.#closed
  }

  get leaderEpoch(): LeaderEpoch {
    return this.replica.leaderEpoch
  }

  /** End of what consumers may read: what every in-sync replica has. */
  get highWatermark(): Offset {
    return this.replica.highWatermark
  }

  /** End of what consumers with isolation level read_committed may read; no transaction is ever open yet. */
  get lastStableOffset(): Offset {
    return this.replica.highWatermark
  }

  /** A new leader may not know yet what the one before it has shown (KIP-207). */
  get isHighWatermarkCurrent(): boolean {
    return this.replica.isHighWatermarkCurrent
  }

  /** Takes one batch; `append` settles when it may be answered, at once when it is refused. */
  append(batch: Buffer, append: Append): void {
    if (!this.isLed) {
      if (!this.#mayLeadSoon || !this.#early.add(batch, append))
        this.#refuse(append, ErrorCode.NOT_LEADER_OR_FOLLOWER)
      return
    }
    if (this.log.failure !== null) return append.fail(ErrorCode.KAFKA_STORAGE_ERROR, this.log.failure.message)
    this.#releaseEarly()
    const refusal = this.replica.appendRefusal(append.requiredAcks)
    if (refusal !== null) {
      append.tellsLogStart = refusal === 'NOT_ENOUGH_REPLICAS'
      return this.#refuse(append, errorCodeOf(refusal))
    }
    const { validator, clock } = this.#surroundings
    const limits = batchLimitsAt(this.#settings, clock.wallMs())
    if (this.#validationQueue.isEmpty && validator.isQuick(batch)) {
      this.#onVerdict(append, batch, validator.validate(batch, limits))
      return
    }
    const copy = ownedCopy(batch)
    this.#validationQueue.push(append, copy, validator.validateInPool(copy, limits))
  }

  /**
   * Reads whole batches below `endOffset`, the first one whatever its size when `atLeastOneBatch`.
   * @param offset within the log
   */
  read(
    offset: Offset,
    maxBytes: number,
    endOffset: Offset,
    atLeastOneBatch: boolean,
    pool: BufferPool,
  ): PartitionRead {
    try {
      const read = this.log.read({ offset, maxBytes, endOffset, atLeastOneBatch, pool })
      if (read.kind === 'ok') return read
      if (read.kind === 'out-of-range') return { kind: 'failed', errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }
      this.#surroundings.journal.error({ ...read.corruption }, 'corrupt batch, not served')
      this.replica.damaged(read.corruption.offset)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#surroundings.journal.error({ topic: this.topic, partition: this.index, error }, 'read failed')
    }
    return { kind: 'failed', errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  }

  /** One write for everything staged; its failure is the answer of every append in it. */
  writeStaged(): void {
    if (this.#closed || this.#staged.length === 0) return
    const staged = this.#staged
    const bytes = this.#stagedBytes
    this.#staged = []
    this.#stagedBytes = 0
    try {
      this.log.writeStaged()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#onWriteFailed(staged, error)
      return
    }
    this.#unread.add(this.log.logEndOffset, bytes)
    this.replica.appended(staged.filter(({ requiredAcks }) => requiredAcks === -1))
    for (const append of staged) if (append.requiredAcks !== -1) append.succeed()
  }

  /** The partition's replicas, its ISR or its leadership changed. */
  update(image: PartitionImage): void {
    this.writeStaged()
    const { leaderEpoch } = this.#image
    this.#image = image
    this.replica.update(image)
    if (image.leaderEpoch !== leaderEpoch) this.#early.reset()
    if (this.isLed) this.#releaseEarly()
    else if (image.leaderEpoch !== leaderEpoch && image.leader !== this.#nodeId) this.#early.refuseAll()
  }

  reconfigure(settings: TopicSettings): void {
    this.#settings = settings
    this.replica.reconfigure(settings)
  }

  /** Rolls an old segment and drops what the topic's retention allows. Followers drop what their leader dropped. */
  applyRetention(): void {
    const nowWallMs = this.#surroundings.clock.wallMs()
    const { logStartOffset } = this.log
    try {
      this.log.maybeRoll(nowWallMs)
      if (this.isLed) this.log.applyRetention(nowWallMs, this.highWatermark)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#surroundings.journal.error(
        { topic: this.topic, partition: this.index, error },
        'retention failed',
      )
    }
    if (this.log.logStartOffset !== logStartOffset) this.replica.logStartAdvanced()
  }

  /** @param done runs when a crash can't bring the old start back */
  deleteRecords(before: Offset, done: (error: DiskError | null) => void): void {
    this.log.advanceLogStart(before, done)
    this.replica.logStartAdvanced()
  }

  /** Answers waiting fetches with what there is. */
  wakeFetches(): void {
    for (const wait of this.fetchWaits) wait.complete()
  }

  /** Gives up what waits, because this shard no longer has the partition; `errorCode` says why. */
  close(errorCode: number): void {
    if (this.#closed) return
    this.writeStaged()
    this.#closed = true
    this.#closedWith = errorCode
    this.replica.stop()
    this.#validationQueue.clear((append) => append.fail(errorCode, null))
    this.#early.refuseAll()
    this.wakeFetches()
  }

  /* ------------------------------------------------ what the replica says */

  onRole(role: ReplicaRole): void {
    const { clock } = this.#surroundings
    if (this.#hasLeaderRole && role !== 'leader') this.#ledUntilMs = clock.monoMs()
    this.#hasLeaderRole = role === 'leader'
    if (role === 'leader') return
    this.#validationQueue.clear((append) => append.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER, null))
    this.wakeFetches()
  }

  onHighWatermark(offset: Offset): void {
    const bytes = this.#unread.takeBelow(offset)
    for (const wait of this.fetchWaits) wait.onReadable(bytes)
  }

  onFetched(endOffset: Offset, bytes: number): void {
    this.#unread.add(endOffset, bytes)
  }

  onReleased(waits: readonly AckWait[]): void {
    for (const wait of waits) (wait as Append).succeed()
  }

  onFailed(waits: readonly AckWait[], error: AckError): void {
    const errorCode = this.#closedWith ?? errorCodeOf(error)
    for (const wait of waits) (wait as Append).fail(errorCode, null)
  }

  /* ------------------------------------------------ appends */

  get #nodeId(): NodeId {
    return this.#surroundings.replicas.nodeId
  }

  /** It can be elected, or is already and has not begun, and its clients are none of those that it had as leader. */
  get #mayLeadSoon(): boolean {
    if (this.#closed || this.log.failure !== null || !this.#image.isr.includes(this.#nodeId)) return false
    return this.#surroundings.clock.monoMs() - this.#ledUntilMs > FORMER_LEADER_MS
  }

  /**
   * What is missing before a batch was refused here a moment ago, when this replica did not lead yet or had not enough
   * others, and will come again, this batch after it. OUT_OF_ORDER_SEQUENCE_NUMBER would be the end of librdkafka's producer.
   */
  get #isGapOfRefused(): boolean {
    return this.#surroundings.clock.monoMs() - this.#refused.atMs < PIPELINE_MS
  }

  #refuse(append: Append, errorCode: number): void {
    this.#refused = { atMs: this.#surroundings.clock.monoMs(), errorCode }
    append.fail(errorCode, null)
  }

  /** Nothing that comes later may be appended before. */
  #releaseEarly(): void {
    if (this.#early.isEmpty) return
    this.#early.release((batch, append) => this.append(batch, append))
    this.#surroundings.stagedWrites.writeSoon()
  }

  #onVerdict(append: Append, batch: Buffer, verdict: Verdict): void {
    if (verdict === null) this.#stage(append, batch)
    else if (verdict instanceof Error) append.fail(ErrorCode.UNKNOWN_SERVER_ERROR, verdict.message)
    else refuse(append, verdict)
  }

  #stage(append: Append, batch: Buffer): void {
    const verdict = this.log.checkProducers(batch)
    if (verdict.kind === 'refused') {
      // Not a refusal that others could be explained by: a gap that stays shows in the end.
      if (verdict.refusal !== 'invalid-producer-epoch' && this.#isGapOfRefused)
        return append.fail(this.#refused.errorCode, verdict.message)
      return refuseProducer(append, verdict)
    }
    if (verdict.kind === 'duplicate') return this.#stageDuplicate(append, verdict)
    const info = this.#appendToLog(append, batch)
    if (info === null) return
    append.baseOffset = info.baseOffset
    append.endOffset = (info.lastOffset + 1) as Offset
    append.logAppendTimeMs = info.logAppendTime
    if (this.#staged.length === 0) this.#surroundings.stagedWrites.add(this)
    this.#staged.push(append)
    this.#stagedBytes += batch.length
  }

  /** Answered as the batch that is there already, once that is: waits come in the order of the log, so with its end. */
  #stageDuplicate(append: Append, { baseOffset, lastOffset, timestamp }: Duplicate): void {
    append.baseOffset = baseOffset
    append.endOffset = this.log.logEndOffset
    if (this.log.config.messageTimestampType === 'LogAppendTime') append.logAppendTimeMs = timestamp
    if (lastOffset < this.highWatermark) return append.succeed()
    if (this.#staged.length === 0) this.#surroundings.stagedWrites.add(this)
    this.#staged.push(append)
  }

  #appendToLog(append: Append, batch: Buffer): ReturnType<Log['append']> | null {
    if (this.log.corruption !== null) {
      append.fail(ErrorCode.KAFKA_STORAGE_ERROR, this.log.corruption.reason)
      return null
    }
    try {
      return this.log.append(batch, this.leaderEpoch)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      append.fail(ErrorCode.KAFKA_STORAGE_ERROR, error.message)
      return null
    }
  }

  #onWriteFailed(staged: readonly Append[], error: DiskError): void {
    this.#surroundings.journal.error({ topic: this.topic, partition: this.index, error }, 'append failed')
    for (const append of staged) append.fail(ErrorCode.KAFKA_STORAGE_ERROR, error.message)
    if (this.log.failure !== null) this.replica.logFailed()
  }
}
