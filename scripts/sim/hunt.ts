/** Looks for bugs that were put back: in whole clusters by seed, in scenarios, and in the quorum's core alone. */
import type { Mutant } from '@millrace/sim'
import { catalogue } from '@millrace/sim/mutants'
import { runWorker, type RunKind, type SeedLine, type WorkerRange } from './batch.ts'

export interface Finding {
  readonly mutant: Mutant
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
  ['commits-older-epoch', 'core'],
  ['change-before-epoch-commit', 'core'],
  ['second-vote', 'core'],
]
const SAMPLE_SEEDS = 20
const CORE = 'packages/raft/'
const AT_ONCE = 2

export async function hunt(mutant: Mutant, { counted, seeds }: HuntLimits): Promise<Finding> {
  const run = (range: Partial<WorkerRange>) => runWith(mutant, range)
  const first = await run({ to: counted, stopAtFirst: false })
  const count = first.filter(isFailing).length
  const hunts: readonly (() => Promise<Finding>)[] = [
    async () => findingOf(mutant, 'seeds', first),
    async () => {
      const isOfCore = mutant.edits.every(({ file }) => file.startsWith(CORE))
      return findingOf(mutant, 'core', isOfCore ? await run({ kind: 'core', to: seeds }) : [])
    },
    async () => findingOf(mutant, 'scripted', await run({ kind: 'scripted' })),
    async () =>
      findingOf(mutant, 'seeds', counted < seeds ? await run({ from: counted + 1, to: seeds }) : []),
  ]
  let tried = 0
  for (const next of hunts) {
    const finding = await next()
    tried += finding.seeds
    if (finding.by !== null) return { ...finding, count, seeds: tried }
  }
  return { ...findingOf(mutant, 'seeds', []), count, seeds: tried }
}

/** @param onFinding told of each, in the order in which they end */
export async function huntAll(
  mutants: readonly Mutant[],
  huntOne: (mutant: Mutant) => Promise<Finding>,
  onFinding: (finding: Finding) => void,
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
  await Promise.all(Array.from({ length: AT_ONCE }, takeOne))
  return findings
}

/** @returns whether all of the sample were found; prints a line */
export async function huntSample(): Promise<boolean> {
  const kinds = new Map(SAMPLE)
  const mutants = catalogue.filter(({ id }) => kinds.has(id))
  if (mutants.length !== kinds.size) throw new Error('the sample names a mutant that does not exist')
  const huntOne = async (mutant: Mutant): Promise<Finding> => {
    const kind = kinds.get(mutant.id)!
    return findingOf(mutant, kind, await runWith(mutant, { kind, to: SAMPLE_SEEDS }))
  }
  const findings = await huntAll(mutants, huntOne, () => {})
  const missed = findings.filter(({ by }) => by === null).map(({ mutant }) => mutant.id)
  const verdict = missed.length === 0 ? 'all found' : `missed ${missed.join(', ')}`
  console.log(`mutants: ${findings.length} bugs put back, ${verdict}`)
  return missed.length === 0
}

async function runWith(mutant: Mutant, range: Partial<WorkerRange>): Promise<SeedLine[]> {
  const lines: SeedLine[] = []
  const variables = { SIM_MUTANT: mutant.id }
  const code = await runWorker({ from: 1, step: 1, stopAtFirst: true, ...range, variables }, (line) => {
    lines.push(line)
  })
  // A bug may take the process with it: that is a way to be found, too.
  if (code !== 0 && lines.length === 0)
    throw new Error(`the worker with ${mutant.id} ended with code ${code}`)
  return lines
}

function findingOf(mutant: Mutant, kind: RunKind, lines: readonly SeedLine[]): Finding {
  const found = lines.find(isFailing)
  const by = found?.violation?.invariant ?? null
  const seed = found === undefined || found.seed === 0 ? null : found.seed
  const prefix = kind === 'core' ? 'core seed' : 'seed'
  const name = seed === null ? `scenario ${found?.name ?? ''}` : `${prefix} ${seed}`
  return { mutant, by, name, seed, count: 0, seeds: lines.length }
}

function isFailing({ violation }: SeedLine): boolean {
  return violation !== null
}
