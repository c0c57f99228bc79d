/**
 * Group flush of one log: one round of syncs in flight, everybody who asked meanwhile is served by the next.
 *
 * Owns: the recovery point, what is not durable yet (segments, the epoch checkpoint, names in directories), who waits.
 * Must not know: batches, why something must be durable.
 * Invariants: the recovery point never passes what a successful round found written at its start; a round that began
 * before a truncation moves nothing (its syncs may be of bytes that are gone); after a failed sync no other is tried,
 * because the kernel forgets which pages failed, and the next process finds a mark of it (`failed-sync.ts`). A full disk
 * is no such failure: what a small file says stays as it was, and the next who asks has it tried again.
 */
import type { Disk, DiskError, Offset } from '@millrace/base'
import { diskErrorOf, step } from './disk-step.ts'
import type { DiskDone } from './disk-step.ts'
import { syncDirectory } from './failed-sync.ts'
import { LEADER_EPOCH_CHECKPOINT } from './file-name.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import { isOutOfSpace } from './out-of-space.ts'
import { replaceFile, TEMPORARY_SUFFIX } from './replace-file.ts'
import type { Segment } from './segment.ts'

export interface FlusherOptions {
  readonly disk: Disk
  /** The log's folder. */
  readonly directory: string
  readonly epochs: LeaderEpochCache
  readonly recoveryPoint: Offset
  /** The file of the epochs' checkpoint has what `epochs` begins with. */
  readonly epochsSaved: boolean
  /** End of what was written to the active segment. */
  writtenEndOffset(): Offset
  active(): Segment
  /** A sync failed: called once, before the waiters hear of it. */
  onFailure(error: DiskError): void
}

/** Pending index entries at which an active segment's indexes are written, so that recovery need not read it all. */
const INDEX_ENTRIES_PENDING_MAX = 512
/** No version of the epochs. */
const NEVER = -1

/** A round that has ended. */
interface FlushRound {
  readonly waiters: DiskDone[]
  readonly failure: DiskError | null
  /** Why the epochs' checkpoint was not written, which can be tried again. */
  readonly noSpace: DiskError | null
  /** When it began. */
  readonly generation: number
}

export class Flusher {
  readonly #options: FlusherOptions
  /** Of the epochs' checkpoint. */
  readonly #temporaryPath: string
  readonly #dirtySegments = new Set<Segment>()
  readonly #dirtyFiles = new Set<string>()
  readonly #dirtyDirectories = new Set<string>()
  /** Of the log's folder, since names in it were synced. */
  readonly #removedNames = new Set<string>()
  #savedEpochsVersion: number
  /**
   * Nothing was ever in the log, as far as this process knows. Its epochs are saved with its first bytes: before that no
   * earlier epoch can take their place, and a start of thousands of empty logs need not write them all.
   */
  #isUntouched = true
  #recoveryPoint: Offset
  /** Rises with every truncation and at the end. */
  #generation = 0
  #running = false
  #waiting: DiskDone[] = []
  #failure: DiskError | null = null
  /** Writes of others that must be durable before any flush counts. */
  #holds = 0
  /** Those of them that found no space. */
  #stalledHolds: (() => void)[] = []

  constructor(options: FlusherOptions) {
    this.#options = options
    this.#temporaryPath = `${options.directory}/${LEADER_EPOCH_CHECKPOINT}${TEMPORARY_SUFFIX}`
    this.#recoveryPoint = options.recoveryPoint
    this.#savedEpochsVersion = options.epochsSaved ? options.epochs.version : NEVER
  }

  get recoveryPoint(): Offset {
    return this.#recoveryPoint
  }

  get isHeld(): boolean {
    return this.#holds > 0
  }

  markSegment(segment: Segment): void {
    this.#dirtySegments.add(segment)
  }

  forgetSegment(segment: Segment): void {
    this.#dirtySegments.delete(segment)
  }

  /** The log's folder has lost names. */
  markRemoved(paths: readonly string[]): void {
    if (paths.length === 0) return
    for (const path of paths) this.#removedNames.add(path.slice(this.#options.directory.length + 1))
    this.markDirectory(this.#options.directory)
  }

  /** Names that a power cut may bring back. */
  get removedNames(): Iterable<string> {
    return this.#removedNames
  }

  /** A small file written without a sync. */
  markFile(path: string): void {
    this.#dirtyFiles.add(path)
  }

  /** It is gone. */
  forgetFile(path: string): void {
    this.#dirtyFiles.delete(path)
  }

  /** Names in it changed. */
  markDirectory(path: string): void {
    this.#dirtyDirectories.add(path)
  }

  /**
   * `done` runs later, when everything written before this call is durable, or can't be. For want of space that is no
   * failure: whoever asks again has it tried again.
   */
  request(done: DiskDone): void {
    const failure = this.#failure
    if (failure !== null) return queueMicrotask(() => done(failure))
    this.#waiting.push(done)
    this.#resumeHolds()
    this.#maybeStartRound()
  }

  /** The log was cut at `endOffset`: what a running round syncs may be bytes that are gone. */
  onTruncated(endOffset: Offset): void {
    this.#generation++
    this.#isUntouched = false
    this.#recoveryPoint = Math.min(this.#recoveryPoint, endOffset) as Offset
  }

  /** The log is empty and starts at `offset`. */
  onRestarted(offset: Offset): void {
    this.#generation++
    this.#isUntouched = false
    this.#recoveryPoint = offset
  }

  /**
   * No round starts until `run` calls back; what it changed before that is part of the next. It runs anew after it found
   * no space.
   */
  hold(run: (done: DiskDone) => void): void {
    this.#holds++
    this.#runHold(run)
  }

  #runHold(run: (done: DiskDone) => void): void {
    run((error) => {
      if (error !== null && isOutOfSpace(error)) return this.#stall(run, error)
      this.#holds--
      if (error !== null) this.fail(error)
      this.#maybeStartRound()
    })
  }

  #stall(run: (done: DiskDone) => void, error: DiskError): void {
    this.#stalledHolds.push(() => this.#runHold(run))
    if (!this.#running) this.#serve(this.#takeWaiting(), this.#failure ?? error)
  }

  #resumeHolds(): void {
    const stalled = this.#stalledHolds
    this.#stalledHolds = []
    for (const resume of stalled) resume()
  }

  /** No flush succeeds any more; those who wait hear it when the running round ends. */
  fail(error: DiskError): void {
    if (this.#failure !== null) return
    this.#failure = error
    this.#options.onFailure(error)
    this.cancel(error)
  }

  /** The same for a log that is gone: its disk did not fail. */
  cancel(reason: DiskError): void {
    this.#failure ??= reason
    if (!this.#running) this.#serve(this.#takeWaiting(), this.#failure)
  }

  #maybeStartRound(): void {
    if (!this.#running && this.#holds === 0 && this.#waiting.length > 0 && this.#failure === null)
      this.#startRound()
  }

  #startRound(): void {
    this.#running = true
    const waiters = this.#takeWaiting()
    const generation = this.#generation
    const target = this.#options.writtenEndOffset()
    if (target > 0) this.#isUntouched = false
    const epochsVersion = this.#isUntouched ? this.#savedEpochsVersion : this.#options.epochs.version
    const removedNames = [...this.#removedNames]
    const steps = this.#steps(epochsVersion)
    let outstanding = steps.length
    let failure: DiskError | null = null
    let noSpace: DiskError | null = null
    const onStep: DiskDone = (error) => {
      if (error !== null && this.#isRepeatable(error)) noSpace = error
      else failure ??= error
      outstanding--
      if (outstanding > 0) return
      if (failure === null && noSpace === null) {
        if (generation === this.#generation) {
          this.#recoveryPoint = Math.max(this.#recoveryPoint, target) as Offset
        }
        this.#savedEpochsVersion = Math.max(this.#savedEpochsVersion, epochsVersion)
        for (const name of removedNames) this.#removedNames.delete(name)
      }
      this.#endRound({ waiters, failure, noSpace, generation })
    }
    for (const start of steps) step(onStep, () => start(onStep))
  }

  /** The old checkpoint is in its place, and the next one begins from nothing: no page of it that failed counts. */
  #isRepeatable(error: DiskError): boolean {
    return isOutOfSpace(error) && error.path === this.#temporaryPath
  }

  /** What must be synced now, each as a call that starts it and hears of the outcome later; at least one. */
  #steps(epochsVersion: number): ((done: DiskDone) => void)[] {
    const { disk, directory, epochs } = this.#options
    const steps: ((done: DiskDone) => void)[] = []
    for (const segment of this.#dirtySegments) this.#addSegmentSteps(segment, steps)
    for (const path of this.#dirtyFiles) steps.push((done) => syncPath(disk, path, done))
    for (const path of this.#dirtyDirectories) steps.push((done) => syncDirectory(disk, path, 0, done))
    if (epochsVersion !== this.#savedEpochsVersion) {
      steps.push((done) => replaceFile(disk, directory, LEADER_EPOCH_CHECKPOINT, epochs.format(), done))
    }
    this.#dirtySegments.clear()
    this.#dirtyFiles.clear()
    this.#dirtyDirectories.clear()
    // Nothing to do is still done later, never inside the call that asked.
    if (steps.length === 0) steps.push((done) => disk.sync(this.#options.active().file, done))
    return steps
  }

  /** The indexes of a closed segment are believed after an unclean stop: they become durable with it. */
  #addSegmentSteps(segment: Segment, steps: ((done: DiskDone) => void)[]): void {
    steps.push((done) => this.#options.disk.sync(segment.file, done))
    const { offsetIndex, timeIndex } = segment
    if (segment !== this.#options.active()) {
      steps.push(
        (done) => offsetIndex.file.sync(done),
        (done) => timeIndex.file.sync(done),
      )
    } else if (offsetIndex.file.pendingEntries >= INDEX_ENTRIES_PENDING_MAX) {
      this.#writeIndexes(segment, steps)
    }
  }

  #writeIndexes(segment: Segment, steps: ((done: DiskDone) => void)[]): void {
    const error = diskErrorOf(() => segment.writeIndexes())
    // Without space the entries stay in memory until there is some: they are only a help for recovery.
    if (error !== null && !isOutOfSpace(error)) steps.push((done) => queueMicrotask(() => done(error)))
  }

  #endRound({ waiters, failure, noSpace, generation }: FlushRound): void {
    this.#running = false
    const error = this.#failure ?? failure
    if (error !== null) {
      this.fail(error)
      return this.#serve([...waiters, ...this.#takeWaiting()], error)
    }
    if (noSpace !== null) this.#serve(waiters, noSpace)
    else if (generation === this.#generation) this.#serve(waiters, null)
    else this.#waiting.unshift(...waiters)
    this.#maybeStartRound()
  }

  #takeWaiting(): DiskDone[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  #serve(waiters: readonly DiskDone[], error: DiskError | null): void {
    for (const waiter of waiters) waiter(error)
  }
}

function syncPath(disk: Disk, path: string, done: DiskDone): void {
  const file = disk.open(path, 'write')
  disk.sync(file, (error) => {
    const closeError = diskErrorOf(() => disk.close(file))
    done(error ?? closeError)
  })
}
