/** Looks for bugs that were put back: in whole clusters by seed, in scenarios, and in a pure core alone. */
import type { Mutant } from '@millrace/sim'
import { catalogue } from '@millrace/sim/mutants'
import { runWorker, type RunKind, type SeedLine, type WorkerRange } from './batch.ts'
import type { CoreName } from './core-run.ts'

export interface Finding {
  readonly mutant: Mutant
  readonly kind: RunKind
  /** What broke; null: nothing did. */
  readonly by: string | null
  /** `seed 7`, `core seed 7`, `scenario NAME`. */
  readonly name: string
  /** How many runs it took with seeds; null: a scenario, or nothing, found it. */
  readonly seed: number | null
  /** Of the seeds that are counted. */
  readonly count: number
  /** Seeds and scenarios that were run. */
  readonly seeds: number
}

export interface HuntLimits {
  /** Of so many seeds, those that find it are counted. */
  readonly counted: number
  /** So many at most. */
  readonly seeds: number
}

/** Found by the first seeds, so that a miss tells at once that the simulator has gone blind. */
const SAMPLE: readonly (readonly [id: string, kind: RunKind])[] = [
  ['vote-file-not-synced', 'seeds'],
  ['flush-told-early', 'seeds'],
  ['answer-before-commit', 'seeds'],
  ['image-misses-records', 'seeds'],
  ['fenced-broker-leads', 'seeds'],
  ['names-not-synced', 'seeds'],
  ['commits-older-epoch', 'raft'],
  ['change-before-epoch-commit', 'raft'],
  ['second-vote', 'raft'],
  ['unclean-by-default', 'seeds'],
  ['producers-not-cut', 'seeds'],
  ['isr-shrinks-before-answer', 'replication'],
]
const SAMPLE_SEEDS = 20
const CORES: readonly CoreName[] = ['raft', 'replication']

export async function hunt(mutant: Mutant, { counted, seeds }: HuntLimits): Promise<Finding> {
  const run = (range: Partial<WorkerRange>) => runWith(mutant, range)
  const core = CORES.find((name) => mutant.edits.every(({ file }) => file.startsWith(`packages/${name}/`)))
  const first = await run({ to: counted, stopAtFirst: false })
  const count = first.filter(isFailing).length
  const hunts: readonly (() => Promise<Finding>)[] = [
    async () => findingOf(mutant, 'seeds', first),
    ...(core === undefined
      ? []
      : [async () => findingOf(mutant, core, await run({ kind: core, to: seeds }))]),
    async () => findingOf(mutant, 'scripted', await run({ kind: 'scripted' })),
    async () =>
      findingOf(mutant, 'seeds', counted < seeds ? await run({ from: counted + 1, to: seeds }) : []),
  ]
  let tried = 0
  for (const next of hunts) {
    const finding = await next()
    tried += finding.seeds
    if (finding.by === null) continue
    await requireInnocence(finding)
    return { ...finding, count, seeds: tried }
  }
  return { ...findingOf(mutant, 'seeds', []), count, seeds: tried }
}

/** Runs without any bug, by name: many bugs are found by the same few. */
const asTheyAre = new Map<string, Promise<SeedLine[]>>()

/** What fails without the bug, too, tells nothing of it. @throws Error when the run that found it does */
async function requireInnocence({ mutant, kind, name, seed }: Finding): Promise<void> {
  const range = seed === null ? { to: 0, stopAtFirst: false } : { from: seed, to: seed }
  const key = `${kind} ${seed ?? 'scenarios'}`
  const run = asTheyAre.get(key) ?? runWith(null, { kind, ...range })
  asTheyAre.set(key, run)
  const same = (await run).find((line) => isFailing(line) && nameOf(kind, line) === name)
  if (same === undefined) return
  throw new Error(`${name}, which found ${mutant.id}, fails without it: ${same.violation!.message}`)
}

/** @param onFinding told of each, in the order in which they end. @param workers so many at once */
export async function huntAll(
  mutants: readonly Mutant[],
  huntOne: (mutant: Mutant) => Promise<Finding>,
  onFinding: (finding: Finding) => void,
  workers: number,
): Promise<Finding[]> {
  const queue = [...mutants]
  const findings: Finding[] = []
  const takeOne = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const finding = await huntOne(mutant)
      findings.push(finding)
      onFinding(finding)
    }
  }
  await Promise.all(Array.from({ length: workers }, takeOne))
  return findings
}

/** @returns whether all of the sample were found; prints a line */
export async function huntSample(workers: number): Promise<boolean> {
  const kinds = new Map(SAMPLE)
  const mutants = catalogue.filter(({ id }) => kinds.has(id))
  if (mutants.length !== kinds.size) throw new Error('the sample names a mutant that does not exist')
  const huntOne = async (mutant: Mutant): Promise<Finding> => {
    const kind = kinds.get(mutant.id)!
    return findingOf(mutant, kind, await runWith(mutant, { kind, to: SAMPLE_SEEDS }))
  }
  const findings = await huntAll(mutants, huntOne, () => {}, workers)
  const missed = findings.filter(({ by }) => by === null).map(({ mutant }) => mutant.id)
  const verdict = missed.length === 0 ? 'all found' : `missed ${missed.join(', ')}`
  console.log(`mutants: ${findings.length} bugs put back, ${verdict}`)
  return missed.length === 0
}

/** @param mutant null: the sources as they are */
async function runWith(mutant: Mutant | null, range: Partial<WorkerRange>): Promise<SeedLine[]> {
  const lines: SeedLine[] = []
  const variables = { SIM_MUTANT: mutant?.id ?? '' }
  const code = await runWorker({ from: 1, step: 1, stopAtFirst: true, ...range, variables }, (line) => {
    lines.push(line)
  })
  // A bug may take the process with it: that is a way to be found, too.
  if (code !== 0 && (lines.length === 0 || mutant === null))
    throw new Error(`the worker with ${mutant?.id ?? 'no bug'} ended with code ${code}`)
  return lines
}

function findingOf(mutant: Mutant, kind: RunKind, lines: readonly SeedLine[]): Finding {
  const found = lines.find(isFailing)
  const by = found?.violation?.invariant ?? null
  const seed = found === undefined || found.seed === 0 ? null : found.seed
  const name = found === undefined ? '' : nameOf(kind, found)
  return { mutant, kind, by, name, seed, count: 0, seeds: lines.length }
}

function nameOf(kind: RunKind, { seed, name }: SeedLine): string {
  if (seed === 0) return `scenario ${name ?? ''}`
  return kind === 'seeds' ? `seed ${seed}` : `core seed ${seed}`
}

function isFailing({ violation }: SeedLine): boolean {
  return violation !== null
}
