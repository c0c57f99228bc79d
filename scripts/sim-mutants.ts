/**
 * Puts known bugs back, one at a time, and looks how soon the simulator finds each: writes docs/mutants.md.
 *
 *   pnpm sim:mutants [--seeds 2000] [--counted 40] [--only ID] [--workers 2]
 *   pnpm sim:mutants --sample          for CI: a few that the first seeds must find, nothing is written
 *
 * `--counted`: of how many seeds the share is counted that find a bug.
 */
import { writeFileSync } from 'node:fs'
import type { Mutant } from '@millrace/sim'
import { catalogue } from '@millrace/sim/mutants'
import { scriptArguments } from '../test/rig/script-arguments.ts'
import { countOf, usageError } from './sim/arguments.ts'
import { type Finding, hunt, huntAll, huntSample } from './sim/hunt.ts'
import { mutantTable } from './sim/mutant-table.ts'

const TABLE = new URL('../docs/mutants.md', import.meta.url).pathname

const { values } = scriptArguments(import.meta.filename, {
  options: {
    seeds: { type: 'string', default: '2000' },
    counted: { type: 'string', default: '40' },
    only: { type: 'string' },
    workers: { type: 'string', default: '2' },
    sample: { type: 'boolean', default: false },
  },
})

process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  const workers = countOf('--workers', values.workers)
  if (values.sample) return await huntSample(workers)
  const limits = {
    counted: countOf('--counted', values.counted),
    seeds: countOf('--seeds', values.seeds),
  }
  const startedMs = performance.now()
  const findings = await huntAll(chosen(), (mutant) => hunt(mutant, limits), tell, workers)
  const missed = findings.filter(({ by }) => by === null)
  if (values.only === undefined) {
    const command = `pnpm sim:mutants --seeds ${limits.seeds} --counted ${limits.counted}`
    const date = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length)
    const seconds = (performance.now() - startedMs) / 1000
    writeFileSync(TABLE, mutantTable(findings, { ...limits, command, date, seconds }))
  }
  console.log(`${findings.length} bugs put back, ${missed.length} missed`)
  return missed.length === 0
}

function chosen(): readonly Mutant[] {
  if (values.only === undefined) return catalogue
  const only = catalogue.filter(({ id }) => id === values.only)
  if (only.length === 0) usageError(`--only ${values.only}: there is no such mutant`)
  return only
}

function tell({ mutant, by, name, count, seeds }: Finding): void {
  const verdict = by === null ? `MISSED in ${seeds} runs` : `${name} (${by})`
  console.log(`${mutant.id}: ${verdict}, ${count} of the first seeds`)
}
