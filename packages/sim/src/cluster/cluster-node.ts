/**
 * One node of a simulated cluster: the real `startNode` on a simulated machine, and those who look over its shoulder.
 *
 * Owns: the process that runs now, the disk's view of the metadata log. Must not know: other nodes, why it is stopped.
 * Invariants: a process that ends by itself is started again a second later unless it was told to stay down; one that
 * does so although nobody touched its disk is a violation.
 */
import { DiskError, NO_NODE, type Env } from '@millrace/base'
import type { MetadataQuorum } from '@millrace/metadata-log'
import { type LoadedConfig, type RunningNode, startNode, StartupError } from '@millrace/server'
import type { CrashMode } from '../disk/crash-mode.ts'
import { MetadataFiles } from '../invariant/metadata-files.ts'
import { ObservedDisk } from '../invariant/observed-disk.ts'
import { EventKind } from '../kernel/trace.ts'
import type { SimNode } from '../world/sim-node.ts'
import type { World } from '../world/world.ts'
import type { ClusterChecks } from './cluster-checks.ts'
import { DATA_FOLDER, FLUSH_POLICY, type NodePlan } from './node-plan.ts'

export interface ClusterNodeOptions {
  readonly world: World
  readonly machine: SimNode
  readonly plan: NodePlan
  readonly loaded: LoadedConfig
  readonly checks: ClusterChecks
}

const RESTART_MS = 1000
const STOP_MS_MAX = 120_000
const METADATA_FOLDER = `${DATA_FOLDER}/__cluster_metadata-0`

export class ClusterNode {
  readonly plan: NodePlan
  readonly machine: SimNode
  readonly #options: ClusterNodeOptions
  #files: MetadataFiles
  #running: RunningNode | null = null
  #quorum: MetadataQuorum | null = null
  #abort = new AbortController()
  #mustRun = false
  /** The last life that was told to stop: its end is no failure, even if the node is to run again by then. */
  #stoppedLife = 0
  /** Of a process that was told to stop while it was starting. */
  #onStarted: ((running: RunningNode) => void) | null = null
  #haltsSeen = 0
  /** Starts so far: what belongs to an earlier one has no effect. */
  #life = 0
  /** Its disk failed or was replaced: it may stop by itself. */
  isDiskTouched = false
  /** A power cut may have taken what `flush.policy=os` left in the page cache. */
  hasLostPower = false
  /** A process of its did not come to its end in good order. */
  hasEndedUncleanly = false

  constructor(options: ClusterNodeOptions) {
    this.#options = options
    this.plan = options.plan
    this.machine = options.machine
    this.#files = this.#newFiles()
  }

  get id(): number {
    return this.plan.id
  }

  get files(): MetadataFiles {
    return this.#files
  }

  /** Null until it serves. */
  get running(): RunningNode | null {
    return this.#running
  }

  /** Of the process that runs; null before it has opened its log. */
  get quorum(): MetadataQuorum | null {
    return this.#quorum
  }

  /** It was told to stop, and has not ended yet. */
  get isStopping(): boolean {
    return this.isUp && this.#stoppedLife === this.#life
  }

  get isUp(): boolean {
    return this.machine.isAlive
  }

  /** Records that it acknowledged may be missing on its disk, by no fault of its own. */
  get mayHaveLost(): boolean {
    return this.isDiskTouched || (this.hasLostPower && this.plan.settings[FLUSH_POLICY] === 'os')
  }

  /**
   * The controller can't tell whether it has lost something: a process that is killed loses nothing, yet with
   * flush.policy=os its end looks like a power cut.
   */
  get isSuspect(): boolean {
    return this.mayHaveLost || (this.hasEndedUncleanly && this.plan.settings[FLUSH_POLICY] === 'os')
  }

  /** Stays up from now on. */
  start(): void {
    this.#mustRun = true
    if (this.machine.isAlive) return
    this.#life += 1
    const life = this.#life
    this.#abort = new AbortController()
    this.#onStarted = null
    this.machine.start((env) => this.#main(env, life))
  }

  kill(): void {
    this.hasEndedUncleanly = true
    this.#end()
  }

  powerCut(mode: CrashMode): void {
    this.#mustRun = false
    this.hasLostPower = true
    this.machine.powerCut(mode)
    this.#onPowerCut()
  }

  /** In the middle of whatever writes then. @param onCut it stays down */
  powerCutAtWrite(changes: number, mode: CrashMode, onCut: () => void): void {
    if (!this.machine.isAlive) return
    this.machine.powerCutAtWrite(changes, mode, () => {
      this.#mustRun = false
      this.hasLostPower = true
      this.#onPowerCut()
      onCut()
    })
  }

  /** A new, empty disk. */
  wipe(): void {
    this.#mustRun = false
    this.isDiskTouched = true
    this.machine.wipe()
    this.#forget()
    this.#files = this.#newFiles()
  }

  /** SIGTERM. @param onStopped it stays down */
  stop(onStopped: () => void): void {
    const { world, checks } = this.#options
    if (!this.machine.isAlive) return
    this.#mustRun = false
    const life = this.#life
    this.#stoppedLife = life
    const running = this.#running
    const isOver = (): boolean => this.#life !== life || !this.machine.isAlive
    const ended = (): void => {
      if (isOver()) return
      this.#end()
      onStopped()
    }
    this.machine.run(() => {
      this.#abort.abort(new StartupError('CONTROLLER_UNAVAILABLE', 'stopped while it was starting', ''))
      const later = (): void => void world.scheduler.schedule(0, EventKind.task, null, ended)
      const close = (node: RunningNode): void =>
        void node.close().then(later, (error: unknown) => {
          // Its disk keeps it from leaving the folder clean: it says so, and ends.
          if (!this.#isForgiven(error)) throw error
          later()
        })
      // One that starts in spite of it is closed when it has, as a real process does.
      if (running === null) this.#onStarted = close
      else close(running)
    })
    world.scheduler.schedule(STOP_MS_MAX, EventKind.task, null, () => {
      if (!isOver()) checks.violate('stops', `node ${this.id} has not stopped within ${STOP_MS_MAX} ms`)
    })
  }

  async #main(env: Env, life: number): Promise<void> {
    const disk = new ObservedDisk(env.disk, this.#files, this.machine.disk)
    try {
      const running = await startNode({ ...env, disk }, this.#options.loaded, {
        signal: this.#abort.signal,
        onQuorum: (quorum) => this.#onQuorum(quorum),
      })
      if (this.#life !== life) return
      this.#running = running
      this.#onStarted?.(running)
    } catch (error) {
      // A disk that fails, or is full, keeps it from cleaning up behind itself, too.
      const isOfDisk = error instanceof SuppressedError && error.error instanceof DiskError
      const cause: unknown = isOfDisk ? error.suppressed : error
      if (!(cause instanceof StartupError)) throw error
      this.#onExit(env, cause, life)
    }
  }

  #onExit(env: Env, error: StartupError, life: number): void {
    env.log.warn({ error }, 'the process ends')
    const wasTold = this.#stoppedLife === life
    if (this.#mustRun && !wasTold && !this.#isForeseen(error.message)) {
      this.#options.checks.violate('starts', `node ${this.id} can't start: ${error.code}: ${error.message}`)
    }
    this.#options.world.scheduler.schedule(0, EventKind.task, null, () => this.machine.kill())
  }

  /** To be called now and then: a process that has ended by itself is started again. */
  supervise(): void {
    const { checks, world } = this.#options
    const halts = this.machine.halts.slice(this.#haltsSeen)
    this.#haltsSeen += halts.length
    const unforeseen = halts.find((reason) => !this.#isForeseen(reason))
    if (unforeseen !== undefined) checks.violate('keeps-running', `node ${this.id} halted: ${unforeseen}`)
    if (!this.#mustRun || this.machine.isAlive) return
    this.hasEndedUncleanly = true
    this.#forget()
    world.scheduler.schedule(RESTART_MS, EventKind.task, null, () => {
      if (this.#mustRun) this.start()
    })
  }

  /** A disk that fails, more than once perhaps, keeps a node from ending cleanly. */
  #isForgiven(error: unknown): boolean {
    if (error instanceof SuppressedError)
      return this.#isForgiven(error.error) && this.#isForgiven(error.suppressed)
    return error instanceof DiskError && this.#isForeseen(error.message)
  }

  /** Without space a node may give up instead of waiting for some: a weakness, not a danger. */
  #isForeseen(reason: string): boolean {
    return this.isDiskTouched || reason.includes('ENOSPC')
  }

  #onQuorum(quorum: MetadataQuorum): void {
    const { checks } = this.#options
    const files = this.#files
    this.#quorum = quorum
    files.directoryId = this.#directoryId()
    const reader = checks.image.onOpen(this.id, quorum.image)
    quorum.subscribe((update) => {
      const isWhole = files.batchAt(reader.endOffset) !== undefined
      checks.image.onUpdate(reader, update, isWhole)
      checks.quorum.onCommitted(files, update.endOffset)
    })
    quorum.onLeaderChange(() => {
      const { id, epoch } = quorum.leader
      if (id !== NO_NODE) checks.quorum.onLeaderSeen(this.id, id, epoch)
    })
  }

  #directoryId(): string | null {
    const text = this.machine.disk.contentOf(`${DATA_FOLDER}/meta.properties`).toString('utf8')
    return /^directory\.id=(.+)$/m.exec(text)?.[1] ?? null
  }

  #end(): void {
    this.#mustRun = false
    this.machine.kill()
    this.#forget()
  }

  #onPowerCut(): void {
    this.#forget()
    this.#files.rebuild(this.machine.disk)
  }

  #forget(): void {
    this.#running = null
    this.#quorum = null
  }

  #newFiles(): MetadataFiles {
    const { quorum } = this.#options.checks
    const files = new MetadataFiles(this.id, METADATA_FOLDER, quorum)
    quorum.addDisk(files)
    return files
  }
}
