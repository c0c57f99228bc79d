/**
 * A snapshot on its way from the leader, chunk by chunk (KIP-630). It counts for nothing before the last chunk; a new leader
 * or a newer snapshot begins a new download.
 */
import type { SnapshotId } from './log-summary.ts'
import type { FetchSnapshotRequest, FetchSnapshotResponse } from './message.ts'
import type { Replica } from './replica.ts'

export class SnapshotDownload {
  readonly #snapshotId: SnapshotId
  #position = 0

  constructor(snapshotId: SnapshotId) {
    this.#snapshotId = snapshotId
  }

  request({ self, epoch, config }: Replica): FetchSnapshotRequest {
    return {
      kind: 'fetch-snapshot',
      replica: self,
      epoch,
      snapshotId: this.#snapshotId,
      position: this.#position,
      maxBytes: config.snapshotChunkBytes,
    }
  }

  /** @returns `restart` when the chunk is not the one that was asked for: the leader has another snapshot by now, perhaps */
  accept(response: FetchSnapshotResponse): 'more' | 'complete' | 'restart' {
    const { error, snapshotId, position, bytes, sizeBytes } = response
    const isAsked =
      error === 'NONE' &&
      snapshotId.endOffset === this.#snapshotId.endOffset &&
      snapshotId.epoch === this.#snapshotId.epoch &&
      position === this.#position
    const isWhole = bytes > 0 && position + bytes <= sizeBytes
    if (!isAsked || !isWhole) return 'restart'
    this.#position += bytes
    return this.#position === sizeBytes ? 'complete' : 'more'
  }
}
