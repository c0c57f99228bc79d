/**
 * One partition that this shard leads: its log, how far consumers may read, and who waits for what.
 *
 * Owns: the order of appends (validation included), the high watermark, waiting produce requests, the set of waiting
 * fetches. Must not know: requests, connections, other shards.
 * Invariants: batches reach the log in the order in which `append` was called; the high watermark never falls and
 * never passes what the flush policy calls done: the flushed offset under `commit`, the written one otherwise. Staged
 * bytes lie in memory of the caller until `writeStaged`, which runs before that memory is used again.
 */
import { DiskError, ownedCopy } from '@millrace/base'
import type { BufferPool, Clock, LeaderEpoch, Log as Journal, Offset, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { PartitionImage } from '@millrace/metadata'
import type { Log } from '@millrace/storage'
import type { Deadline, Deadlines } from '../deadlines.ts'
import { batchLimitsAt } from '../topics/topic-settings.ts'
import type { TopicSettings } from '../topics/topic-settings.ts'
import type { Append } from './append.ts'
import { refuse } from './batch-refusal.ts'
import type { BatchValidator } from './batch-validator.ts'
import type { FetchWait } from './fetch-wait.ts'
import type { StagedWrites } from './staged-writes.ts'
import { ValidationQueue } from './validation-queue.ts'
import type { Verdict } from './validation-queue.ts'

/** What all partitions of a shard share. */
export interface PartitionSurroundings {
  readonly clock: Clock
  readonly stagedWrites: StagedWrites
  readonly deadlines: Deadlines
  readonly validator: BatchValidator
  readonly journal: Journal
}

export interface PartitionOptions {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  readonly image: PartitionImage
  readonly settings: TopicSettings
  readonly surroundings: PartitionSurroundings
}

export type PartitionRead =
  | { readonly kind: 'ok'; readonly records: Buffer; release(): void }
  | { readonly kind: 'failed'; readonly errorCode: number }

export class Partition {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly log: Log
  /** Registered and removed by the waits themselves. */
  readonly fetchWaits = new Set<FetchWait>()
  readonly #surroundings: PartitionSurroundings
  readonly #validationQueue = new ValidationQueue((append, batch, verdict) => {
    this.#onVerdict(append, batch, verdict)
    // No read of a connection comes after this that would have it written.
    this.#surroundings.stagedWrites.writeSoon()
  })
  #image: PartitionImage
  #settings: TopicSettings
  #highWatermark: Offset
  #staged: Append[] = []
  #stagedBytes = 0
  /** acks=all appends that are written and wait for the high watermark, by rising end offset. */
  #flushWaits: Append[] = []
  #flushing = false
  #flushAgain = false
  /** When the `interval` policy flushes what was written since; null while everything is flushed or being flushed. */
  #flushDeadline: Deadline | null = null
  /** Bytes written since this partition was opened; at the start of the running flush; below the high watermark. */
  #writtenBytes = 0
  #flushingBytes = 0
  #readableBytes = 0
  #closed = false

  constructor(options: PartitionOptions) {
    this.topic = options.topic
    this.topicId = options.topicId
    this.index = options.index
    this.log = options.log
    this.#image = options.image
    this.#settings = options.settings
    this.#surroundings = options.surroundings
    const { recoveryPoint, logStartOffset, logEndOffset } = options.log
    const flushed = recoveryPoint < logStartOffset ? logStartOffset : recoveryPoint
    this.#highWatermark = options.settings.flushPolicy === 'commit' ? flushed : logEndOffset
  }

  get leaderEpoch(): LeaderEpoch {
    return this.#image.leaderEpoch
  }

  /** End of what consumers may read. Under `commit`: flushed; otherwise: written. */
  get highWatermark(): Offset {
    return this.#highWatermark
  }

  /** End of what consumers with isolation level read_committed may read; no transaction is ever open yet. */
  get lastStableOffset(): Offset {
    return this.#highWatermark
  }

  /** Takes one batch; `append` settles when it may be answered, at once when it is refused. */
  append(batch: Buffer, append: Append): void {
    if (append.requiredAcks === -1 && !this.#hasEnoughReplicas()) {
      append.fail(ErrorCode.NOT_ENOUGH_REPLICAS, null)
      return
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
    this.#writtenBytes += bytes
    this.#onWritten()
    for (const append of staged) {
      if (append.requiredAcks !== -1 || append.endOffset <= this.#highWatermark) append.succeed()
      else this.#flushWaits.push(append)
    }
  }

  /** Makes what is written durable, now or right after the flush that is under way. */
  flush(): void {
    if (this.#closed || this.log.failure !== null) return
    if (this.#flushing) {
      this.#flushAgain = true
      return
    }
    this.#flushDeadline = null
    this.#flushing = true
    this.#flushingBytes = this.#writtenBytes
    this.log.flush((error) => this.#onFlushed(error))
  }

  /** The partition's replicas, or its leadership, changed. */
  update(image: PartitionImage, settings: TopicSettings): void {
    if (image.leaderEpoch !== this.#image.leaderEpoch) this.log.assignEpochStart(image.leaderEpoch)
    this.#image = image
    this.reconfigure(settings)
  }

  reconfigure(settings: TopicSettings): void {
    this.#settings = settings
    this.log.updateConfig(settings.logConfig)
    // Consumers no longer wait for flushes. What is staged is not written yet; writing it raises the high watermark.
    if (settings.flushPolicy !== 'commit' && this.#staged.length === 0)
      this.#raiseHighWatermark(this.log.logEndOffset, this.#writtenBytes)
  }

  /** Rolls an old segment and drops what the topic's retention allows. */
  applyRetention(): void {
    const nowWallMs = this.#surroundings.clock.wallMs()
    try {
      this.log.maybeRoll(nowWallMs)
      this.log.applyRetention(nowWallMs, this.#highWatermark)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#surroundings.journal.error(
        { topic: this.topic, partition: this.index, error },
        'retention failed',
      )
    }
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
    if (this.#flushDeadline !== null) this.#surroundings.deadlines.cancel(this.#flushDeadline)
    const waiting = this.#flushWaits
    this.#flushWaits = []
    for (const append of waiting) append.fail(errorCode, null)
    this.#validationQueue.clear((append) => append.fail(errorCode, null))
    this.wakeFetches()
  }

  #onVerdict(append: Append, batch: Buffer, verdict: Verdict): void {
    if (verdict === null) this.#stage(append, batch)
    else if (verdict instanceof Error) append.fail(ErrorCode.UNKNOWN_SERVER_ERROR, verdict.message)
    else refuse(append, verdict)
  }

  #stage(append: Append, batch: Buffer): void {
    const info = this.#appendToLog(append, batch)
    if (info === null) return
    append.baseOffset = info.baseOffset
    append.endOffset = (info.lastOffset + 1) as Offset
    append.logAppendTimeMs = info.logAppendTime
    if (this.#staged.length === 0) this.#surroundings.stagedWrites.add(this)
    this.#staged.push(append)
    this.#stagedBytes += batch.length
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

  /** A topic with fewer replicas than `min.insync.replicas` asks for needs all that it has. */
  #hasEnoughReplicas(): boolean {
    const { isr, replicas } = this.#image
    return isr.length >= Math.min(this.#settings.minInsyncReplicas, replicas.length)
  }

  #onWriteFailed(staged: readonly Append[], error: DiskError): void {
    this.#surroundings.journal.error({ topic: this.topic, partition: this.index, error }, 'append failed')
    for (const append of staged) append.fail(ErrorCode.KAFKA_STORAGE_ERROR, error.message)
  }

  #onWritten(): void {
    switch (this.#settings.flushPolicy) {
      case 'commit':
        this.flush()
        return
      case 'interval':
        this.#flushDeadline ??= this.#surroundings.deadlines.after(this.#settings.flushMs, () => this.flush())
        this.#raiseHighWatermark(this.log.logEndOffset, this.#writtenBytes)
        return
      case 'os':
        this.#raiseHighWatermark(this.log.logEndOffset, this.#writtenBytes)
    }
  }

  #onFlushed(error: DiskError | null): void {
    this.#flushing = false
    if (this.#closed) return
    if (error !== null) {
      this.#onFlushFailed(error)
      return
    }
    // The log may have flushed on its own (rolling), and under the other policies consumers are far ahead.
    this.#raiseHighWatermark(this.log.recoveryPoint, this.#flushingBytes)
    if (!this.#flushAgain) return
    this.#flushAgain = false
    this.flush()
  }

  /** What the flush covered may be lost although it can still be read: the log takes no more appends. */
  #onFlushFailed(error: DiskError): void {
    this.#surroundings.journal.error({ topic: this.topic, partition: this.index, error }, 'flush failed')
    const waiting = this.#flushWaits
    this.#flushWaits = []
    for (const append of waiting) append.fail(ErrorCode.KAFKA_STORAGE_ERROR, error.message)
  }

  /** @param readableBytes bytes written below `offset`, counted like `#writtenBytes` */
  #raiseHighWatermark(offset: Offset, readableBytes: number): void {
    if (offset <= this.#highWatermark) return
    // What an earlier leadership left unflushed was not counted here; it is something all the same.
    const newBytes = Math.max(1, readableBytes - this.#readableBytes)
    this.#highWatermark = offset
    this.#readableBytes = readableBytes
    if (this.#flushWaits.length > 0) this.#releaseFlushWaits()
    for (const wait of this.fetchWaits) wait.onReadable(newBytes)
  }

  #releaseFlushWaits(): void {
    let released = 0
    for (const append of this.#flushWaits) {
      if (append.endOffset > this.#highWatermark) break
      append.succeed()
      released++
    }
    if (released > 0) this.#flushWaits.splice(0, released)
  }
}
