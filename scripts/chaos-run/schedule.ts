/** From a seed to the faults of a run: the same seed breaks the same things at the same times. */
import { type Rng, seededRng } from '@millrace/base'
import { type FaultKind, FAULTS, type PlannedFault } from './fault.ts'

export interface ScheduleOptions {
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly FaultKind[]
  /** Names of all nodes; those of brokers begin with `broker`. */
  readonly nodes: readonly string[]
}

/** Without faults, at the beginning: so that there is something to compare with. */
const CALM_MS = 3000
/** Without faults, at the end of a run: what was broken last recovers under load. */
const LAST_CALM_MS = 3000
const PAUSE_MS = { least: 2000, spread: 4000 }
const FAULT_MS = { least: 2000, spread: 5000 }
const DAY_MS = 86_400_000
const SKEWS_MS = [-10 * 365 * DAY_MS, -DAY_MS, -60_000, 60_000, DAY_MS, 10 * 365 * DAY_MS]

/** One fault at a time, with time in between to recover. Every kind comes once before one comes again. */
export function schedule({ seed, durationMs, faults, nodes }: ScheduleOptions): PlannedFault[] {
  const rng = seededRng(seed)
  const planned: PlannedFault[] = []
  let deck: FaultKind[] = []
  for (let atMs = CALM_MS; faults.length > 0;) {
    if (deck.length === 0) deck = shuffled(rng, faults)
    const kind = deck.pop()!
    const aim = aimOf(rng, kind, nodes)
    const skewMs = kind === 'clock' ? oneOf(rng, SKEWS_MS) : 0
    const faultMs = FAULT_MS.least + rng.below(FAULT_MS.spread)
    if (atMs + faultMs + LAST_CALM_MS > durationMs) break
    planned.push({ atMs, kind, aim, durationMs: faultMs, skewMs })
    atMs += faultMs + PAUSE_MS.least + rng.below(PAUSE_MS.spread)
  }
  return planned
}

/** Nodes that matter most are hit most often. */
function aimOf(rng: Rng, kind: FaultKind, nodes: readonly string[]): string | null {
  const { to } = FAULTS[kind]
  const brokers = nodes.filter((name) => name.startsWith('broker'))
  switch (to) {
    case 'all':
      return null
    case 'broker':
      return oneOf(rng, ['leader', oneOf(rng, brokers)])
    case 'node':
      return oneOf(rng, ['leader', 'leader', 'controller', oneOf(rng, brokers), oneOf(rng, nodes)])
  }
}

function shuffled<T>(rng: Rng, items: readonly T[]): T[] {
  const rest = [...items]
  return items.map(() => rest.splice(rng.below(rest.length), 1)[0]!)
}

function oneOf<T>(rng: Rng, choices: readonly T[]): T {
  return choices[rng.below(choices.length)]!
}
