/**
 * Writes an image as a snapshot (KIP-630) in Kafka's layout: a control batch with header, KRaft version and voters, the
 * records in batches, a control batch with the footer.
 *
 * Owns: the unfinished file. Must not know: when a snapshot is due, what happens to the log.
 * Invariants: the file gets its final name only when all of its bytes are durable; a snapshot exists only once that name
 * is; at most one piece is written per turn of the event loop; after `cancel` nothing is called back.
 */
import { DiskError, type Disk, type FileId, type LeaderEpoch, type Offset, type Timers } from '@millrace/base'
import { imageRecords, type MetadataImage, type MetadataRecord } from '@millrace/metadata'
import { encodeMetadataRecord, quorumRecord, type QuorumRecord } from '@millrace/protocol'
import type { SnapshotId, VoterSet } from '@millrace/raft'
import { RecordBatchBuilder } from '@millrace/record'
import { type DiskDone, failedSyncs, syncDirectory, writeFully } from '@millrace/storage'
import { encodeControlBatch, kraftVersionRecord, votersRecord } from './control-batch.ts'
import { snapshotFileName, UNFINISHED_SUFFIX } from './snapshot-file.ts'

export interface SnapshotWriterOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly directory: string
  readonly image: MetadataImage
  /** In force at the image's offset; null: the quorum has none yet. */
  readonly voters: VoterSet | null
}

/** Of one batch, and so of one write. */
const BATCH_BYTES = 64 * 1024

export class SnapshotWriter {
  readonly snapshotId: SnapshotId
  readonly #options: SnapshotWriterOptions
  readonly #path: string
  readonly #done: DiskDone
  readonly #records: Iterator<MetadataRecord>
  readonly #builder = new RecordBatchBuilder({ maxBytes: BATCH_BYTES })
  #file: FileId | null = null
  #position = 0
  #nextOffset = 0
  /** Taken from `#records`, and too much for the last batch. */
  #carried: MetadataRecord | null = null
  #isSyncing = false
  #isCancelled = false

  /** Begins at once. @param done runs later, when the snapshot is durable, name included, or can't be */
  constructor(options: SnapshotWriterOptions, done: DiskDone) {
    const { lastOffset, epoch } = options.image.position
    this.#options = options
    this.#done = done
    this.snapshotId = { endOffset: (lastOffset + 1) as Offset, epoch }
    this.#path = `${options.directory}/${snapshotFileName(this.snapshotId)}`
    this.#records = imageRecords(options.image)
    this.#atTurnEnd(() => this.#begin())
  }

  /** Stops, and removes what there is. */
  cancel(): void {
    if (this.#isCancelled) return
    this.#isCancelled = true
    if (!this.#isSyncing) this.#removeFile()
  }

  #begin(): void {
    const { disk, image, voters } = this.#options
    this.#file = disk.open(this.#path + UNFINISHED_SUFFIX, 'create')
    disk.truncate(this.#file, 0)
    const header = quorumRecord('SnapshotHeaderRecord', {
      lastContainedLogTimestamp: image.position.timestampMs,
    })
    this.#writeControl(voters === null ? [header] : [header, kraftVersionRecord(), votersRecord(voters)])
    this.#atTurnEnd(() => this.#writeNext())
  }

  #writeNext(): void {
    if (!this.#fillBatch()) return this.#finish()
    this.#write(this.#builder.build(this.#stamp), this.#builder.recordCount)
    this.#builder.reset()
    this.#atTurnEnd(() => this.#writeNext())
  }

  /** @returns false when there are no more records */
  #fillBatch(): boolean {
    const { timestampMs } = this.#options.image.position
    for (;;) {
      const record = this.#carried ?? this.#nextRecord()
      if (record === null) return this.#builder.recordCount > 0
      const fits = this.#builder.tryAppend(timestampMs, null, encodeMetadataRecord(record))
      this.#carried = fits ? null : record
      if (!fits) return true
    }
  }

  #nextRecord(): MetadataRecord | null {
    const next = this.#records.next()
    return next.done === true ? null : next.value
  }

  #finish(): void {
    const { disk, directory } = this.#options
    this.#writeControl([quorumRecord('SnapshotFooterRecord', {})])
    this.#isSyncing = true
    disk.sync(this.#file!, (error) => {
      this.#isSyncing = false
      if (this.#isCancelled) return this.#removeFile()
      if (error !== null) return this.#fail(error)
      this.#orFail(() => {
        this.#closeFile()
        const known = failedSyncs(disk, directory)
        disk.rename(this.#path + UNFINISHED_SUFFIX, this.#path)
        syncDirectory(disk, directory, known, (nameError) => {
          if (this.#isCancelled) return
          if (nameError === null) this.#done(null)
          else this.#fail(nameError)
        })
      })
    })
  }

  #writeControl(records: readonly QuorumRecord[]): void {
    const { timestampMs } = this.#options.image.position
    this.#write(encodeControlBatch(records, timestampMs, this.#stamp), records.length)
  }

  get #stamp(): { readonly baseOffset: Offset; readonly partitionLeaderEpoch: LeaderEpoch } {
    const partitionLeaderEpoch = this.snapshotId.epoch as LeaderEpoch
    return { baseOffset: this.#nextOffset as Offset, partitionLeaderEpoch }
  }

  #write(batch: Buffer, recordCount: number): void {
    writeFully(this.#options.disk, this.#file!, this.#path, batch, this.#position)
    this.#position += batch.length
    this.#nextOffset += recordCount
  }

  #atTurnEnd(run: () => void): void {
    this.#options.timers.endOfTurn(() => {
      if (!this.#isCancelled) this.#orFail(run)
    })
  }

  #orFail(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#fail(error)
    }
  }

  #fail(error: DiskError): void {
    this.cancel()
    this.#done(error)
  }

  #removeFile(): void {
    const { disk } = this.#options
    try {
      this.#closeFile()
      if (disk.exists(this.#path + UNFINISHED_SUFFIX)) disk.unlink(this.#path + UNFINISHED_SUFFIX)
    } catch (error) {
      // It stays until the next start removes it.
      if (!(error instanceof DiskError)) throw error
    }
  }

  #closeFile(): void {
    if (this.#file === null) return
    const file = this.#file
    this.#file = null
    this.#options.disk.close(file)
  }
}
