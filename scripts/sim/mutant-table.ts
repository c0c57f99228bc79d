/** docs/mutants.md: what each planted bug was found by. */
import type { Finding } from './hunt.ts'

export function mutantTable(findings: readonly Finding[], counted: number, command: string): string {
  const found = findings.filter(({ by }) => by !== null)
  const seeds = found.flatMap(({ seed }) => seed ?? []).toSorted((a, b) => a - b)
  const share = ((100 * found.length) / findings.length).toFixed(0)
  const rows = findings
    .toSorted((a, b) => a.mutant.trap - b.mutant.trap || a.mutant.id.localeCompare(b.mutant.id))
    .map((finding) => row(finding, counted))
  return [
    '# Bugs put back',
    '',
    `Written by \`${command}\`. Each row is a bug that others have had (the trap is the row of the table in the`,
    'reliability notes), put back by a change of the sources while they are loaded; where several checks stand in its way,',
    'all of them are changed. Then: the first run that finds it, what breaks there, and how many of the first seeds find',
    'it. A seed is a whole cluster; a core seed is the quorum’s state machine alone, run by its own random test; a scenario is',
    'written by hand (`packages/sim/src/scripted`, `test/sim/core`, `test/scenario/raft`).',
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
