/**
 * Turns committed offsets into images: from the leader's own appends where they are in memory, else from the log on disk.
 *
 * Owns: how far the log has been applied, appends that wait for their commit, the voter set at that point.
 * Must not know: how offsets come to be committed, who listens.
 * Invariants: nothing at or above the high watermark is applied; offsets are applied in order, each once; an append is
 * resolved after its update was published, or rejected when it is no longer this replica that decides.
 */
import { assert, type Offset, type Timers } from '@millrace/base'
import { imageDifferenceRecords, MetadataDelta, type MetadataImage } from '@millrace/metadata'
import type { VoterSet } from '@millrace/raft'
import { votersIn } from './control-batch.ts'
import type { ImagePublisher } from './image-publisher.ts'
import type { LogStore } from './log-store.ts'
import { decodeMetadataBatches } from './metadata-batch.ts'
import { readMetadataBytes, unreadable } from './metadata-log-reader.ts'
import type { MetadataUpdate } from './metadata-update.ts'
import type { SnapshotContent } from './snapshot-reader.ts'

/** An append of this leader, written and not committed yet. */
export interface PendingAppend {
  readonly baseOffset: Offset
  readonly sizeInBytes: number
  readonly update: MetadataUpdate
  readonly committed: PromiseWithResolvers<Offset>
}

export interface CommitApplierOptions {
  readonly store: LogStore
  readonly timers: Timers
  readonly publisher: ImagePublisher
  /** In force at the end of the publisher's image. */
  readonly voters: VoterSet | null
  /** After each step forward. */
  onProgress(appliedBytes: number): void
  /** What is committed can't be read. */
  onUnreadable(error: unknown): void
}

export class CommitApplier {
  readonly #options: CommitApplierOptions
  readonly #publisher: ImagePublisher
  #highWatermark: Offset
  #voters: VoterSet | null
  /** In the order of their offsets. */
  #pending: PendingAppend[] = []
  /** Listeners may cause the next commit: it waits until all have heard of this one. */
  #isAdvancing = false
  #isPaused = false
  #isClosed = false

  constructor(options: CommitApplierOptions) {
    this.#options = options
    this.#publisher = options.publisher
    this.#highWatermark = options.publisher.endOffset
    this.#voters = options.voters
  }

  /** The last committed voter set; null while there is none in log or snapshot. */
  get voters(): VoterSet | null {
    return this.#voters
  }

  get lastPending(): PendingAppend | undefined {
    return this.#pending.at(-1)
  }

  addPending(append: PendingAppend): void {
    this.#pending.push(append)
  }

  /** They may be committed all the same, by another leader. */
  rejectPending(error: Error): void {
    const lost = this.#pending
    this.#pending = []
    for (const { committed } of lost) committed.reject(error)
  }

  onHighWatermark(offset: Offset): void {
    if (offset <= this.#highWatermark) return
    this.#highWatermark = offset
    if (!this.#isPaused && !this.#isAdvancing) this.#advance()
  }

  /** A snapshot of another replica takes the place of everything before its end. */
  install({ image: installed, voters }: SnapshotContent): void {
    const { image: before } = this.#publisher
    const image = installed.with({ controllerId: before.controllerId })
    const records = [...imageDifferenceRecords(before, image)]
    const delta = new MetadataDelta(before).replayAll(records)
    this.#voters = voters ?? this.#voters
    const endOffset = (image.position.lastOffset + 1) as Offset
    this.#highWatermark = Math.max(this.#highWatermark, endOffset) as Offset
    this.#publisher.publish({ image, delta, records, endOffset })
    this.#options.onProgress(0)
  }

  close(): void {
    this.#isClosed = true
  }

  #advance(): void {
    this.#isAdvancing = true
    while (!this.#isClosed && !this.#isPaused && this.#publisher.endOffset < this.#highWatermark) {
      const pending = this.#pending[0]
      if (pending?.baseOffset === this.#publisher.endOffset) this.#commit(pending)
      else if (this.#applyFromDisk(pending?.baseOffset ?? this.#highWatermark)) this.#pause()
    }
    this.#isAdvancing = false
  }

  #commit({ update, committed, sizeInBytes }: PendingAppend): void {
    this.#pending.shift()
    this.#publisher.publish(update)
    committed.resolve(update.image.position.lastOffset)
    this.#options.onProgress(sizeInBytes)
  }

  /** One read becomes one update. @returns whether there is more: others run first */
  #applyFromDisk(limit: Offset): boolean {
    const { store, onUnreadable } = this.#options
    const { image, endOffset: from } = this.#publisher
    const until = Math.min(limit, this.#highWatermark) as Offset
    assert(from < until, `append at ${limit} is older than what is applied, ${from}`)
    let applied: { readonly update: MetadataUpdate; readonly bytes: number }
    try {
      applied = this.#readUpdate(store, image, from, until)
    } catch (error) {
      this.#isClosed = true
      onUnreadable(error)
      return false
    }
    this.#publisher.publish(applied.update)
    this.#options.onProgress(applied.bytes)
    return applied.update.endOffset < until
  }

  #readUpdate(store: LogStore, image: MetadataImage, from: Offset, until: Offset) {
    const { log, pool } = store
    const delta = new MetadataDelta(image)
    const records: MetadataUpdate['records'][number][] = []
    let { position } = image
    let appliedBytes = 0
    for (const bytes of readMetadataBytes(log, from, until, pool)) {
      for (const batch of decodeMetadataBatches(bytes)) {
        if ('kind' in batch) throw unreadable(log, batch.offset, batch.reason)
        this.#voters = votersIn(batch.control) ?? this.#voters
        delta.replayAll(batch.records)
        records.push(...batch.records)
        position = { lastOffset: batch.lastOffset, epoch: batch.epoch, timestampMs: batch.timestampMs }
      }
      appliedBytes = bytes.length
      break
    }
    const endOffset = (position.lastOffset + 1) as Offset
    return { update: { image: delta.apply(position), delta, records, endOffset }, bytes: appliedBytes }
  }

  #pause(): void {
    this.#isPaused = true
    this.#options.timers.endOfTurn(() => {
      this.#isPaused = false
      this.#advance()
    })
  }
}
