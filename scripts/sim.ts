/**
 * The simulator: whole clusters in virtual time, with faults, by seed.
 *
 *   pnpm sim --seed 7 [--chart]        one seed, the same every time
 *   pnpm sim --seeds 1..500            these seeds
 *   pnpm sim --minutes 10              fresh seeds until the time is up
 *   pnpm sim --replay FILE [--chart]   a scenario that was kept
 *   pnpm sim --scripted [ID…]          scenarios written by hand
 *   pnpm sim --check --seconds 200     for CI: kept and written scenarios, 50 seeds twice, some bugs put back, and seeds for
 *                                      the rest of the time; with --from SEED not fresh ones
 *   with --workers N (2)               processes for batches
 *   with --keep DIR, --no-shrink       where the first violation's scenario is kept, made small; not at all
 *
 * Exit code: 0 without violations, 1 with some, 2 for arguments that make no sense.
 */
import {
  drawScenario,
  type RunResult,
  runScenario,
  runScripted,
  type Scenario,
  scriptedScenarios,
} from '@millrace/sim/cluster'
import { scriptArguments } from '../test/rig/script-arguments.ts'
import { countOf, durationOf, seedOf, seedRangeOf, usageError } from './sim/arguments.ts'
import { combinedHash, runBatch, type SeedLine, summary } from './sim/batch.ts'
import { checkKnown, checkRepeatable } from './sim/check-parts.ts'
import { huntSample } from './sim/hunt.ts'
import { keepShrunk, printViolation, readScenario, REGRESSIONS } from './sim/report.ts'

const SEED_LIMIT = 2 ** 31
const monoMs = performance.now.bind(performance)

const { values, positionals } = scriptArguments(import.meta.filename, {
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    seconds: { type: 'string', default: '200' },
    workers: { type: 'string', default: '2' },
    from: { type: 'string' },
    replay: { type: 'string' },
    check: { type: 'boolean', default: false },
    chart: { type: 'boolean', default: false },
    scripted: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    keep: { type: 'string', default: REGRESSIONS },
  },
})
const workers = countOf('--workers', values.workers)

process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  const modes = ['seed', 'seeds', 'minutes', 'replay', 'check', 'scripted'] as const
  const asked = modes.filter((mode) => values[mode] !== undefined && values[mode] !== false)
  if (asked.length > 1)
    usageError(`only one of ${asked.map((mode) => `--${mode}`).join(' and ')} can be done`)
  if (positionals.length > 0 && !values.scripted) usageError(`what is ${positionals.join(' ')}?`)
  if (values.check) return await check(durationOf('--seconds', values.seconds))
  if (values.scripted) return await runWritten(positionals)
  if (values.replay !== undefined) return await runOne(readScenario(values.replay), false)
  if (values.seeds !== undefined) return await batch(seedRangeOf('--seeds', values.seeds))
  const minutes = values.minutes === undefined ? null : durationOf('--minutes', values.minutes)
  if (minutes !== null) return await batch({ from: startSeed(), seconds: minutes * 60 })
  const seed = values.seed === undefined ? freshSeed() : seedOf('--seed', values.seed)
  return await runOne(drawScenario(seed), !values['no-shrink'])
}

async function runOne(scenario: Scenario, shrink: boolean): Promise<boolean> {
  const { seed, config, about } = scenario
  const recording = values.chart
  if (about !== undefined) console.log(about)
  console.log(`seed ${seed} config ${JSON.stringify(config)}`)
  const result = await runScenario(scenario, { recording, stackTraces: true })
  if (recording) console.log(result.chart)
  console.log(`faults ${JSON.stringify(result.faults)} operations ${JSON.stringify(result.outcomes)}`)
  if (result.violation !== null && recording) console.log(result.log)
  const again = values.replay === undefined ? `--seed ${seed}` : `--replay ${values.replay}`
  printViolation(scenario, result, again)
  if (result.violation !== null && shrink) await keepShrunk(scenario, result, values.keep)
  console.log(`trace ${result.hash}`)
  console.log(summary([lineOf(seed, result)]))
  return result.violation === null
}

function lineOf(seed: number, { hash, events, virtualMs, faults, violation }: RunResult): SeedLine {
  return { seed, hash, events, virtualMs, faults, violation }
}

async function batch(range: { readonly from: number; readonly to?: number; readonly seconds?: number }) {
  console.log(`start seed ${range.from}, ${workers} workers`)
  const startedMs = monoMs()
  const lines = await runBatch(range, workers, (line) => {
    if (line.violation !== null) console.log(`seed ${line.seed}: ${line.violation.message.split('\n')[0]}`)
  })
  await explainFirst(lines)
  const seconds = (monoMs() - startedMs) / 1000
  const virtualSeconds = lines.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / 1000
  const events = lines.reduce((sum, line) => sum + line.events, 0)
  const speed =
    `${seconds.toFixed(1)} s: ${(lines.length / seconds).toFixed(2)} seeds, ${Math.round(events / seconds)} events ` +
    `and ${Math.round(virtualSeconds / seconds)} virtual s a second`
  console.log(`trace ${combinedHash(lines)}`)
  console.log(`${summary(lines)}; ${speed}`)
  return lines.every(({ violation }) => violation === null)
}

async function explainFirst(lines: readonly SeedLine[]): Promise<void> {
  const first = lines.find(({ violation }) => violation !== null)
  if (first === undefined) return
  const scenario = drawScenario(first.seed)
  const result = await runScenario(scenario, { stackTraces: true })
  printViolation(scenario, result, `--seed ${first.seed}`)
  if (result.violation !== null && !values['no-shrink']) await keepShrunk(scenario, result, values.keep)
}

/** @param ids all when empty */
async function runWritten(ids: readonly string[]): Promise<boolean> {
  const known = scriptedScenarios.map(({ id }) => id)
  const unknown = ids.filter((id) => !known.includes(id))
  if (unknown.length > 0)
    usageError(`there is no scenario ${unknown.join(', ')}; there are ${known.join(', ')}`)
  const chosen = scriptedScenarios.filter(({ id }) => ids.length === 0 || ids.includes(id))
  let failed = 0
  for (const scenario of chosen) {
    try {
      await runScripted(scenario)
    } catch (error) {
      failed += 1
      console.log(`${scenario.id}: ${scenario.title}: ${String(error)}`)
    }
  }
  console.log(`scripted: ${chosen.length} scenarios, ${failed} violations`)
  return failed === 0
}

async function check(seconds: number): Promise<boolean> {
  const endMs = monoMs() + seconds * 1000
  const known = await Promise.all([
    checkKnown('regressions', 'regressions'),
    checkKnown('scripted', 'scripted'),
  ])
  const repeatable = await checkRepeatable()
  const isSharp = await huntSample(workers)
  const fresh = await batch({ from: startSeed(), seconds: Math.max(1, (endMs - monoMs()) / 1000) })
  return known.every(Boolean) && repeatable && isSharp && fresh
}

function startSeed(): number {
  return values.from === undefined ? freshSeed() : seedOf('--from', values.from)
}

function freshSeed(): number {
  return Math.floor(Math.random() * SEED_LIMIT)
}
