/**
 * The data folder of a process: whose it is, how it was left, which partitions lie in it, and the checkpoints that tell
 * durable data from torn tails.
 *
 * Owns: `meta.properties`, the clean mark, the four offset checkpoints, the names of partition folders, and the logs
 * it opened. Must not know: what is in a log, leadership. Logs that other threads open get `LogCheckpoints` that forward
 * to `setOffsets` and `checkpoint` here: there is one of these per folder.
 * Invariants: the clean mark is gone, durably, before anything is written, and back only after everything was flushed;
 * a partition is in no checkpoint any more before its folder loses its name, so that a later one of that name starts
 * fresh.
 */
import { assert } from '@millrace/base'
import type { Clock, Disk, DiskError, Log as Logger, Offset, Uuid } from '@millrace/base'
import { DeletedFolders } from './deleted-folders.ts'
import { diskErrorOf, step } from './disk-step.ts'
import type { DiskDone } from './disk-step.ts'
import { failedSyncs, removeSyncFailedMark, syncDirectory } from './failed-sync.ts'
import { parentOf, parsePartitionFolderName, partitionFolderName } from './file-name.ts'
import type { TopicPartition } from './file-name.ts'
import type { LogConfig } from './log-config.ts'
import { Log } from './log.ts'
import type { LogCheckpoints } from './log-options.ts'
import { formatMetaProperties, META_PROPERTIES, parseMetaProperties } from './meta-properties.ts'
import type { MetaProperties } from './meta-properties.ts'
import { DamagedFileError, OffsetCheckpoint } from './offset-checkpoint.ts'
import { readPartitionMetadata } from './partition-metadata.ts'
import type { RecoveryInput, RecoveryReport } from './recovery.ts'
import { renewName, takeNamesBack } from './renewal.ts'
import { replaceFile } from './replace-file.ts'
import { readFile } from './transfer.ts'

export interface LogDirectoryOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** Made when missing. */
  readonly path: string
  readonly log: Logger
  /**
   * Names in the folder can't be made durable any more, not by this process: no partition, no checkpoint. Whoever has the
   * folder must end; the next process writes again what is in doubt (`failed-sync.ts`).
   */
  readonly onFailed: (reason: string) => void
}

export interface PartitionFolder extends TopicPartition {
  /** From `partition.metadata`; null when the file is missing or damaged. */
  readonly topicId: Uuid | null
}

export interface OpenLogOptions extends TopicPartition {
  readonly topicId: Uuid
  readonly config: LogConfig
  /** Report of `recoverSegments`, run before with `recoveryInput` by the maintenance pool. */
  readonly recovery?: RecoveryReport
}

/** What checkpoints say about a partition; what is left out stays as it is. */
export interface PartitionOffsets {
  readonly recoveryPoint?: Offset
  readonly logStartOffset?: Offset
  readonly highWatermark?: Offset
  /** Up to where a damaged replica lacks committed records; null: it lacks none. */
  readonly owedEndOffset?: Offset | null
}

type Opened = (error: Error | null, directory: LogDirectory | null) => void

const CLEAN_MARK = '.kafka_cleanshutdown'
/** Content of a mark that is about to be removed. */
const UNCLEAN = Buffer.from('unclean')
/** The quorum's log keeps its own recovery point. */
const METADATA_TOPIC = '__cluster_metadata'

export class LogDirectory implements LogCheckpoints {
  readonly path: string
  readonly #options: LogDirectoryOptions
  readonly #disk: Disk
  readonly #recoveryPoints: OffsetCheckpoint
  readonly #logStartOffsets: OffsetCheckpoint
  readonly #highWatermarks: OffsetCheckpoint
  readonly #owedEndOffsets: OffsetCheckpoint
  readonly #deletedFolders: DeletedFolders
  readonly #logs = new Map<Log, TopicPartition>()
  /** Folders that were in use since this start: the clean mark says nothing about them any more. */
  readonly #usedFolders = new Set<string>()
  readonly #removing = new Set<string>()
  readonly #wasClean: boolean
  #metaProperties: MetaProperties | null

  private constructor(options: LogDirectoryOptions) {
    const { disk, path } = options
    this.#options = options
    this.#disk = disk
    this.path = path
    this.#metaProperties = readMetaProperties(disk, path)
    this.#recoveryPoints = OffsetCheckpoint.open(disk, path, 'recovery-point-offset-checkpoint')
    this.#logStartOffsets = OffsetCheckpoint.open(disk, path, 'log-start-offset-checkpoint')
    this.#highWatermarks = OffsetCheckpoint.open(disk, path, 'replication-offset-checkpoint')
    this.#owedEndOffsets = OffsetCheckpoint.open(disk, path, 'owed-offset-checkpoint')
    const cleanMark = readFile(disk, `${path}/${CLEAN_MARK}`)
    this.#wasClean = cleanMark !== null && !cleanMark.equals(UNCLEAN)
    this.#deletedFolders = new DeletedFolders(disk)
    this.#deletedFolders.removeLeftovers(path)
  }

  /**
   * Reads the folder and removes the clean mark.
   * @param done runs later; nothing is written to the folder before. Gets a DiskError or DamagedFileError
   */
  static open(options: LogDirectoryOptions, done: Opened): void {
    const { disk, path } = options
    try {
      const unsynced = makeFolder(disk, path)
      takeNamesBack(disk, path)
      const directory = new LogDirectory(options)
      const syncNames: DiskDone = (error) => {
        if (error !== null) return done(error, null)
        const above = unsynced.map((folder) => (synced: DiskDone) => disk.syncDir(folder, synced))
        const own = (synced: DiskDone) => syncDirectory(disk, path, 0, synced)
        runAll([own, ...above], (syncError) =>
          syncError === null ? done(null, directory) : done(syncError, null),
        )
      }
      if (failedSyncs(disk, path) > 0) return directory.#renew(syncNames)
      directory.#removeCleanMark()
      syncNames(null)
    } catch (error) {
      queueMicrotask(() => done(error as Error, null))
    }
  }

  /**
   * A sync of this folder had failed (`failed-sync.ts`): which names in it are on disk is not known, nor whether the clean
   * mark is gone from there. A stop in between leaves the mark of that, so that it is done again.
   * @param done runs later; the folder is to be synced then
   */
  #renew(done: DiskDone): void {
    const { path } = this
    const properties = this.#metaProperties
    this.#options.log.warn({ directory: path }, 'the disk had failed to sync: all names are written again')
    const replacements = this.#checkpoints.map((checkpoint) => (saved: DiskDone) => checkpoint.save(saved))
    if (properties !== null) replacements.push((written) => this.format(properties, written))
    replacements.push((written) => replaceFile(this.#disk, path, CLEAN_MARK, UNCLEAN, written))
    runAll(replacements, (error) => {
      if (error !== null) return done(error)
      const renewError = diskErrorOf(() => {
        for (const { name, kind } of this.#disk.list(path)) {
          if (kind === 'directory') renewName(this.#disk, `${path}/${name}`)
        }
        this.#removeCleanMark()
        removeSyncFailedMark(this.#disk, path)
      })
      done(renewError)
    })
  }

  #removeCleanMark(): void {
    const mark = `${this.path}/${CLEAN_MARK}`
    if (this.#disk.exists(mark)) this.#disk.unlink(mark)
  }

  /** The last process closed everything. */
  get cleanShutdown(): boolean {
    return this.#wasClean
  }

  /** Null at the first start. */
  get metaProperties(): MetaProperties | null {
    return this.#metaProperties
  }

  /** Writes down whose folder this is. */
  format(properties: MetaProperties, done: DiskDone): void {
    this.#metaProperties = properties
    replaceFile(this.#disk, this.path, META_PROPERTIES, formatMetaProperties(properties), done)
  }

  /** Partitions that have a folder, the metadata log aside. @throws DiskError */
  partitions(): PartitionFolder[] {
    const found: PartitionFolder[] = []
    for (const { name, kind } of this.#disk.list(this.path)) {
      const parsed = kind === 'directory' ? parsePartitionFolderName(name) : null
      if (parsed === null || parsed.topic === METADATA_TOPIC) continue
      found.push({ ...parsed, topicId: readPartitionMetadata(this.#disk, `${this.path}/${name}`) })
    }
    return found
  }

  /** What a recovery of this partition needs to know: for `recoverSegments`, or for `Log.open` in another thread. */
  recoveryInput(partition: TopicPartition, { indexIntervalBytes, cleanupPolicy }: LogConfig): RecoveryInput {
    const directory = this.#folderOf(partition)
    return {
      directory,
      recoveryPoint: this.#recoveryPoints.get(partition) ?? (0 as Offset),
      cleanShutdown: this.#wasClean && !this.#usedFolders.has(directory) && this.#disk.exists(directory),
      logStartOffset: this.#logStartOffsets.get(partition) ?? null,
      indexIntervalBytes,
      gapsAllowed: cleanupPolicy.includes('compact'),
    }
  }

  /** Opens the partition's log, made when it has none. @throws DiskError; TopicIdMismatchError */
  openLog(options: OpenLogOptions): Log {
    const { topic, partition, topicId, config, recovery } = options
    const { directory, recoveryPoint, cleanShutdown, logStartOffset } = this.recoveryInput(options, config)
    assert(!this.#removing.has(directory), `${directory} is still being removed`)
    const log = Log.open({
      disk: this.#disk,
      clock: this.#options.clock,
      directory,
      topicId,
      config,
      recoveryPoint,
      cleanShutdown,
      ...(logStartOffset === null ? {} : { logStartOffset }),
      ...(recovery === undefined ? {} : { recovery }),
      checkpoints: this,
      log: this.#options.log,
      onFailed: (error) => this.onLogFailed(error),
    })
    this.#usedFolders.add(directory)
    this.#logs.set(log, { topic, partition })
    return log
  }

  logs(): IterableIterator<Log> {
    return this.#logs.keys()
  }

  /** As last checkpointed or set; 0 for a new partition. */
  highWatermark(topic: string, partition: number): Offset {
    return this.#highWatermarks.get({ topic, partition }) ?? (0 as Offset)
  }

  /** Null: the replica lacks nothing. */
  owedEndOffset(topic: string, partition: number): Offset | null {
    return this.#owedEndOffsets.get({ topic, partition }) ?? null
  }

  setHighWatermark(topic: string, partition: number, highWatermark: Offset): void {
    this.#highWatermarks.set({ topic, partition }, highWatermark)
  }

  /** Remembers what a log in another thread reports; durable after the next `checkpoint`. */
  setOffsets(
    partition: TopicPartition,
    { recoveryPoint, logStartOffset, highWatermark, owedEndOffset }: PartitionOffsets,
  ): void {
    // The clean mark must not be believed for a folder that somebody writes to.
    this.#usedFolders.add(this.#folderOf(partition))
    if (recoveryPoint !== undefined) this.#recoveryPoints.set(partition, recoveryPoint)
    if (logStartOffset !== undefined) this.#logStartOffsets.set(partition, logStartOffset)
    if (highWatermark !== undefined) this.#highWatermarks.set(partition, highWatermark)
    if (owedEndOffset === null) this.#owedEndOffsets.delete(partition)
    else if (owedEndOffset !== undefined) this.#owedEndOffsets.set(partition, owedEndOffset)
  }

  /** Makes the offsets of all logs opened here, and all that were set, durable. */
  checkpoint(done: DiskDone): void {
    for (const [log, partition] of this.#logs) {
      this.#recoveryPoints.set(partition, log.recoveryPoint)
      this.#logStartOffsets.set(partition, log.logStartOffset)
    }
    this.#saveAll(done)
  }

  persistRecoveryPoint(log: Log, done: DiskDone): void {
    const partition = this.#logs.get(log)
    if (partition !== undefined) this.#recoveryPoints.set(partition, log.recoveryPoint)
    this.#recoveryPoints.save(this.#watched(done))
  }

  persistLogStartOffset(log: Log, done: DiskDone): void {
    const partition = this.#logs.get(log)
    if (partition !== undefined) this.#logStartOffsets.set(partition, log.logStartOffset)
    this.#logStartOffsets.save(this.#watched(done))
  }

  /**
   * Takes the partition out of the checkpoints, then renames its folder to `…-delete`; `purge` empties it later. The log
   * must not be used any more, and not be opened again before `done`.
   */
  removeLog(log: Log, done: DiskDone): void {
    const partition = this.#logs.get(log)
    assert(partition !== undefined, `${log.directory} is not open here`)
    this.#logs.delete(log)
    this.#removing.add(log.directory)
    this.forget(partition, (error) => {
      this.#removing.delete(log.directory)
      if (error !== null) return done(error)
      step(done, () => {
        const known = failedSyncs(this.#disk, this.path)
        const path = log.remove()
        this.#deletedFolders.add(path, this.#options.clock.monoMs() + log.config.fileDeleteDelayMs)
        syncDirectory(this.#disk, this.path, known, this.#watched(done))
      })
    })
  }

  /** The disk failed a log, here or in another thread: its own matter, unless it is this folder's names that failed. */
  onLogFailed({ path, message }: Pick<DiskError, 'path' | 'message'>): void {
    if (path === this.path) this.#options.onFailed(message)
  }

  /** Takes a partition out of the checkpoints, before another thread renames its folder (`Log.remove`). */
  forget(partition: TopicPartition, done: DiskDone): void {
    for (const checkpoint of this.#checkpoints) checkpoint.delete(partition)
    this.#saveAll(done)
  }

  /** Another thread renamed a folder (`Log.remove`): `purge` empties it after `delayMs`. */
  addDeletedFolder(path: string, delayMs: number): void {
    this.#deletedFolders.add(path, this.#options.clock.monoMs() + delayMs)
  }

  /** Empties folders of partitions that were removed long enough ago. @throws DiskError */
  purge(): void {
    this.#deletedFolders.purge(this.#options.clock.monoMs())
  }

  /**
   * Closes all logs, writes the checkpoints, and then, when nothing failed, the clean mark.
   * @param brokerEpoch Kafka keeps it in the mark
   */
  close(brokerEpoch: number, done: DiskDone): void {
    const logs = [...this.#logs.keys()]
    const closeAll = logs.map((log) => (closed: DiskDone) => log.close(closed))
    runAll(closeAll, (closeError) => {
      this.checkpoint((checkpointError) => {
        const error = closeError ?? checkpointError
        if (error !== null) return done(error)
        const mark = Buffer.from(JSON.stringify({ version: 0, brokerEpoch }))
        replaceFile(this.#disk, this.path, CLEAN_MARK, mark, this.#watched(done))
      })
    })
  }

  get #checkpoints(): readonly OffsetCheckpoint[] {
    return [this.#recoveryPoints, this.#logStartOffsets, this.#highWatermarks, this.#owedEndOffsets]
  }

  #saveAll(done: DiskDone): void {
    runAll(
      this.#checkpoints.map((checkpoint) => (saved: DiskDone) => checkpoint.save(saved)),
      this.#watched(done),
    )
  }

  /** What failed in a file that is to take the place of another can be tried again: the old one is still there. */
  #watched(done: DiskDone): DiskDone {
    return (error) => {
      if (error !== null) this.onLogFailed(error)
      done(error)
    }
  }

  #folderOf({ topic, partition }: TopicPartition): string {
    return `${this.path}/${partitionFolderName(topic, partition)}`
  }
}

/** @returns the folders above it where names may not be durable: its parent, and the parents of those just made */
function makeFolder(disk: Disk, path: string): string[] {
  const unsynced: string[] = []
  for (let folder = path; ;) {
    const parent = parentOf(folder)
    unsynced.push(parent)
    if (disk.exists(parent)) break
    folder = parent
  }
  disk.mkdir(path)
  return unsynced
}

/** Starts all; `done` gets the first error when the last is through. Each calls back later, also when there is none. */
function runAll(starts: readonly ((done: DiskDone) => void)[], done: DiskDone): void {
  if (starts.length === 0) return queueMicrotask(() => done(null))
  let outstanding = starts.length
  let failure: Parameters<DiskDone>[0] = null
  for (const start of starts) {
    start((error) => {
      failure ??= error
      outstanding--
      if (outstanding === 0) done(failure)
    })
  }
}

/** Whose folder this is; null before the first start. @throws DamagedFileError, DiskError */
export function readMetaProperties(disk: Disk, path: string): MetaProperties | null {
  const file = `${path}/${META_PROPERTIES}`
  const bytes = readFile(disk, file)
  if (bytes === null) return null
  const properties = parseMetaProperties(bytes)
  if (properties === null)
    throw new DamagedFileError(file, 'Restore cluster.id, directory.id and node.id in it.')
  return properties
}
