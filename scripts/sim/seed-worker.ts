/**
 * One process of a batch: runs seeds, or scenarios, and prints a line of JSON for each. With SIM_MUTANT set, with that bug
 * in it. `--kind raft` or `replication`, a core alone: written scenarios, seeds, then scenarios with all that happens recorded.
 *
 *   node --conditions=source scripts/sim/seed-worker.ts --from 1 --step 2 --seconds 60 [--to 100] [--kind raft]
 */
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { installMutant, MUTANT_VARIABLE } from '@millrace/sim/mutant-hook'
import { catalogue } from '@millrace/sim/mutants'
import type { SeedLine } from './batch.ts'
import type { CoreFailure, CoreName } from './core-run.ts'

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'seeds' },
    from: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    to: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: 'Infinity' },
    'stop-at-first': { type: 'boolean', default: false },
  },
})

const root = new URL('../../', import.meta.url).href
// Before anything is imported that it may change.
const installed = installMutant(process.env[MUTANT_VARIABLE], catalogue, root)

const monoMs = performance.now.bind(performance)
const endMs = monoMs() + Number(values.seconds) * 1000
const lastSeed = Number(values.to)
const NOTHING = { seed: 0, hash: '0', events: 0, virtualMs: 0, faults: {}, violation: null }

if (values.kind === 'scripted') await runScenarios()
else if (values.kind === 'regressions') await runRegressions()
else if (values.kind === 'raft' || values.kind === 'replication') await runCore(values.kind)
else await runSeeds()

if (installed !== null && installed.missing().length > 0) {
  console.error(`${installed.missing().join()} was never loaded: the mutant proves nothing`)
  process.exitCode = 3
}

/** @returns whether to go on */
function tell(line: SeedLine): boolean {
  process.stdout.write(`${JSON.stringify(line)}\n`)
  return line.violation === null || !values['stop-at-first']
}

function* seeds(): Generator<number> {
  for (let seed = Number(values.from); seed <= lastSeed && monoMs() < endMs; seed += Number(values.step))
    yield seed
}

async function runSeeds(): Promise<void> {
  const { drawScenario, runScenario } = await import('@millrace/sim/cluster')
  for (const seed of seeds()) {
    const line = await orBrokenHarness(seed, async () => {
      const { hash, events, virtualMs, faults, violation } = await runScenario(drawScenario(seed))
      return { seed, hash, events, virtualMs, faults, violation }
    })
    if (!tell(line)) return
  }
}

/** A defect of the simulator itself, or one that broke out of it, is never to be overlooked. */
async function orBrokenHarness(seed: number, run: () => Promise<SeedLine>): Promise<SeedLine> {
  try {
    return await run()
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { ...NOTHING, seed, violation: { message, invariant: 'harness', step: 0, atMs: 0 } }
  }
}

async function runRegressions(): Promise<void> {
  const { runScenario } = await import('@millrace/sim/cluster')
  const { readScenario, regressions } = await import('./report.ts')
  for (const path of regressions()) {
    const scenario = readScenario(path)
    const line = await orBrokenHarness(scenario.seed, async () => {
      const { hash, events, virtualMs, faults, violation } = await runScenario(scenario)
      return { seed: scenario.seed, hash, events, virtualMs, faults, violation }
    })
    if (!tell({ ...line, name: basename(path) })) return
  }
}

async function runScenarios(): Promise<void> {
  const { runScripted, scriptedScenarios } = await import('@millrace/sim/cluster')
  for (const scenario of scriptedScenarios) {
    const message = await runScripted(scenario).then(
      () => null,
      (error: unknown) => String(error),
    )
    const violation = message === null ? null : { message, invariant: invariantOf(message), step: 0, atMs: 0 }
    if (!tell({ ...NOTHING, name: scenario.id, violation })) return
  }
}

async function runCore(name: CoreName): Promise<void> {
  const { coreScenarios, loadCore, runCoreScenario, runCoreSeed } = await import('./core-run.ts')
  const core = await loadCore(name)
  const runAll = (paths: readonly string[]): boolean =>
    paths.every((path) => {
      const violation = asViolation(runCoreScenario(core, path))
      return tell({ ...NOTHING, name: basename(path, '.txt'), violation })
    })
  if (!runAll(coreScenarios(core.promised))) return
  for (const seed of seeds())
    if (!tell({ ...NOTHING, seed, violation: asViolation(runCoreSeed(core, seed)) })) return
  runAll(coreScenarios(core.recorded))
}

function asViolation(failure: CoreFailure | null): SeedLine['violation'] {
  return failure === null ? null : { ...failure, invariant: 'core' }
}

/** Of a cluster: in brackets. Else what the scenario itself found. */
function invariantOf(message: string): string {
  return /\[([a-z-]+)\]/.exec(message)?.[1] ?? 'guarantee'
}
