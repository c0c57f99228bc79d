/**
 * The whole check, the same for a person and for CI: types, lint, format, every test project, the simulator.
 * Prints what each step found and, as its last line, `N passed, N failed`.
 *
 *   pnpm test                 everything
 *   pnpm test --only unit     one step: types, lint, format, unit, tidy, simulation, integration, compose, chaos
 *
 * The last two need a Docker engine. Where none answers and none can be started they print NOT TESTED and why, and count as
 * skipped.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { scriptArguments } from '../test/rig/script-arguments.ts'

interface StepResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Step {
  readonly name: string
  run(): StepResult
}

const root = new URL('..', import.meta.url).pathname
const bin = (name: string): string => join(root, 'node_modules/.bin', name)

function command(name: string, ...invocations: string[][]): Step {
  return {
    name,
    run() {
      for (const [program, ...args] of invocations) {
        const { status } = spawnSync(bin(program!), args, { cwd: root, stdio: 'inherit' })
        if (status !== 0) return { passed: 0, failed: 1, skipped: 0 }
      }
      return { passed: 1, failed: 0, skipped: 0 }
    },
  }
}

/** A Vitest project; a run that ends without a report (a crash, no files) counts as one failure. */
function vitest(project: string): Step {
  return {
    name: project,
    run() {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-check-'))
      const report = join(folder, 'report.json')
      try {
        const { status } = spawnSync(
          bin('vitest'),
          [
            'run',
            '--project',
            project,
            '--reporter=default',
            '--reporter=json',
            `--outputFile.json=${report}`,
          ],
          { cwd: root, stdio: 'inherit' },
        )
        const counts = readReport(report)
        const crashed = status !== 0 && counts.failed === 0
        return { ...counts, failed: counts.failed + (crashed ? 1 : 0) }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

function readReport(path: string): StepResult {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // no report: Vitest did not get as far as writing one, and the caller counts that as a failure
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const json = JSON.parse(text) as { numPassedTests: number; numFailedTests: number; numPendingTests: number }
  return { passed: json.numPassedTests, failed: json.numFailedTests, skipped: json.numPendingTests }
}

/** A cluster in containers is broken for two minutes by a known seed; fresh ones: `scripts/chaos run --target compose`. */
const CHAOS = ['run', '--target', 'compose', '--minutes', '2', '--seed', '7']
/** Exit code of scripts/chaos where there is no engine. */
const CHAOS_NOT_TESTED = 3

function chaos(): Step {
  return {
    name: 'chaos',
    run() {
      const { status } = spawnSync(join(root, 'scripts/chaos'), CHAOS, { cwd: root, stdio: 'inherit' })
      if (status === CHAOS_NOT_TESTED) return { passed: 0, failed: 0, skipped: 1 }
      return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
    },
  }
}

/** Known seeds: what fails is the change's doing. Fresh ones, which look for what nobody knows yet: `pnpm sim --minutes 60`. */
const SIMULATION = ['--check', '--seconds', '230', '--from', '6000']

const steps: readonly Step[] = [
  command('types', ['tsc', '-b'], ['tsc', '-p', 'tsconfig.test.json']),
  command('lint', ['oxlint', '--type-aware', '--deny-warnings']),
  command('format', ['oxfmt', '--check', '.']),
  vitest('unit'),
  vitest('tidy'),
  command('simulation', ['node', '--conditions=source', 'scripts/sim.ts', ...SIMULATION]),
  vitest('integration'),
  vitest('compose'),
  chaos(),
]

function summaryLine(name: string, { passed, failed, skipped }: StepResult, seconds: string): string {
  const isUntested = passed + failed === 0
  const mark =
    failed > 0 ? styleText('red', '✗') : isUntested ? styleText('yellow', '–') : styleText('green', '✓')
  const untested = isUntested ? `  NOT TESTED (${skipped} skipped), see above` : ''
  return `${mark} ${name.padEnd(12)} ${String(passed).padStart(5)} passed ${failed} failed  ${seconds} s${untested}`
}

function requireNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 11)) return
  console.error(`Node ≥ 24.11 is needed, found ${process.versions.node}. Run it as: npx -y pnpm@12.21.0 test`)
  process.exit(1)
}

function main(): void {
  requireNode()
  const { values } = scriptArguments(import.meta.filename, { options: { only: { type: 'string' } } })
  const chosen = steps.filter((step) => values.only === undefined || step.name === values.only)
  if (chosen.length === 0) {
    console.error(`no step '${values.only}'; there are: ${steps.map((step) => step.name).join(', ')}`)
    process.exit(2)
  }
  let [passed, failed, skipped] = [0, 0, 0]
  const summary: string[] = []
  for (const step of chosen) {
    const startedMs = performance.now()
    console.log(styleText('bold', `\n▸ ${step.name}`))
    const result = step.run()
    passed += result.passed
    failed += result.failed
    skipped += result.skipped
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    summary.push(summaryLine(step.name, result, seconds))
  }
  console.log(`\n${summary.join('\n')}\n`)
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed === 0 ? 0 : 1
}

main()
