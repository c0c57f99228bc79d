/**
 * A simulated world: machines with their processes, the network between them, virtual time. The same seed and the
 * same program give the same trace.
 */
import { seededRng, type Env, type Rng } from '@millrace/base'
import type { ViolationKind, Violation } from '../kernel/violation.ts'
import { Scheduler } from '../kernel/scheduler.ts'
import { formatLine, SimLog } from '../kernel/sim-log.ts'
import { Trace } from '../kernel/trace.ts'
import { Network } from '../net/network.ts'
import type { NetworkProfile } from '../net/network-profile.ts'
import { DEFAULT_DISK, SimNode, type DiskProfile } from './sim-node.ts'

export interface WorldOptions {
  readonly seed: number
  readonly network?: Partial<NetworkProfile>
  readonly disk?: DiskProfile
  /** Keep every event for a sequence chart, not only the hash. */
  readonly recording?: boolean
  /** Log lines kept for a failure. Default 2000. */
  readonly logLinesMax?: number
}

const LOG_LINES_MAX = 2000

export class World {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly network: Network
  readonly log: SimLog
  readonly #root: Rng
  readonly #disk: DiskProfile
  readonly #nodes = new Map<string, SimNode>()
  #incarnations = 0

  /** Use `simulate`, which also bans calls around `Env` and watches for rejections. */
  constructor({ seed, network = {}, disk = {}, recording, logLinesMax = LOG_LINES_MAX }: WorldOptions) {
    this.seed = seed
    this.#root = seededRng(seed)
    this.#disk = { ...DEFAULT_DISK, ...disk }
    this.scheduler = new Scheduler(new Trace({ recording }))
    this.log = new SimLog(this.scheduler, logLinesMax)
    this.network = new Network(this.scheduler, this.#root.fork('network'), network)
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  get trace(): Trace {
    return this.scheduler.trace
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()]
  }

  /** A stream of its own, for a plan, a workload, a configuration. */
  rng(label: string): Rng {
    return this.#root.fork(`use/${label}`)
  }

  /** A new machine, reachable by its name; nothing runs on it yet. */
  addNode(name: string, disk: DiskProfile = {}): SimNode {
    if (this.#nodes.has(name)) throw new Error(`there is a node ${name} already`)
    const node = new SimNode({
      name,
      disk: { ...this.#disk, ...disk },
      scheduler: this.scheduler,
      network: this.network,
      rng: this.#root.fork(`node/${name}`),
      log: this.log,
      nextIncarnationId: () => (this.#incarnations += 1),
    })
    this.#nodes.set(name, node)
    return node
  }

  /** @throws Error when there is none of that name */
  node(name: string): SimNode {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`there is no node ${name}`)
    return node
  }

  /** Lets time pass. @throws Violation */
  runFor(durationMs: number): void {
    this.scheduler.runUntil(this.nowMs + durationMs)
  }

  /** Runs until `holds`, checked after each event. @throws Violation of kind `stuck` after `limitMs` */
  runUntil(holds: () => boolean, limitMs: number, what = 'the awaited condition'): void {
    const endMs = this.nowMs + limitMs
    while (!holds()) {
      if (!this.scheduler.step(endMs)) {
        throw this.scheduler.violate('stuck', `${what} did not hold within ${limitMs} ms`)
      }
    }
  }

  /**
   * Runs `task` as code of `node` until its promise is settled.
   * @returns what it resolves to
   * @throws what it rejects with; Violation of kind `stuck` after `limitMs`, or when the node dies
   */
  perform<T>(node: SimNode, task: (env: Env) => T | Promise<T>, limitMs: number): T {
    return this.begin(node, task)(limitMs)
  }

  /** The same without waiting. @returns waits for what came of it, to be called once, with the limit from then on */
  begin<T>(node: SimNode, task: (env: Env) => T | Promise<T>): (limitMs: number) => T {
    let outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }
    let settled = false
    const settle = (next: typeof outcome): void => {
      outcome = next
      settled = true
    }
    node.run((env) => {
      new Promise<T>((resolve) => resolve(task(env))).then(
        (value) => settle({ ok: true, value }),
        (error: unknown) => settle({ ok: false, error }),
      )
    })
    return (limitMs) => {
      this.runUntil(() => settled, limitMs, `a task of ${node.name}`)
      if (!outcome!.ok) throw outcome!.error
      return outcome!.value
    }
  }

  /** An invariant does not hold: the run ends. Throw the result where code may go on. */
  violate(kind: ViolationKind, message: string): Violation {
    return this.scheduler.violate(kind, message)
  }

  /** The last log lines, as text. */
  logText(): string {
    return this.log
      .lines()
      .map((line) => formatLine(line))
      .join('\n')
  }
}
