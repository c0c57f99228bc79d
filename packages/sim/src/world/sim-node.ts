/**
 * One machine and the process on it: started, killed, paused, cut off from power, started again on what its disk
 * kept.
 */
import type { Disk, Env, Rng } from '@millrace/base'
import type { CrashMode } from '../disk/crash-mode.ts'
import { processDisk } from '../disk/process-disk.ts'
import { SimDisk, type SimDiskOptions } from '../disk/sim-disk.ts'
import { Incarnation } from '../kernel/incarnation.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { SimClock } from '../kernel/sim-clock.ts'
import { simEnv } from '../kernel/sim-env.ts'
import type { SimLog } from '../kernel/sim-log.ts'
import { EventKind } from '../kernel/trace.ts'
import type { Machine } from '../net/machine.ts'
import type { Network } from '../net/network.ts'

/** What a process runs: `startNode(env, …)`, a client, a test. */
export type Main = (env: Env) => void | Promise<void>

/** How a disk behaves when nobody disturbs it: most syncs take 0–4 ms, one in 200 up to 125 ms. */
export const DEFAULT_DISK: DiskProfile = { latencyMsMax: 4, stallOneIn: 200, stallMsMax: 125 }

export type DiskProfile = Pick<
  SimDiskOptions,
  'latencyMsMax' | 'stallOneIn' | 'stallMsMax' | 'capacityBytes' | 'shortOneIn'
>

export interface SimNodeOptions {
  readonly name: string
  readonly disk: DiskProfile
  readonly scheduler: Scheduler
  readonly network: Network
  /** This node's own stream. */
  readonly rng: Rng
  readonly log: SimLog
  /** A number for a new life. */
  readonly nextIncarnationId: () => number
}

export type NodeState = 'running' | 'paused' | 'dead' | 'without-power'

export class SimNode {
  readonly name: string
  readonly disk: SimDisk
  readonly clock: SimClock
  /** Reasons with which its processes stopped themselves. */
  readonly halts: string[] = []
  readonly #options: SimNodeOptions
  readonly #scheduler: Scheduler
  readonly #machine: Machine
  #lives = 0
  #boots = 0
  #life: Incarnation | null = null
  #env: Env | null = null
  #main: Main | null = null
  /** What the power cut at a chosen write shall leave. */
  #stopMode: CrashMode | null = null
  #onStopped: (() => void) | null = null

  constructor(options: SimNodeOptions) {
    const { name, scheduler, rng, network } = options
    this.name = name
    this.#options = options
    this.#scheduler = scheduler
    this.#machine = network.addMachine(name)
    this.clock = new SimClock(scheduler, this.#bootMs())
    this.disk = new SimDisk({
      ...options.disk,
      rng: rng.fork('disk'),
      schedule: (delayMs, run) => void scheduler.schedule(delayMs, EventKind.sync, this.#life, run),
      onStop: () => this.#stopAtWrite(),
    })
  }

  get state(): NodeState {
    if (this.#life !== null) return this.#life.paused ? 'paused' : 'running'
    return this.#machine.isUp ? 'dead' : 'without-power'
  }

  get isAlive(): boolean {
    return this.#life !== null
  }

  /** The running process's world. @throws Error when none runs */
  get env(): Env {
    if (this.#env === null) throw new Error(`${this.name} is not running`)
    return this.#env
  }

  /** Lives so far. */
  get lives(): number {
    return this.#lives
  }

  /** Starts a process. Its `main` runs in an event of its own; a rejection of it is a violation. */
  start(main: Main): void {
    if (this.#life !== null) throw new Error(`${this.name} is running`)
    this.#main = main
    this.#machine.powerUp()
    this.#lives += 1
    const life = new Incarnation(this.name, this.#lives, this.#options.nextIncarnationId())
    this.#life = life
    const env = this.#envOf(life)
    this.#env = env
    this.#scheduler.schedule(0, EventKind.start, life, () => this.#started(main(env)))
  }

  /** The same `main` again, on the same disk. No effect on a running node. */
  restart(): void {
    if (this.#main === null) throw new Error(`${this.name} was never started`)
    if (this.#life === null) this.start(this.#main)
  }

  /** kill -9: the kernel closes its sockets; what it wrote and did not sync is in the page cache. */
  kill(): void {
    if (this.#life === null) return
    this.#end(this.#life)
    this.disk.processDied()
  }

  /** The machine stops: nobody is told, and the disk keeps what `mode` says. */
  powerCut(mode: CrashMode): void {
    this.#machine.losePower()
    if (this.#life !== null) this.#end(this.#life)
    this.disk.crash({ mode })
    this.clock.reboot(this.#bootMs())
  }

  /** SIGSTOP: its events wait; peers' bytes are taken by its kernel. */
  pause(): void {
    if (this.#life !== null) this.#scheduler.pause(this.#life)
  }

  resume(): void {
    if (this.#life !== null) this.#scheduler.resume(this.#life)
  }

  /** Each event takes so long from now on; events that come meanwhile wait. 0: as fast as the others. */
  setEventMs(eventMs: number): void {
    if (this.#life !== null) this.#life.eventMs = eventMs
  }

  /** The process dies, and a new, empty disk is put in. */
  wipe(): void {
    this.kill()
    this.disk.wipe()
  }

  /** A power cut after `changes` more changing calls of the disk. @param onStopped told when it happened */
  powerCutAtWrite(changes: number, mode: CrashMode, onStopped: () => void): void {
    this.#stopMode = mode
    this.#onStopped = onStopped
    this.disk.stopAfter(changes)
  }

  /** Runs `task` as this node's code in an event of its own. Lost when the process dies first. */
  run(task: (env: Env) => void): void {
    const { env } = this
    this.#scheduler.schedule(0, EventKind.task, this.#life, () => task(env))
  }

  #envOf(owner: Incarnation): Env {
    const { scheduler, network, rng, log } = this.#options
    const disk: Disk = processDisk(this.disk, owner, scheduler.trace)
    return simEnv({
      scheduler,
      owner,
      clock: this.clock,
      rng: rng.fork(`life/${owner.number}`),
      net: network.netOf(this.#machine, owner),
      disk,
      log,
      onHalt: (reason) => {
        this.halts.push(reason)
        this.kill()
      },
    })
  }

  #started(outcome: void | Promise<void>): void {
    const life = this.#life
    // The only handler: a main that fails is found as an exception of this node, unless it is dead by then.
    outcome?.catch((error: unknown) => {
      if (life?.alive === true) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
        this.#scheduler.violate('start', `${this.name} failed: ${text}`, error)
      }
    })
  }

  #stopAtWrite(): void {
    const mode = this.#stopMode
    if (mode === null) return
    this.#stopMode = null
    const tell = this.#onStopped
    // At the end of this call the process is dead; the cut itself waits until the call has left the disk.
    if (this.#life !== null) this.#end(this.#life)
    this.#machine.losePower()
    this.#scheduler.schedule(0, EventKind.fault, null, () => {
      if (this.#life === null) this.powerCut(mode)
      tell?.()
    })
  }

  #end(life: Incarnation): void {
    this.#life = null
    this.#env = null
    this.#scheduler.kill(life)
  }

  /** A machine's monotonic clock starts anywhere in the first hour. */
  #bootMs(): number {
    this.#boots += 1
    return this.#options.rng.fork(`boot/${this.#boots}`).below(3_600_000)
  }
}
