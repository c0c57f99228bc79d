/**
 * Puts known bugs back, one at a time, and looks how soon the simulator finds each: writes docs/mutants.md.
 *
 *   pnpm sim:mutants [--seeds 2000] [--counted 40] [--only ID] [--sample]
 *
 * `--counted`: of how many seeds the share is counted that find a bug.
 * `--sample` takes every fifth bug, and stops each at the first seed that finds it: for CI.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Mutant } from '@millrace/sim'
import { catalogue } from '@millrace/sim/mutants'
import { runWorker, type SeedLine } from './sim/batch.ts'

/**
 * Bugs that hide behind another defence in a whole cluster, and the unit test that fails with each: seen by running it with
 * the bug in a copy of the sources.
 */
const SEEN_BY_TEST: ReadonlyMap<string, string> = new Map([
  [
    'commits-older-epoch',
    'packages/raft/test/roles/leader.test.ts, “commits nothing of earlier epochs by counting replicas”',
  ],
  [
    'stale-flush',
    'packages/raft/test/replica-log.test.ts, “makes flushes of the longer log count for nothing (ABA)”',
  ],
])
const SAMPLE_EVERY = 5
const TABLE = new URL('../docs/mutants.md', import.meta.url).pathname

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    counted: { type: 'string', default: '40' },
    only: { type: 'string' },
    sample: { type: 'boolean', default: false },
  },
})

const COUNTED_SEEDS = Number(values.counted)

interface Finding {
  readonly mutant: Mutant
  /** 0: a scenario written by hand; null: nothing found it. */
  readonly firstSeed: number | null
  readonly by: string
  /** Of the first `COUNTED_SEEDS`. */
  readonly count: number
  readonly seeds: number
}

process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  const chosen = catalogue.filter(
    ({ id }, i) =>
      (values.only === undefined || id === values.only) && (!values.sample || i % SAMPLE_EVERY === 0),
  )
  const queue = [...chosen]
  const findings: Finding[] = []
  const takeOne = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const finding = await hunt(mutant)
      findings.push(finding)
      console.log(describe(finding))
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, takeOne))
  const missed = findings.filter(
    ({ firstSeed, mutant }) => firstSeed === null && !SEEN_BY_TEST.has(mutant.id),
  )
  if (values.only === undefined && !values.sample) writeFileSync(TABLE, table(findings))
  console.log(
    `${findings.length} bugs put back, ${findings.length - missed.length} found, ${missed.length} missed`,
  )
  return missed.length === 0
}

async function hunt(mutant: Mutant): Promise<Finding> {
  const variables = { SIM_MUTANT: mutant.id }
  const lines: SeedLine[] = []
  const collect = (line: SeedLine): void => void lines.push(line)
  const stopAtFirst = values.sample
  await runWorker({ from: 1, step: 1, to: COUNTED_SEEDS, variables, stopAtFirst }, collect)
  const count = failing(lines).length
  if (count === 0) await runWorker({ from: 1, step: 1, isScripted: true, variables }, collect)
  if (failing(lines).length === 0 && !SEEN_BY_TEST.has(mutant.id)) {
    const to = Number(values.seeds)
    await runWorker({ from: COUNTED_SEEDS + 1, step: 1, to, variables, stopAtFirst: true }, collect)
  }
  const first = failing(lines)[0]
  return {
    mutant,
    firstSeed: first?.seed ?? null,
    by: first?.violation?.invariant ?? '',
    count,
    seeds: lines.length,
  }
}

function failing(lines: readonly SeedLine[]): SeedLine[] {
  return lines.filter(({ violation }) => violation !== null)
}

function describe({ mutant, firstSeed, by, count, seeds }: Finding): string {
  const verdict = firstSeed === null ? `MISSED in ${seeds} seeds` : `${nameOf(firstSeed)} (${by})`
  return `${mutant.id}: ${verdict}, ${count} of the first ${COUNTED_SEEDS}`
}

function nameOf(seed: number): string {
  return seed === 0 ? 'a scenario' : `seed ${seed}`
}

function table(findings: readonly Finding[]): string {
  const rows = findings
    .toSorted((a, b) => a.mutant.trap - b.mutant.trap || a.mutant.id.localeCompare(b.mutant.id))
    .map(({ mutant, firstSeed, by, count, seeds }) => {
      const test = SEEN_BY_TEST.get(mutant.id)
      const unseen = test ?? `not in ${seeds} runs`
      const first = firstSeed === null ? unseen : nameOf(firstSeed)
      return `| ${mutant.trap || '–'} | \`${mutant.id}\` | ${mutant.title} | ${first} | ${by || '–'} | ${count} of ${COUNTED_SEEDS} |`
    })
  return [
    '# Bugs put back',
    '',
    'Written by `pnpm sim:mutants`: each row is a bug that others have had (the trap is the row of the table in the',
    'reliability notes), put back by a change of one place of the source while it is loaded, and the first seed by which',
    'the simulator finds it, the invariant that breaks, and how many of the first seeds find it.',
    '',
    '| trap | id | bug | found by | invariant | seeds |',
    '| ---: | --- | --- | --- | --- | ---: |',
    ...rows,
    '',
  ].join('\n')
}
