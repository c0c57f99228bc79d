/**
 * The cluster's metadata on disk, under a quorum of one: what is appended here is committed once it is flushed.
 *
 * Owns: the log in `__cluster_metadata-0`, the image of what is committed, the image with what is still being flushed.
 * Must not know: who decides the records, who reads the images.
 * Invariants: an image is published only when its records are durable; images are published in the order of their
 * records, each exactly once; after a failed flush nothing is appended any more, because what is on disk is unknown.
 */
import {
  assert,
  BufferPool,
  type Clock,
  type Disk,
  DiskError,
  type LeaderEpoch,
  type Log as Logger,
  type NodeId,
  type Offset,
  timestampMs,
  type Uuid,
} from '@millrace/base'
import { MetadataDelta, MetadataImage, type MetadataRecord } from '@millrace/metadata'
import { DEFAULT_LOG_CONFIG, Log, type LogConfig } from '@millrace/storage'
import { encodeMetadataBatch } from './metadata-batch.ts'
import { MetadataLogError } from './metadata-log-error.ts'
import { readMetadataBatches } from './metadata-log-reader.ts'
import { RecoveryPoint } from './recovery-point.ts'

export interface MetadataLogOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
  /** Data folder; the log lies in `__cluster_metadata-0` in it. */
  readonly dataDirectory: string
  readonly clusterId: string
  /** The quorum of one. */
  readonly nodeId: NodeId
}

export interface MetadataUpdate {
  /** The image after these records. */
  readonly image: MetadataImage
  readonly delta: MetadataDelta
  readonly records: readonly MetadataRecord[]
  /** The log's offset after the last of these records. */
  readonly endOffset: Offset
}

interface Uncommitted {
  readonly update: MetadataUpdate
  readonly committed: PromiseWithResolvers<Offset>
}

const DIRECTORY = '__cluster_metadata-0'
/** Kafka's id of the metadata topic. */
const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ' as Uuid
const POOLED_BYTES = 4 * 1024 * 1024
/** Flushed bytes after which the recovery point is written down: bounds what a torn tail is looked for in. */
const CHECKPOINT_BYTES = 1024 * 1024

/** Never shortened: without a snapshot every record counts. */
const LOG_CONFIG: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  retentionMs: -1,
  retentionBytes: -1,
  segmentMs: 2 ** 47,
}

export class MetadataLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #recoveryPoint: RecoveryPoint
  readonly #epoch: LeaderEpoch
  readonly #listeners = new Set<(update: MetadataUpdate) => void>()
  #image: MetadataImage
  #latestImage: MetadataImage
  /** In the order of their offsets. */
  #uncommitted: Uncommitted[] = []
  #bytesSinceCheckpoint = 0
  #failure: MetadataLogError | null = null

  private constructor(
    options: MetadataLogOptions,
    log: Log,
    recoveryPoint: RecoveryPoint,
    image: MetadataImage,
  ) {
    this.#log = log
    this.#clock = options.clock
    this.#logger = options.log
    this.#recoveryPoint = recoveryPoint
    // Each process that writes has an epoch of its own, as each leader of a larger quorum has.
    this.#epoch = (image.position.epoch + 1) as LeaderEpoch
    this.#image = image
    this.#latestImage = image
  }

  /**
   * Recovers the log and replays it.
   * @throws MetadataLogError where it is damaged, or written by a newer version; DamagedFileError, DiskError
   */
  static async open(options: MetadataLogOptions): Promise<MetadataLog> {
    const { disk, clock, log: logger, dataDirectory, clusterId, nodeId } = options
    const directory = `${dataDirectory}/${DIRECTORY}`
    disk.mkdir(directory)
    const recoveryPoint = new RecoveryPoint(disk, directory)
    const log = Log.open({
      disk,
      clock,
      directory,
      topicId: METADATA_TOPIC_ID,
      config: LOG_CONFIG,
      recoveryPoint: recoveryPoint.offset,
      cleanShutdown: false,
      checkpoints: recoveryPoint,
      log: logger,
    })
    try {
      // A killed process may have left records that were written and never flushed: they count from here on.
      await completion((done) => log.flush(done))
      const image = replay(log, MetadataImage.empty(clusterId)).with({ controllerId: nodeId })
      await completion((done) => recoveryPoint.persistRecoveryPoint(log, done))
      return new MetadataLog(options, log, recoveryPoint, image)
    } catch (error) {
      await closeAfter(error, log)
      throw error
    }
  }

  /** What is committed. */
  get image(): MetadataImage {
    return this.#image
  }

  /** With everything that was appended, committed or not: what the next decision has to build on. */
  get latestImage(): MetadataImage {
    return this.#latestImage
  }

  /** What is committed, and the log's offset after it. */
  current(): { readonly image: MetadataImage; readonly endOffset: Offset } {
    return { image: this.#image, endOffset: endOffsetOf(this.#image) }
  }

  /** Tells of every later commit, in order, each exactly once. @returns a function that ends the subscription */
  subscribe(listener: (update: MetadataUpdate) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Appends records that stand or fall together, decided on `latestImage`. The image with them is published before
   * the promise resolves.
   * @returns the offset of the last of them, once they are durable
   * @throws DiskError when they could not be written, with nothing changed; MetadataLogError when it is unknown whether
   * they are durable, and at every later call
   */
  append(records: readonly MetadataRecord[]): Promise<Offset> {
    const committed = Promise.withResolvers<Offset>()
    try {
      if (this.#failure !== null) throw this.#failure
      const update = this.#stage(records)
      this.#uncommitted.push({ update, committed })
      this.#log.flush((error) => this.#onFlushed(update.endOffset, error))
    } catch (error) {
      committed.reject(error)
    }
    return committed.promise
  }

  /**
   * Waits until everything that was appended so far is committed: for answers that were found in `latestImage`.
   * @throws MetadataLogError when it never will be
   */
  async settled(): Promise<void> {
    await this.#uncommitted.at(-1)?.committed.promise
  }

  /**
   * Waits for what is being flushed, then closes the log. Nothing may be appended any more.
   * @throws DiskError when something could not be made durable
   */
  async close(): Promise<void> {
    this.#failure ??= new MetadataLogError('the metadata log is closed')
    try {
      await completion((done) => this.#log.flush(done))
      await completion((done) => this.#recoveryPoint.persistRecoveryPoint(this.#log, done))
    } catch (error) {
      await closeAfter(error, this.#log)
      throw error
    }
    await completion((done) => this.#log.close(done))
  }

  #stage(records: readonly MetadataRecord[]): MetadataUpdate {
    assert(records.length > 0, 'an append needs a record')
    // Before anything is written: records that contradict the image must never reach the disk.
    const delta = new MetadataDelta(this.#latestImage).replayAll(records)
    const now = timestampMs(this.#clock.wallMs())
    const batch = encodeMetadataBatch(records, now)
    const { lastOffset } = this.#log.append(batch, this.#epoch)
    this.#log.writeStaged()
    this.#bytesSinceCheckpoint += batch.length
    const image = delta.apply({ lastOffset, epoch: this.#epoch, timestampMs: now })
    this.#latestImage = image
    return { image, delta, records, endOffset: endOffsetOf(image) }
  }

  #onFlushed(endOffset: Offset, error: DiskError | null): void {
    if (error !== null) return this.#fail(error)
    while (this.#uncommitted.length > 0 && this.#uncommitted[0]!.update.endOffset <= endOffset) {
      this.#commit(this.#uncommitted.shift()!)
    }
    if (this.#bytesSinceCheckpoint >= CHECKPOINT_BYTES) this.#checkpoint()
  }

  #commit({ update, committed }: Uncommitted): void {
    this.#image = update.image
    for (const listener of this.#listeners) listener(update)
    committed.resolve(update.image.position.lastOffset)
  }

  #checkpoint(): void {
    this.#bytesSinceCheckpoint = 0
    this.#recoveryPoint.persistRecoveryPoint(this.#log, (error) => {
      // The older recovery point stays: the next start only scans more.
      if (error !== null)
        this.#logger.warn({ error }, 'the recovery point of the metadata log was not written')
    })
  }

  #fail(error: DiskError): void {
    this.#failure ??= new MetadataLogError(
      `cluster metadata could not be flushed (${error.message}): whether the last changes are stored is unknown. ` +
        'Check the disk and restart.',
    )
    const lost = this.#uncommitted
    this.#uncommitted = []
    for (const { committed } of lost) committed.reject(this.#failure)
  }
}

/** Only a failure that was foreseen leaves a log that can be closed. That it can't be closed cleanly is known already. */
async function closeAfter(error: unknown, log: Log): Promise<void> {
  if (!(error instanceof MetadataLogError || error instanceof DiskError)) return
  await new Promise<void>((resolve) => log.close(() => resolve()))
}

function completion(start: (done: (error: DiskError | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error === null ? resolve() : reject(error))))
}

function replay(log: Log, empty: MetadataImage): MetadataImage {
  const pool = new BufferPool({ maxPooledBytes: POOLED_BYTES })
  const delta = new MetadataDelta(empty)
  let position = empty.position
  for (const batch of readMetadataBatches(log, log.logStartOffset, log.logEndOffset, pool)) {
    delta.replayAll(batch.records)
    position = { lastOffset: batch.lastOffset, epoch: batch.epoch, timestampMs: batch.timestampMs }
  }
  return delta.apply(position)
}

function endOffsetOf(image: MetadataImage): Offset {
  return (image.position.lastOffset + 1) as Offset
}
