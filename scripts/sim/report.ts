/** A violation as people need it: what, where, how to see it again, and a small scenario to keep. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from './arguments.ts'
import { type RunResult, type Scenario, shrinkScenario } from '@millrace/sim/cluster'

const root = new URL('../../', import.meta.url).pathname
export const REGRESSIONS = join(root, 'test/sim/regressions')
const SHRINK_MS = 60_000
/** Bound before a simulation bans it. */
const monoMs = performance.now.bind(performance)

function gitHash(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
}

/** @param again arguments that show it again */
export function printViolation(
  { seed, config }: Scenario,
  { violation, events }: RunResult,
  again: string,
): void {
  if (violation === null) return
  console.log(`\nVIOLATION of ${violation.invariant}`)
  console.log(
    `  seed ${seed}, git ${gitHash()}, step ${violation.step} of ${events}, ${violation.atMs.toFixed(3)} ms`,
  )
  console.log(`  config ${JSON.stringify(config)}`)
  console.log(`  ${violation.message}`)
  console.log(`  again: pnpm sim ${again} --chart\n`)
}

/** Writes a scenario of the same violation, as small as a minute makes it, into the folder. */
export async function keepShrunk(
  scenario: Scenario,
  { violation }: RunResult,
  folder: string,
): Promise<void> {
  const { invariant, message } = violation!
  const shrunk = await shrinkScenario(scenario, { clock: { monoMs }, limitMs: SHRINK_MS, invariant })
  const found = { gitHash: gitHash(), violation: message.split('\n')[0]! }
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${invariant}-${scenario.seed}.json`)
  writeFileSync(path, `${JSON.stringify({ ...shrunk, found }, null, 2)}\n`)
  console.log(
    `  ${shrunk.faults.length} faults and ${shrunk.operations.length} operations are left of it: ${path}`,
  )
}

/** Ends the process with code 2 when it is none. */
export function readScenario(path: string): Scenario {
  let scenario: Partial<Scenario>
  try {
    scenario = JSON.parse(readFileSync(path, 'utf8')) as Partial<Scenario>
  } catch (error) {
    return usageError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const { seed, config, operations, faults } = scenario
  const isScenario =
    typeof seed === 'number' &&
    typeof config === 'object' &&
    Array.isArray(operations) &&
    Array.isArray(faults)
  if (!isScenario) return usageError(`${path}: no scenario: seed, config, operations or faults is missing`)
  return { ...scenario, seed, config, operations, faults }
}

/** Paths of all scenarios that once failed. */
export function regressions(): string[] {
  try {
    return readdirSync(REGRESSIONS)
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .map((name) => join(REGRESSIONS, name))
  } catch {
    // No folder: none has been kept yet.
    return []
  }
}
