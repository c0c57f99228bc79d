/**
 * The snapshots beside the log: the one that is being fetched, the one that is being written, those that are served.
 *
 * Owns: unfinished files, and when the next own snapshot is due. Must not know: where chunks come from, what the log does.
 * Invariants: a snapshot gets its final name only verified and durable; one of either kind is under way at a time; after
 * `close` nothing is called back.
 */
import {
  assert,
  type Clock,
  type Disk,
  DiskError,
  type FileId,
  type Log as Logger,
  type Offset,
  type TimerId,
  type Timers,
} from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import type { SnapshotId, VoterSet } from '@millrace/raft'
import { failedSyncs, readFully, syncDirectory, writeFully } from '@millrace/storage'
import { DamagedSnapshotError, readSnapshot, type SnapshotContent } from './snapshot-reader.ts'
import {
  isSameSnapshot,
  removeSnapshotsBelow,
  setSnapshotAside,
  snapshotFileName,
  UNFINISHED_SUFFIX,
} from './snapshot-file.ts'
import { SnapshotWriter } from './snapshot-writer.ts'

export interface SnapshotStoreOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly directory: string
  /** To load snapshots into. */
  readonly empty: MetadataImage
  readonly snapshotBytes: number
  readonly snapshotIntervalMs: number
  /** What a snapshot made now holds; null: there is nothing to hold. */
  current(): { readonly image: MetadataImage; readonly voters: VoterSet | null } | null
  onCreated(snapshotId: SnapshotId): void
}

export type InstallOutcome = SnapshotContent | DamagedSnapshotError | DiskError

export interface SnapshotChunk {
  readonly bytes: Buffer
  readonly sizeBytes: number
}

interface Download {
  readonly snapshotId: SnapshotId
  readonly path: string
  readonly file: FileId
}

export class SnapshotStore {
  readonly #options: SnapshotStoreOptions
  #writer: SnapshotWriter | null = null
  #download: Download | null = null
  #isInstalling = false
  #bytesSinceLast = 0
  #intervalTimer: TimerId | null = null
  #isClosed = false

  constructor(options: SnapshotStoreOptions) {
    this.#options = options
  }

  /* ------------------------------------------------------------ own snapshots */

  /** What was applied since the last call; begins a snapshot when one is due. */
  onApplied(bytes: number): void {
    this.#bytesSinceLast += bytes
    const { snapshotBytes, snapshotIntervalMs, timers } = this.#options
    if (this.#isClosed || bytes === 0) return
    if (this.#bytesSinceLast >= snapshotBytes) return this.#create()
    this.#intervalTimer ??= timers.after(snapshotIntervalMs, () => {
      this.#intervalTimer = null
      this.#create()
    })
  }

  #create(): void {
    if (this.#writer !== null || this.#download !== null) return
    const { disk, timers, directory, current, onCreated, logger, clock } = this.#options
    const content = current()
    if (content === null) return
    this.#restartInterval()
    const startedMs = clock.monoMs()
    const writer = new SnapshotWriter({ disk, timers, directory, ...content }, (error) => {
      this.#writer = null
      const { snapshotId } = writer
      if (error !== null) {
        // The log stays as long as it is; the next one is tried when as much again has been applied.
        logger.error({ error, ...snapshotId }, 'a snapshot of the metadata could not be written')
        return
      }
      logger.info({ ...snapshotId, durationMs: clock.monoMs() - startedMs }, 'metadata snapshot written')
      onCreated(snapshotId)
    })
    this.#writer = writer
  }

  #restartInterval(): void {
    this.#bytesSinceLast = 0
    if (this.#intervalTimer !== null) this.#options.timers.cancel(this.#intervalTimer)
    this.#intervalTimer = null
  }

  /** Those that nobody needs any more. */
  removeBelow(endOffset: Offset): void {
    const { disk, directory, logger } = this.#options
    try {
      removeSnapshotsBelow(disk, directory, endOffset)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // They only take space, and are removed with the next ones.
      logger.warn({ error }, 'old snapshots of the metadata were not removed')
    }
  }

  /* ------------------------------------------------------------ serving */

  /** @returns null when there is no such snapshot. @throws DiskError */
  readChunk(snapshotId: SnapshotId, position: number, maxBytes: number): SnapshotChunk | null {
    const { disk, directory } = this.#options
    const path = `${directory}/${snapshotFileName(snapshotId)}`
    if (!disk.exists(path)) return null
    const file = disk.open(path, 'read')
    try {
      const sizeBytes = disk.size(file)
      const bytes = Buffer.alloc(Math.max(0, Math.min(maxBytes, sizeBytes - position)))
      return { bytes: bytes.subarray(0, readFully(disk, file, bytes, position)), sizeBytes }
    } finally {
      disk.close(file)
    }
  }

  /* ------------------------------------------------------------ fetching */

  /** @throws DiskError with the chunk not written: it may be written again */
  writeChunk(snapshotId: SnapshotId, position: number, bytes: Buffer): void {
    const { disk, directory } = this.#options
    if (position === 0) {
      this.#writer?.cancel()
      this.#writer = null
      this.#dropDownload()
      const path = `${directory}/${snapshotFileName(snapshotId)}${UNFINISHED_SUFFIX}`
      const file = disk.open(path, 'create')
      disk.truncate(file, 0)
      this.#download = { snapshotId, path, file }
    }
    const download = this.#download
    assert(download !== null && isSameSnapshot(download.snapshotId, snapshotId), 'a chunk of no download')
    writeFully(disk, download.file, download.path, bytes, position)
  }

  /** Makes what was fetched a snapshot, and loads it. @param done runs later; a damaged one is gone by then */
  install(snapshotId: SnapshotId, done: (outcome: InstallOutcome) => void): void {
    const { disk } = this.#options
    const download = this.#download
    assert(download !== null && isSameSnapshot(download.snapshotId, snapshotId), 'no such download')
    this.#isInstalling = true
    disk.sync(download.file, (error) => {
      this.#isInstalling = false
      if (this.#isClosed) return this.#dropDownload()
      if (error !== null) return done(error)
      this.#verify(download, done)
    })
  }

  #verify(download: Download, done: (outcome: InstallOutcome) => void): void {
    const { disk, timers, empty } = this.#options
    const loading = readSnapshot(disk, download.path, download.snapshotId, empty)
    const next = (): void => {
      if (this.#isClosed) return this.#dropDownload()
      try {
        const piece = loading.next()
        if (piece.done === true) this.#finish(download, piece.value, done)
        else timers.endOfTurn(next)
      } catch (error) {
        this.#dropDownload()
        if (error instanceof DamagedSnapshotError || error instanceof DiskError) done(error)
        else throw error
      }
    }
    next()
  }

  #finish(download: Download, content: SnapshotContent, done: (outcome: InstallOutcome) => void): void {
    const { disk, directory } = this.#options
    disk.close(download.file)
    this.#download = null
    const known = failedSyncs(disk, directory)
    disk.rename(download.path, `${directory}/${snapshotFileName(download.snapshotId)}`)
    syncDirectory(disk, directory, known, (error) => {
      if (this.#isClosed) return
      this.#restartInterval()
      done(error ?? content)
    })
  }

  #dropDownload(): void {
    const download = this.#download
    if (download === null) return
    this.#download = null
    const { disk, logger } = this.#options
    try {
      disk.close(download.file)
      disk.unlink(download.path)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // The next start removes it.
      logger.warn({ error, path: download.path }, 'an unfinished snapshot was not removed')
    }
  }

  /** Removes what is unfinished, once it is not in use. */
  close(): void {
    this.#isClosed = true
    this.#writer?.cancel()
    this.#writer = null
    if (!this.#isInstalling) this.#dropDownload()
    if (this.#intervalTimer !== null) this.#options.timers.cancel(this.#intervalTimer)
  }
}

/**
 * Loads the latest snapshot that can be read, all of it at once; sets aside those that can't.
 * @param snapshots latest first
 * @throws DiskError
 */
export function loadLatestSnapshot(
  { disk, directory, logger, empty }: Pick<SnapshotStoreOptions, 'disk' | 'directory' | 'logger' | 'empty'>,
  snapshots: readonly SnapshotId[],
): SnapshotContent | null {
  for (const snapshotId of snapshots) {
    try {
      const loading = readSnapshot(disk, `${directory}/${snapshotFileName(snapshotId)}`, snapshotId, empty)
      for (;;) {
        const piece = loading.next()
        if (piece.done === true) return piece.value
      }
    } catch (error) {
      if (!(error instanceof DamagedSnapshotError)) throw error
      logger.error({ error, ...snapshotId }, 'a metadata snapshot is damaged: it is set aside')
      setSnapshotAside(disk, directory, snapshotId)
    }
  }
  return null
}
