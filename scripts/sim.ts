/**
 * The simulator: whole clusters in virtual time, with faults, by seed.
 *
 *   pnpm sim --seed 7 [--chart]        one seed, the same every time
 *   pnpm sim --seeds 1..500            these seeds
 *   pnpm sim --minutes 10              fresh seeds until the time is up
 *   pnpm sim --replay FILE [--chart]   a scenario that was kept
 *   pnpm sim --scripted [ID]           scenarios written by hand
 *   pnpm sim --check --seconds 200     for CI: kept scenarios, 50 seeds twice, fresh seeds for the rest of the time
 *   with --workers N (2)               processes for batches; with --no-shrink, violations are only printed
 */
import { parseArgs } from 'node:util'
import {
  drawScenario,
  quorumScenarios,
  type RunResult,
  runScenario,
  runScripted,
  type Scenario,
} from '@millrace/sim/cluster'
import { combinedHash, runBatch, type SeedLine, summary } from './sim/batch.ts'
import { keepShrunk, printViolation, readScenario, regressions } from './sim/report.ts'

const REPLAYED_SEEDS = 50
const SEED_LIMIT = 2 ** 31
const monoMs = performance.now.bind(performance)

const { values, positionals } = parseArgs({
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
  },
})
const workers = Number(values.workers)

process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  if (values.check) return await check(Number(values.seconds))
  if (values.scripted) return await checkScripted(positionals)
  if (values.replay !== undefined) return await runOne(readScenario(values.replay), false)
  if (values.seeds !== undefined) {
    const [from, to] = values.seeds.split('..').map(Number)
    return await batch({ from: from!, to: to ?? from! })
  }
  if (values.minutes !== undefined) {
    return await batch({ from: freshSeed(), seconds: Number(values.minutes) * 60 })
  }
  return await runOne(drawScenario(Number(values.seed ?? freshSeed())), !values['no-shrink'])
}

async function runOne(scenario: Scenario, shrink: boolean): Promise<boolean> {
  const { seed, config } = scenario
  const recording = values.chart
  console.log(`seed ${seed} config ${JSON.stringify(config)}`)
  const result = await runScenario(scenario, { recording })
  if (recording) console.log(result.chart)
  console.log(`faults ${JSON.stringify(result.faults)} operations ${JSON.stringify(result.outcomes)}`)
  if (result.violation !== null && recording) console.log(result.log)
  printViolation(scenario, result)
  if (result.violation !== null && shrink) await keepShrunk(scenario, result)
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
  console.log(`trace ${combinedHash(lines)}`)
  console.log(`${summary(lines)}; ${seconds.toFixed(1)} s, ${(lines.length / seconds).toFixed(2)} seeds/s`)
  return lines.every(({ violation }) => violation === null)
}

async function explainFirst(lines: readonly SeedLine[]): Promise<void> {
  const first = lines.find(({ violation }) => violation !== null)
  if (first === undefined) return
  const scenario = drawScenario(first.seed)
  const result = await runScenario(scenario)
  printViolation(scenario, result)
  if (result.violation !== null && !values['no-shrink']) await keepShrunk(scenario, result)
}

/* ------------------------------------------------------------ for CI */

async function check(seconds: number): Promise<boolean> {
  const endMs = monoMs() + seconds * 1000
  const kept = (await checkRegressions()) && (await checkScripted([]))
  const repeated = await checkRepeatable()
  const left = Math.max(1, (endMs - monoMs()) / 1000)
  const fresh = await batch({
    from: values.from === undefined ? freshSeed() : Number(values.from),
    seconds: left,
  })
  return kept && repeated && fresh
}

async function checkRegressions(): Promise<boolean> {
  const paths = regressions()
  let failed = 0
  for (const path of paths) {
    const scenario = readScenario(path)
    const result = await runScenario(scenario)
    if (result.violation === null) continue
    failed += 1
    console.log(`${path}: ${result.violation.message.split('\n')[0]}`)
  }
  console.log(`regressions: ${paths.length} scenarios, ${failed} violations`)
  return failed === 0
}

/** @param ids all when empty */
async function checkScripted(ids: readonly string[]): Promise<boolean> {
  const chosen = quorumScenarios.filter(({ id }) => ids.length === 0 || ids.includes(id))
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
  return failed === 0 && chosen.length > 0
}

/** The same seeds in two processes: nothing but the seed may decide what happens. */
async function checkRepeatable(): Promise<boolean> {
  const range = { from: 1, to: REPLAYED_SEEDS }
  const [first, second] = await Promise.all([runBatch(range, 1, () => {}), runBatch(range, 1, () => {})])
  const differing = first.filter(({ hash }, i) => hash !== second[i]?.hash).map(({ seed }) => seed)
  const failed = first.filter(({ violation }) => violation !== null)
  for (const { seed, violation } of failed) console.log(`seed ${seed}: ${violation!.message.split('\n')[0]}`)
  const verdict = differing.length === 0 ? 'the same' : `seeds ${differing.join(', ')} differ`
  console.log(
    `replay: seeds 1..${REPLAYED_SEEDS} twice, traces ${combinedHash(first)} and ${combinedHash(second)}: ${verdict}, ` +
      `${failed.length} violations`,
  )
  return differing.length === 0 && failed.length === 0
}

function freshSeed(): number {
  return Math.floor(Math.random() * SEED_LIMIT)
}
