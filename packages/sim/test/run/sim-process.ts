/**
 * Runs the simulator as people do. Vitest loads modules in its own asynchronous way, in which a node's `import()` would
 * need real time; a process of its own loads them as production does.
 */
import { execFile } from 'node:child_process'

const SCRIPT = new URL('../../../../scripts/sim.ts', import.meta.url).pathname
const WITH_MUTANT = new URL('../../../../scripts/sim/with-mutant.ts', import.meta.url).pathname

export interface SimOutcome {
  readonly code: number
  readonly output: string
}

export function sim(...args: readonly string[]): Promise<SimOutcome> {
  return run([SCRIPT, ...args], {})
}

/** With the bug in it. */
export function simWithMutant(mutant: string, ...args: readonly string[]): Promise<SimOutcome> {
  return run(['--import', WITH_MUTANT, SCRIPT, ...args], { SIM_MUTANT: mutant })
}

function run(args: readonly string[], variables: Readonly<Record<string, string>>): Promise<SimOutcome> {
  const env = { ...process.env, ...variables }
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=source', ...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1)
      resolve({ code, output: stdout + stderr })
    })
  })
}

/** @returns the hash that the run printed */
export function traceOf({ output }: SimOutcome): string {
  return /^trace ([0-9a-f]{16})$/m.exec(output)?.[1] ?? `none in:\n${output}`
}
