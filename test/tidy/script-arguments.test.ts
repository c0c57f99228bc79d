/** What scripts say of themselves. */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './sources.ts'

const scripts = globSync(['scripts/*.ts', 'test/bench/*.ts'], { cwd: root }).filter((path) =>
  readFileSync(join(root, path), 'utf8').includes('options: {'),
)

function run(path: string, ...args: string[]): { status: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=source', path, ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, out: stdout, error: stderr }
}

test('every script with options takes them by scriptArguments, and says in its first comment how it is called', () => {
  expect(scripts.length).toBeGreaterThan(9)
  for (const path of scripts) {
    const text = readFileSync(join(root, path), 'utf8')
    expect(text, path).not.toMatch(/parseArgs/)
    expect(text, path).toMatch(/scriptArguments\(import\.meta\.filename, \{/)
    expect(text, path).toMatch(/^\/\*\*\n( \*.*\n)+? \* {3}(node|pnpm) /)
  }
})

test('a script says what its options are, and in one line that there is no such option', () => {
  const help = run('scripts/sim-mutants.ts', '--only', 'x', '--help')
  expect(help).toMatchObject({ status: 0, error: '' })
  expect(help.out).toMatch(/^Puts known bugs back.*\n[\s\S]*pnpm sim:mutants [\s\S]*\nOptions:\n/)
  expect(help.out).toMatch(/\n {2}--seeds … {4}default 2000\n/)
  const wrong = run('scripts/sim-mutants.ts', '--nonsense')
  expect(wrong).toEqual({
    status: 2,
    out: '',
    error: "sim-mutants.ts: Unknown option '--nonsense'. See --help\n",
  })
})
