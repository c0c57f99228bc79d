/**
 * What the active controller appends, from the decision to the write.
 *
 * Owns: the image with everything appended in this epoch, appends that can't be written yet. Must not know: commits.
 * Invariants: each decision is replayed on the one before it, and what contradicts it never reaches the disk; a batch is
 * written before the core hears of it, and only while the core has nothing under way: the end of the log that the core
 * knows is the real one then, and a full disk refuses the append with nothing changed.
 */
import { assert, type Clock, DiskError, type Offset, timestampMs } from '@millrace/base'
import {
  type ImagePosition,
  MetadataDelta,
  type MetadataImage,
  type MetadataRecord,
} from '@millrace/metadata'
import { isOutOfSpace } from '@millrace/storage'
import type { CommitApplier } from './commit-applier.ts'
import type { LogStore } from './log-store.ts'
import { encodeMetadataBatch } from './metadata-batch.ts'

export interface LeaderAppendsOptions {
  readonly clock: Clock
  readonly store: LogStore
  readonly applier: CommitApplier
  committedImage(): MetadataImage
  /** Of the leader. */
  epoch(): number
  /** The core has nothing under way. */
  isAtRest(): boolean
  /** The records are in the log from this offset on. */
  propose(recordCount: number, baseOffset: Offset): void
  /** The disk is full; it takes appends again when there is space. */
  onNoSpace(): void
  onDiskFailed(error: DiskError): void
}

interface WaitingAppend {
  readonly records: readonly MetadataRecord[]
  readonly batch: Buffer
  readonly delta: MetadataDelta
  /** Of the latest image: where the records will lie if the quorum appends nothing before them. */
  readonly position: ImagePosition
  /** With them there. */
  readonly image: MetadataImage
  readonly committed: PromiseWithResolvers<Offset>
}

/** Largest batch that one append may become: what belongs together is never split. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024

export class LeaderAppends {
  readonly #options: LeaderAppendsOptions
  /** Null until the leader is active. */
  #latestImage: MetadataImage | null = null
  #waiting: WaitingAppend[] = []

  constructor(options: LeaderAppendsOptions) {
    this.#options = options
  }

  /** Only of the active leader. */
  get latestImage(): MetadataImage {
    this.#latestImage ??= this.#options.committedImage()
    return this.#latestImage
  }

  /**
   * The next decision builds on it at once. To be followed by `writeWaiting`.
   * @throws AssertionError when the records contradict the image
   */
  add(records: readonly MetadataRecord[], committed: PromiseWithResolvers<Offset>): void {
    assert(records.length > 0, 'an append needs a record')
    const { latestImage } = this
    const delta = new MetadataDelta(latestImage).replayAll(records)
    const position = {
      lastOffset: (latestImage.position.lastOffset + records.length) as Offset,
      epoch: this.#options.epoch(),
      timestampMs: timestampMs(this.#options.clock.wallMs()),
    }
    const batch = encodeMetadataBatch(records, position.timestampMs)
    assert(batch.length <= BATCH_BYTES_MAX, `an append of ${batch.length} bytes`)
    const image = delta.apply(position)
    this.#latestImage = image
    this.#waiting.push({ records, batch, delta, position, image, committed })
  }

  writeWaiting(): void {
    while (this.#waiting.length > 0 && this.#options.isAtRest()) {
      const waiting = this.#waiting.shift()!
      try {
        this.#write(waiting)
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        this.#onRefused(waiting, error)
      }
    }
  }

  /** @throws as the appends, when what was appended so far will not be committed */
  async settled(): Promise<void> {
    await (this.#waiting.at(-1) ?? this.#options.applier.lastPending)?.committed.promise
  }

  /** This replica does not decide (any more). What is written may be committed all the same, by another leader. */
  end(reason: Error): void {
    this.#latestImage = null
    this.#options.applier.rejectPending(reason)
    this.#rejectWaiting(reason)
  }

  /** @throws DiskError with nothing changed */
  #write(waiting: WaitingAppend): void {
    const { records, batch, delta, position, committed } = waiting
    const { store, applier, propose } = this.#options
    const { baseOffset, lastOffset } = store.append(batch, position.epoch)
    // A change of thousands of partitions is not made twice.
    const isAsExpected = lastOffset === position.lastOffset
    const image = isAsExpected ? waiting.image : delta.apply({ ...position, lastOffset })
    if (this.#waiting.length === 0) this.#latestImage = image
    const update = { image, delta, records, endOffset: (lastOffset + 1) as Offset }
    applier.addPending({ baseOffset, sizeInBytes: batch.length, update, committed })
    propose(records.length, baseOffset)
  }

  /** Those behind it were decided as if it were there. */
  #onRefused({ committed }: WaitingAppend, error: DiskError): void {
    committed.reject(error)
    this.#rejectWaiting(error)
    this.#latestImage = this.#options.applier.lastPending?.update.image ?? null
    if (isOutOfSpace(error)) this.#options.onNoSpace()
    else this.#options.onDiskFailed(error)
  }

  #rejectWaiting(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { committed } of waiting) committed.reject(error)
  }
}
