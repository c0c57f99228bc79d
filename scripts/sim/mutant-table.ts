/** docs/mutants.md: what each planted bug was found by. */
import type { Finding } from './hunt.ts'

export interface TableOrigin {
  readonly command: string
  /** `2026-01-31`. */
  readonly date: string
  readonly seconds: number
  /** Of so many seeds, those that find a bug are counted. */
  readonly counted: number
  /** So many at most. */
  readonly seeds: number
}

export function mutantTable(
  findings: readonly Finding[],
  { command, date, seconds, counted, seeds: limit }: TableOrigin,
): string {
  const found = findings.filter(({ by }) => by !== null)
  const seeds = found.flatMap(({ seed }) => seed ?? []).toSorted((a, b) => a - b)
  const share = ((100 * found.length) / findings.length).toFixed(0)
  const rows = findings
    .toSorted((a, b) => a.mutant.trap - b.mutant.trap || a.mutant.id.localeCompare(b.mutant.id))
    .map((finding) => row(finding, counted))
  return [
    '# Bugs put back',
    '',
    `Written on ${date} by \`${command}\` in ${(seconds / 60).toFixed(0)} minutes: at most ${limit} seeds for each.`,
    '',
    'Each row is a bug that others have had (the trap is the row of the table in the reliability notes), put back by a',
    'change of the sources while they are loaded; where several checks stand in its way, all of them are changed. Then: the',
    `first run that finds it, and passes without it; what breaks there; how many of the first ${counted} seeds find it. A seed`,
    'is a whole cluster; a core seed is a state machine alone, the quorum’s or that of partitions’ replication, run by its own',
    'random test; a scenario is written by hand (`packages/sim/src/scripted`, `test/sim/core`, `test/scenario/raft`,',
    '`test/scenario/replication`), where chance comes too late.',
    '',
    `${findings.length} bugs, ${found.length} found (${share} %), ${found.length - seeds.length} of them by a scenario; ` +
      `the others’ median is seed ${seeds[Math.floor(seeds.length / 2)] ?? '–'}.`,
    '',
    '| trap | id | bug | found by | what breaks | seeds |',
    '| ---: | --- | --- | --- | --- | ---: |',
    ...rows,
    '',
  ].join('\n')
}

function row({ mutant, by, name, seed, count, seeds }: Finding, counted: number): string {
  const { id, trap, title } = mutant
  const broken = seed === null ? '–' : by
  const foundBy = by === null ? `not in ${seeds} runs` : name
  return `| ${trap || '–'} | \`${id}\` | ${title} | ${foundBy} | ${broken} | ${count} of ${counted} |`
}
