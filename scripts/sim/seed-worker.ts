/**
 * One process of a batch: runs seeds and prints a line of JSON for each. With SIM_MUTANT set, with that bug in it.
 *
 *   node --conditions=source scripts/sim/seed-worker.ts --from 1 --step 2 --seconds 60 [--to 100]
 */
import { parseArgs } from 'node:util'
import { catalogue } from '@millrace/sim/mutants'
import { installMutant, MUTANT_VARIABLE } from '../../packages/sim/src/mutant/mutant-hook.ts'
import type { SeedLine } from './batch.ts'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    to: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: 'Infinity' },
    'stop-at-first': { type: 'boolean', default: false },
    scripted: { type: 'boolean', default: false },
  },
})

const root = new URL('../../', import.meta.url).href
// Before anything is imported that it may change.
const installed = installMutant(process.env[MUTANT_VARIABLE], catalogue, root)
const { drawScenario, quorumScenarios, runScenario, runScripted } = await import('@millrace/sim/cluster')

const monoMs = performance.now.bind(performance)
const endMs = monoMs() + Number(values.seconds) * 1000
const lastSeed = Number(values.to)

async function runAllScripted(): Promise<void> {
  for (const scenario of quorumScenarios) {
    const line = { seed: 0, hash: '0', events: 0, virtualMs: 0, faults: {}, violation: null }
    try {
      await runScripted(scenario)
      process.stdout.write(`${JSON.stringify(line)}\n`)
    } catch (error) {
      const violation = { message: String(error), invariant: `scripted ${scenario.id}`, step: 0, atMs: 0 }
      process.stdout.write(`${JSON.stringify({ ...line, violation })}\n`)
      break
    }
  }
}

async function runSeeds(): Promise<void> {
  for (let seed = Number(values.from); seed <= lastSeed && monoMs() < endMs; seed += Number(values.step)) {
    const line = await runSeed(seed)
    process.stdout.write(`${JSON.stringify(line)}\n`)
    if (line.violation !== null && values['stop-at-first']) break
  }
}

if (values.scripted) await runAllScripted()
else await runSeeds()
if (installed !== null && !installed.isLoaded()) {
  console.error(`${installed.mutant.file} was never loaded: the mutant proves nothing`)
  process.exitCode = 3
}

async function runSeed(seed: number): Promise<SeedLine> {
  try {
    const { hash, events, virtualMs, faults, violation } = await runScenario(drawScenario(seed))
    return { seed, hash, events, virtualMs, faults, violation }
  } catch (error) {
    // A defect of the simulator itself, or one that broke out of it: never to be overlooked.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const violation = { message, invariant: 'harness', step: 0, atMs: 0 }
    return { seed, hash: '0', events: 0, virtualMs: 0, faults: {}, violation }
  }
}
