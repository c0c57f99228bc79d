/**
 * A pure core alone, the quorum's or that of partitions' replication, as its own tests run it: random clusters of the machine
 * by seed, and text scenarios. A seed takes milliseconds here, and hits what a whole cluster, with all that stands around the
 * core, meets once in many thousand.
 *
 * `loadCore` is to be called only after a mutant is installed.
 */
import { readdirSync, readFileSync } from 'node:fs'

export type CoreName = 'raft' | 'replication'

interface Schedule {
  readonly nowMs: number
  readonly count: number
}

export interface Core {
  readonly Random: new (seed: number) => { readonly schedule: Schedule; run(): void }
  readonly Scripted: new () => { readonly schedule: Schedule; execute(command: string): readonly string[] }
  /** Scenarios in which what was promised must hold; null: none. They are run first. */
  readonly promised: string | null
  /** Scenarios of the core's tests, in which all that is recorded must happen. */
  readonly recorded: string
}

export interface CoreFailure {
  readonly message: string
  readonly atMs: number
  readonly step: number
}

export async function loadCore(name: CoreName): Promise<Core> {
  if (name === 'raft') {
    const { RandomCluster: Random } = await import('../../packages/raft/test/cluster/random-cluster.ts')
    const { ScriptedCluster: Scripted } = await import('../../packages/raft/test/cluster/scripted-cluster.ts')
    return { Random, Scripted, promised: 'test/sim/core', recorded: 'test/scenario/raft' }
  }
  const { RandomCluster: Random } = await import('../../packages/replication/test/cluster/random-cluster.ts')
  const { ScriptedCluster: Scripted } =
    await import('../../packages/replication/test/cluster/scripted-cluster.ts')
  return { Random, Scripted, promised: null, recorded: 'test/scenario/replication' }
}

/** @returns null when all that was promised held */
export function runCoreSeed({ Random }: Core, seed: number): CoreFailure | null {
  const cluster = new Random(seed)
  return attempt(cluster, () => cluster.run())
}

/** Paths. @param folder null: none */
export function coreScenarios(folder: string | null): string[] {
  if (folder === null) return []
  const url = new URL(`../../${folder}/`, import.meta.url)
  return readdirSync(url)
    .filter((name) => name.endsWith('.txt'))
    .toSorted()
    .map((name) => new URL(name, url).pathname)
}

/** @returns null when all that was promised held, and the replicas did what is written down, if anything is */
export function runCoreScenario({ Scripted }: Core, path: string): CoreFailure | null {
  const [script = '', recorded] = readFileSync(path, 'utf8').split('\n----\n')
  const commands = script.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const cluster = new Scripted()
  return attempt(cluster, () => {
    const happened = commands.map((command) => [`> ${command}`, ...execute(cluster, command)].join('\n'))
    if (recorded === undefined || `${happened.join('\n')}\n` === recorded) return
    throw new Error('the replicas do something else than what is recorded')
  })
}

/** `batches N`: fetches are answered with so many at most. */
function execute(cluster: InstanceType<Core['Scripted']>, command: string): readonly string[] {
  const [verb, count] = command.split(' ')
  if (verb !== 'batches') return cluster.execute(command)
  Object.assign(cluster, { fetchBatchesMax: Number(count) })
  return []
}

function attempt({ schedule }: { readonly schedule: Schedule }, run: () => void): CoreFailure | null {
  try {
    run()
    return null
  } catch (error) {
    return { message: String(error), atMs: schedule.nowMs, step: schedule.count }
  }
}
