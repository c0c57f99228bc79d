import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sim, simWithMutant, traceOf } from './sim-process.ts'

/** Followers apply the first records of a batch only: a topic of three partitions is enough to see it. */
const MUTANT = 'image-misses-records'
const SEED = '2'

describe('a seed that breaks an invariant', () => {
  it('is kept as a small scenario, which breaks it again until the bug is gone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sim-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const found = await simWithMutant(MUTANT, '--seed', SEED, '--keep', folder)
    const [, invariant] = /^VIOLATION of (\S+)$/m.exec(found.output) ?? []
    expect(found.code, found.output).toBe(1)
    const [, faults, operations] = /(\d+) faults and (\d+) operations are left/.exec(found.output) ?? []
    expect(Number(faults) + Number(operations)).toBeLessThanOrEqual(30)

    const path = join(folder, `${invariant}-${SEED}.json`)
    expect(readdirSync(folder)).toEqual([`${invariant}-${SEED}.json`])
    const replayed = await simWithMutant(MUTANT, '--replay', path)
    expect(replayed.output).toContain(`VIOLATION of ${invariant}\n`)
    expect(replayed.output).toContain(`pnpm sim --replay ${path}`)
    expect(replayed.code).toBe(1)
    expect(traceOf(await simWithMutant(MUTANT, '--replay', path))).toBe(traceOf(replayed))

    const cured = await sim('--replay', path)
    expect(cured.output).toMatch(/0 violations$/m)
    expect(cured.code).toBe(0)
  }, 120_000)
})

describe('arguments that make no sense', () => {
  it.each([
    [['--seed', 'seven'], 'a seed is a whole number'],
    [['--seeds', '9..3'], 'the range ends before it begins'],
    [['--seeds', '1..2..3'], 'a range is FROM..TO'],
    [['--minutes', '0'], 'a number above 0'],
    [['--replay', '/nowhere.json'], '/nowhere.json: ENOENT'],
    [['--replay', new URL('../../package.json', import.meta.url).pathname], 'no scenario'],
    [['--scripted', 'unheard-of'], 'there is no scenario unheard-of'],
    [['--seed', '1', '--check'], 'only one of --seed and --check'],
    [['--sed', '1'], "Unknown option '--sed'"],
  ])(
    '%j end the process with code 2 and say why',
    async (args, problem) => {
      const { code, output } = await sim(...args)
      expect(output).toContain(problem)
      expect(code).toBe(2)
    },
    30_000,
  )
})
