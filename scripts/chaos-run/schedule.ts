/** From a seed to the faults of a run: the same seed breaks the same things at the same times. */
import { type Rng, seededRng } from '@millrace/base'
import { type FaultKind, FAULTS, type PlannedFault } from './fault.ts'

export interface ScheduleOptions {
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly FaultKind[]
  readonly nodes: readonly string[]
}

/** Without faults, at the beginning: so that there is something to compare with. */
const CALM_MS = 3000
const PAUSE_MS = { least: 2000, spread: 4000 }
const FAULT_MS = { least: 2000, spread: 5000 }

/** One fault at a time, with time in between to recover. */
export function schedule({ seed, durationMs, faults, nodes }: ScheduleOptions): PlannedFault[] {
  const rng = seededRng(seed)
  const planned: PlannedFault[] = []
  for (let atMs = CALM_MS; ;) {
    const kind = oneOf(rng, faults)
    const node = oneOf(rng, nodes)
    const faultMs = FAULT_MS.least + rng.below(FAULT_MS.spread)
    if (atMs + faultMs > durationMs) return planned
    planned.push({ atMs, kind, node: FAULTS[kind].hasTarget ? node : null, durationMs: faultMs })
    atMs += faultMs + PAUSE_MS.least + rng.below(PAUSE_MS.spread)
  }
}

function oneOf<T>(rng: Rng, choices: readonly T[]): T {
  return choices[rng.below(choices.length)]!
}
