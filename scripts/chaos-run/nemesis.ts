/** Carries faults out, one after another, and writes down when each began and ended. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryRecorder } from '@millrace/checker'
import { type ChaosTarget, restartAll } from './chaos-target.ts'
import type { ClusterEye } from './cluster-eye.ts'
import type { FaultKind, PlannedFault } from './fault.ts'

export interface NemesisEvents {
  /** @param node who is hit; null: all */
  onFault(fault: PlannedFault, node: string | null): void
  onHealed(fault: PlannedFault, node: string | null): void
  onSkipped(fault: PlannedFault, reason: string): void
  /** A node that nobody ended has ended. */
  onCrash(crash: string): void
}

export interface NemesisParts {
  readonly target: ChaosTarget
  readonly recorder: HistoryRecorder
  readonly eye: ClusterEye
  readonly events: NemesisEvents
}

const PROC = 'nemesis'
/** For all replicas to be in sync again. */
const IN_SYNC_MS = 60_000

export class Nemesis {
  readonly #target: ChaosTarget
  readonly #recorder: HistoryRecorder
  readonly #eye: ClusterEye
  readonly #events: NemesisEvents

  constructor({ target, recorder, eye, events }: NemesisParts) {
    this.#target = target
    this.#recorder = recorder
    this.#eye = eye
    this.#events = events
  }

  /**
   * What takes longer than planned moves everything after it, so that the cluster has its time to recover; what would
   * begin too late is left out.
   * @param signal the fault that is on is undone, and no other one begins
   */
  async run(faults: readonly PlannedFault[], durationMs: number, signal: AbortSignal): Promise<void> {
    const startMs = performance.now()
    let lateMs = 0
    for (const fault of faults) {
      const elapsedMs = (): number => performance.now() - startMs
      if (fault.atMs + lateMs + fault.durationMs > durationMs) {
        this.#events.onSkipped(fault, 'too late')
        continue
      }
      await pause(fault.atMs + lateMs - elapsedMs(), signal)
      if (signal.aborted) return
      await this.#one(fault, signal)
      lateMs = Math.max(lateMs, elapsedMs() - fault.atMs - fault.durationMs)
    }
  }

  /** A fault that somebody does by hand begins. */
  began(kind: FaultKind, node: string | null): void {
    this.#recorder.record({ proc: PROC, f: 'nemesis', type: 'invoke', mops: [['n', kind, node]] })
  }

  ended(kind: FaultKind, node: string | null): void {
    this.#recorder.record({ proc: PROC, f: 'nemesis', type: 'ok', mops: [['n', kind, node]] })
  }

  async #one(fault: PlannedFault, signal: AbortSignal): Promise<void> {
    // The only good copy of a record must not be on the disk that goes.
    if (fault.kind === 'wipe' && !(await this.#eye.allInSync(IN_SYNC_MS, signal)))
      return this.#events.onSkipped(fault, 'not all replicas are in sync')
    const node = fault.aim === null ? null : await this.#eye.nodeOf(fault.aim)
    this.#events.onFault(fault, node)
    this.began(fault.kind, node)
    if (node === null) await this.#toAll(fault.kind, signal)
    else await this.#toNode(node, fault, signal)
    this.ended(fault.kind, node)
    this.#events.onHealed(fault, node)
    for (const crash of await this.#target.crashes()) this.#events.onCrash(crash)
    for (const [name, state] of await this.#target.states())
      if (state === 'down') await this.#target.start(name)
  }

  async #toNode(
    node: string,
    { kind, durationMs, skewMs }: PlannedFault,
    signal: AbortSignal,
  ): Promise<void> {
    const target = this.#target
    const wait = (): Promise<void> => pause(durationMs, signal)
    switch (kind) {
      case 'kill':
        await target.kill(node)
        await wait()
        return target.start(node)
      case 'stop':
        await target.stop(node)
        await wait()
        return target.start(node)
      case 'wipe':
        await target.kill(node)
        await target.wipe(node)
        await wait()
        return target.start(node)
      case 'pause':
        await target.pause(node)
        await wait()
        return target.resume(node)
      case 'partition':
      case 'oneway':
        await target.isolate(node, kind === 'oneway')
        await wait()
        return target.heal()
      case 'slow':
        await target.slow(node)
        await wait()
        return target.heal()
      case 'full-disk':
        await target.fillDisk(node)
        await wait()
        return target.freeDisk(node)
      case 'clock':
        await target.setClock(node, skewMs)
        await wait()
        return target.setClock(node, 0)
      case 'restart-all':
      case 'rolling':
        return this.#toAll(kind, signal)
    }
  }

  async #toAll(kind: FaultKind, signal: AbortSignal): Promise<void> {
    const target = this.#target
    if (kind === 'restart-all') return restartAll(target)
    for (const name of target.nodes.filter((candidate) => candidate.startsWith('broker'))) {
      await target.stop(name)
      await target.start(name)
      // The next one must not be the last that has everything.
      await this.#eye.allInSync(IN_SYNC_MS, signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    // the run was cut short: what was broken is mended at once
    if (!signal.aborted) throw error
  }
}
