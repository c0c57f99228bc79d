/** Carries faults out, one after another, and writes down when each began and ended. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HistoryRecorder } from '@millrace/checker'
import type { ChaosTarget } from './chaos-target.ts'
import type { PlannedFault } from './fault.ts'

export interface NemesisEvents {
  onFault(fault: PlannedFault): void
  onHealed(fault: PlannedFault): void
}

const PROC = 'nemesis'
/** A broker that was restarted is back in sync before the next one goes. */
const ROLLING_PAUSE_MS = 2000

export class Nemesis {
  readonly #target: ChaosTarget
  readonly #recorder: HistoryRecorder
  readonly #events: NemesisEvents

  constructor(target: ChaosTarget, recorder: HistoryRecorder, events: NemesisEvents) {
    this.#target = target
    this.#recorder = recorder
    this.#events = events
  }

  /** @param startMs of `performance.now()`: when the times of the faults begin */
  async run(faults: readonly PlannedFault[], startMs: number): Promise<void> {
    for (const fault of faults) {
      const waitMs = startMs + fault.atMs - performance.now()
      if (waitMs > 0) await delay(waitMs)
      this.#events.onFault(fault)
      this.#recorder.record({
        proc: PROC,
        f: 'nemesis',
        type: 'invoke',
        mops: [['n', fault.kind, fault.node]],
      })
      await this.#carryOut(fault)
      this.#recorder.record({ proc: PROC, f: 'nemesis', type: 'ok', mops: [['n', fault.kind, fault.node]] })
      this.#events.onHealed(fault)
    }
  }

  async #carryOut({ kind, node, durationMs }: PlannedFault): Promise<void> {
    const target = this.#target
    switch (kind) {
      case 'kill':
        await target.kill(node!)
        await delay(durationMs)
        return target.start(node!)
      case 'stop':
        await target.stop(node!)
        await delay(durationMs)
        return target.start(node!)
      case 'pause':
        await target.pause(node!)
        await delay(durationMs)
        return target.resume(node!)
      case 'partition':
      case 'oneway':
        await target.cut(node!, kind === 'oneway')
        await delay(durationMs)
        return target.heal()
      case 'wipe':
        await target.kill(node!)
        await target.wipe(node!)
        await delay(durationMs)
        return target.start(node!)
      case 'restart-all':
        await Promise.all(target.nodes.map((name) => target.kill(name)))
        await Promise.all(target.nodes.map((name) => target.start(name)))
        return
      case 'rolling':
        for (const name of target.nodes.filter((candidate) => candidate.startsWith('broker'))) {
          await target.stop(name)
          await target.start(name)
          await delay(ROLLING_PAUSE_MS)
        }
    }
  }
}
