/**
 * The quorum's core alone, as its own tests run it: random clusters of the pure machine by seed, and the text scenarios of
 * test/scenario/raft. A seed takes milliseconds here, and hits what a whole cluster, with all that stands around the core,
 * meets once in many thousand.
 *
 * To be imported only after a mutant is installed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { RandomCluster } from '../../packages/raft/test/cluster/random-cluster.ts'
import { ScriptedCluster } from '../../packages/raft/test/cluster/scripted-cluster.ts'

/** Of the simulator, where what was promised must hold; of the core's tests, where all that is recorded must happen. */
export type CoreScenarios = 'test/sim/core' | 'test/scenario/raft'

export interface CoreFailure {
  readonly message: string
  readonly atMs: number
  readonly step: number
}

/** @returns null when all that was promised held */
export function runCoreSeed(seed: number): CoreFailure | null {
  const cluster = new RandomCluster(seed)
  return attempt(cluster, () => cluster.run())
}

/** Paths. */
export function coreScenarios(folder: CoreScenarios): string[] {
  const url = new URL(`../../${folder}/`, import.meta.url)
  return readdirSync(url)
    .filter((name) => name.endsWith('.txt'))
    .toSorted()
    .map((name) => new URL(name, url).pathname)
}

/** @returns null when all that was promised held, and the replicas did what is written down, if anything is */
export function runCoreScenario(path: string): CoreFailure | null {
  const [script = '', recorded] = readFileSync(path, 'utf8').split('\n----\n')
  const commands = script.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const cluster = new ScriptedCluster()
  return attempt(cluster, () => {
    const happened = commands.map((command) => [`> ${command}`, ...execute(cluster, command)].join('\n'))
    if (recorded === undefined || `${happened.join('\n')}\n` === recorded) return
    throw new Error('the replicas do something else than what is recorded')
  })
}

/** `batches N`: fetches are answered with so many at most. */
function execute(cluster: ScriptedCluster, command: string): readonly string[] {
  const [verb, count] = command.split(' ')
  if (verb !== 'batches') return cluster.execute(command)
  Object.assign(cluster, { fetchBatchesMax: Number(count) })
  return []
}

function attempt(
  { schedule }: { readonly schedule: { readonly nowMs: number; readonly count: number } },
  run: () => void,
): CoreFailure | null {
  try {
    run()
    return null
  } catch (error) {
    return { message: String(error), atMs: schedule.nowMs, step: schedule.count }
  }
}
