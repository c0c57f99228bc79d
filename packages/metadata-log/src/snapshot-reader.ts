/**
 * Loads a snapshot (KIP-630) into an image, and verifies it on the way: checksums, offsets without gaps, the header
 * record at its start and the footer record at its end.
 *
 * Must not know: where snapshots come from, what is done about a damaged one.
 */
import { type Disk, type FileId, type Offset, type TimestampMs } from '@millrace/base'
import { MetadataDelta, MetadataImage } from '@millrace/metadata'
import type { QuorumRecord } from '@millrace/protocol'
import type { SnapshotId, VoterSet } from '@millrace/raft'
import { batchSizeAt } from '@millrace/record'
import { readFully } from '@millrace/storage'
import { votersIn } from './control-batch.ts'
import { decodeMetadataBatches, type MetadataBatch } from './metadata-batch.ts'

export interface SnapshotContent {
  readonly snapshotId: SnapshotId
  readonly image: MetadataImage
  /** In force at its end; null when the quorum had none yet. */
  readonly voters: VoterSet | null
}

/** The snapshot's bytes are not what was written. */
export class DamagedSnapshotError extends Error {
  override readonly name = 'DamagedSnapshotError'
}

const READ_BYTES = 256 * 1024

/**
 * Pauses after each piece that it has read, so that the caller can let others run.
 * @throws DamagedSnapshotError, DiskError
 */
export function* readSnapshot(
  disk: Disk,
  path: string,
  snapshotId: SnapshotId,
  empty: MetadataImage,
): Generator<void, SnapshotContent> {
  const file = disk.open(path, 'read')
  try {
    const loader = new SnapshotLoader(path, empty)
    for (const bytes of wholeBatches(disk, file, path)) {
      for (const batch of decodeMetadataBatches(bytes)) {
        if ('kind' in batch) throw new DamagedSnapshotError(`${path}: ${batch.reason}`)
        loader.add(batch)
      }
      yield
    }
    return loader.finish(snapshotId)
  } finally {
    disk.close(file)
  }
}

class SnapshotLoader {
  readonly #path: string
  readonly #delta: MetadataDelta
  #nextOffset = 0
  #timestampMs: TimestampMs | null = null
  #voters: VoterSet | null = null
  #isWhole = false

  constructor(path: string, empty: MetadataImage) {
    this.#path = path
    this.#delta = new MetadataDelta(empty)
  }

  add({ baseOffset, lastOffset, control, records }: MetadataBatch): void {
    if (baseOffset !== this.#nextOffset) throw this.#damaged(`offset ${baseOffset} after ${this.#nextOffset}`)
    if (this.#isWhole) throw this.#damaged('records behind its footer')
    this.#nextOffset = lastOffset + 1
    this.#addControl(control)
    if (this.#timestampMs === null) throw this.#damaged('no header at its start')
    this.#delta.replayAll(records)
  }

  finish(snapshotId: SnapshotId): SnapshotContent {
    const timestampMs = this.#timestampMs
    if (timestampMs === null || !this.#isWhole) throw this.#damaged('it ends before its footer')
    const lastOffset = (snapshotId.endOffset - 1) as Offset
    const image = this.#delta.apply({ lastOffset, epoch: snapshotId.epoch, timestampMs })
    return { snapshotId, image, voters: this.#voters }
  }

  #addControl(control: readonly QuorumRecord[]): void {
    for (const record of control) {
      if (record.type === 'SnapshotHeaderRecord') this.#timestampMs = record.lastContainedLogTimestamp
      if (record.type === 'SnapshotFooterRecord') this.#isWhole = true
    }
    this.#voters = votersIn(control) ?? this.#voters
  }

  #damaged(reason: string): DamagedSnapshotError {
    return new DamagedSnapshotError(`${this.#path}: ${reason}`)
  }
}

/** Pieces of the file that end where a batch ends. */
function* wholeBatches(disk: Disk, file: FileId, path: string): Generator<Buffer> {
  const fileBytes = disk.size(file)
  for (let position = 0, wanted = READ_BYTES; position < fileBytes;) {
    const buffer = Buffer.alloc(Math.min(wanted, fileBytes - position))
    const bytes = buffer.subarray(0, readFully(disk, file, buffer, position))
    const end = endOfWholeBatches(bytes)
    if (end > 0) {
      yield bytes.subarray(0, end)
      position += end
      wanted = READ_BYTES
    } else if (position + bytes.length < fileBytes && bytes.length === wanted) {
      wanted *= 2
    } else {
      throw new DamagedSnapshotError(`${path}: no whole batch at byte ${position}`)
    }
  }
}

function endOfWholeBatches(bytes: Buffer): number {
  let end = 0
  for (let size = batchSizeAt(bytes, end); size !== null && size > 0; size = batchSizeAt(bytes, end)) {
    end += size
  }
  return end
}
