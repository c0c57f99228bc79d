/**
 * The producers of an open log with their snapshots on disk.
 *
 * Owns: the table, the `.snapshot` files of the folder. Must not know: who leads, when segments roll.
 * Invariants: every snapshot listed is of this log as it is now, up to its offset; snapshots are a help only, so that a
 * full disk costs a longer recovery and nothing else.
 */
import { BufferPool } from '@millrace/base'
import type { Clock, Disk, Offset } from '@millrace/base'
import type { RecordBatchView } from '@millrace/record'
import { diskErrorOf } from '../disk-step.ts'
import type { Flusher } from '../flusher.ts'
import { isOutOfSpace } from '../out-of-space.ts'
import { writeFully } from '../transfer.ts'
import type { RecoveredProducers } from './producer-recovery.ts'
import { replayProducers, snapshotPath } from './producer-replay.ts'
import type { ReplayedSegment } from './producer-replay.ts'
import { formatProducerSnapshot } from './producer-snapshot.ts'
import { PRODUCER_ID_EXPIRATION_MS, ProducerTable } from './producer-table.ts'

export interface LogProducersOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly directory: string
  readonly flusher: Pick<Flusher, 'markFile' | 'forgetFile' | 'markRemoved' | 'markDirectory'>
  /** `producer.id.expiration.ms` */
  readonly expirationMs?: number | undefined
  /** False for logs that nobody produces to: no batch is looked at. */
  readonly isTracking: boolean
}

/** Memory kept between the reads of one replay. */
const SCAN_POOL_BYTES = 2 * 2 ** 20

export class LogProducers {
  readonly table: ProducerTable
  readonly #options: LogProducersOptions
  /** Behind the last batch with a producer id, or further. */
  #endOffset: Offset
  /** Of the snapshots on disk, rising. */
  #snapshots: readonly Offset[]

  constructor(options: LogProducersOptions, recovered: RecoveredProducers) {
    this.#options = options
    const nowMs = options.clock.monoMs()
    const entries = recovered.entries.map((entry) =>
      entry.lastSeenMs < 0 ? { ...entry, lastSeenMs: nowMs } : entry,
    )
    this.table = new ProducerTable(entries, {
      expirationMs: options.expirationMs ?? PRODUCER_ID_EXPIRATION_MS,
    })
    this.table.expire(nowMs)
    this.#endOffset = recovered.endOffset
    this.#snapshots = recovered.snapshots
  }

  /** A batch was staged at its offset. */
  onStaged(batch: RecordBatchView): void {
    if (batch.producerId < 0 || !this.#options.isTracking) return
    this.table.stage(batch, this.#options.clock.monoMs())
    this.#endOffset = (batch.lastOffset + 1) as Offset
  }

  /**
   * Writes down what is known at the log's end, which has nothing staged; durable with the next flush. Of snapshots that
   * no segment starts at, only the latest stays. Of a log without batches that knows no producer there is nothing to say.
   * @throws DiskError, except for want of space
   */
  takeSnapshot(endOffset: Offset, segments: readonly ReplayedSegment[]): void {
    if (!this.#options.isTracking) return
    this.expire()
    const isBlank = endOffset === segments[0]?.baseOffset && this.table.entries.length === 0
    if (!isBlank && !this.#snapshots.includes(endOffset)) this.#writeSnapshot(endOffset)
    const bases = new Set(segments.map(({ baseOffset }) => baseOffset))
    const latest = this.#snapshots.at(-1)
    this.#keepSnapshots((offset) => offset === latest || bases.has(offset))
  }

  /** The log ends at `endOffset` now. @throws DiskError */
  onTruncated(endOffset: Offset, segments: readonly ReplayedSegment[]): void {
    this.#keepSnapshots((offset) => offset <= endOffset)
    // As a rule the cut batches are a producer's; where they are not, nothing has to be read again.
    if (this.#endOffset <= endOffset) return
    const { disk, directory, clock } = this.#options
    const pool = new BufferPool({ maxPooledBytes: SCAN_POOL_BYTES })
    const nowMs = clock.monoMs()
    const replayed = replayProducers({
      disk,
      directory,
      pool,
      segments,
      snapshots: this.#snapshots,
      nowMs,
    })
    this.table.replaceAll(replayed.entries)
    this.#endOffset = replayed.endOffset
    this.expire()
  }

  /** The log is empty. @throws DiskError */
  onRestarted(offset: Offset): void {
    this.table.replaceAll([])
    this.#endOffset = offset
    this.#keepSnapshots(() => false)
  }

  /** Segments left at the start: what a snapshot below the first one lacks, no batch can tell. @throws DiskError */
  onFirstDropped(firstBaseOffset: Offset): void {
    this.#keepSnapshots((offset) => offset >= firstBaseOffset)
  }

  expire(): void {
    this.table.expire(this.#options.clock.monoMs())
  }

  #writeSnapshot(offset: Offset): void {
    const { disk, directory, flusher } = this.#options
    const path = snapshotPath(directory, offset)
    const error = diskErrorOf(() => writeFile(disk, path, formatProducerSnapshot(this.table.entries)))
    if (error !== null) {
      // Half of one is told by its checksum, but there is no reason to leave it.
      if (disk.exists(path)) disk.unlink(path)
      if (isOutOfSpace(error)) return
      throw error
    }
    this.#snapshots = [...this.#snapshots, offset].toSorted((a, b) => a - b)
    flusher.markFile(path)
    flusher.markDirectory(directory)
  }

  #keepSnapshots(isKept: (offset: Offset) => boolean): void {
    const { disk, directory, flusher } = this.#options
    const gone = this.#snapshots.filter((offset) => !isKept(offset))
    if (gone.length === 0) return
    this.#snapshots = this.#snapshots.filter(isKept)
    flusher.markRemoved(gone.map((offset) => snapshotPath(directory, offset)))
    for (const offset of gone) {
      const path = snapshotPath(directory, offset)
      flusher.forgetFile(path)
      if (disk.exists(path)) disk.unlink(path)
    }
  }
}

function writeFile(disk: Disk, path: string, content: Buffer): void {
  const file = disk.open(path, 'create')
  try {
    disk.truncate(file, 0)
    writeFully(disk, file, path, content, 0)
  } finally {
    disk.close(file)
  }
}
