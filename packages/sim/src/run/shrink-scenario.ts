/** Makes a scenario that fails as small as time allows: fewer faults and operations, then shorter and smaller ones. */
import type { Clock } from '@millrace/base'
import type { FaultEvent } from '../fault/fault-event.ts'
import { ddmin } from '../shrink/ddmin.ts'
import { halveNumbers } from '../shrink/halve.ts'
import { runScenario } from './run-scenario.ts'
import type { Scenario } from './scenario.ts'

export interface ShrinkOptions {
  readonly clock: Pick<Clock, 'monoMs'>
  /** Real time, all steps together. */
  readonly limitMs: number
  /** The invariant that must break. */
  readonly invariant: string
}

const HALVED: ReadonlySet<string> = new Set([
  'durationMs',
  'downMs',
  'latencyMs',
  'eventMs',
  'changes',
  'freeBytes',
])
const PARTS = 4

/** @returns a scenario that breaks the same invariant */
export async function shrinkScenario(
  scenario: Scenario,
  { clock, limitMs, invariant }: ShrinkOptions,
): Promise<Scenario> {
  const endMs = clock.monoMs() + limitMs
  const breaks = async (candidate: Scenario): Promise<boolean> =>
    (await runScenario(candidate)).violation?.invariant === invariant
  const budget = (share: number) => ({ clock, limitMs: Math.max(0, (endMs - clock.monoMs()) * share) })
  let kept = await shortened(scenario, breaks)
  const withFaults = (faults: readonly FaultEvent[]): Scenario => ({ ...kept, faults })
  kept = withFaults(await ddmin(kept.faults, (faults) => breaks(withFaults(faults)), budget(2 / PARTS)))
  const operations = await ddmin(
    kept.operations,
    (some) => breaks({ ...kept, operations: some }),
    budget(2 / PARTS),
  )
  kept = { ...kept, operations }
  return withFaults(
    await halveNumbers(kept.faults, HALVED, (faults) => breaks(withFaults(faults)), budget(1)),
  )
}

/** Nothing behind the violation is needed. */
async function shortened(
  scenario: Scenario,
  breaks: (candidate: Scenario) => Promise<boolean>,
): Promise<Scenario> {
  const { violation } = await runScenario(scenario)
  const atMs = Math.ceil(violation?.atMs ?? Infinity) + 1
  if (atMs >= scenario.config.chaosMs) return scenario
  const candidate: Scenario = {
    ...scenario,
    config: { ...scenario.config, chaosMs: atMs },
    operations: scenario.operations.filter((operation) => operation.atMs < atMs),
    faults: scenario.faults.filter((fault) => fault.atMs < atMs),
  }
  return (await breaks(candidate)) ? candidate : scenario
}
