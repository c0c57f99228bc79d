/** No export that nobody imports, no dependency that nobody uses, no dependency that is used undeclared. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './sources.ts'

it('knip finds no dead export and no unused or undeclared dependency', () => {
  const { stdout, stderr, status } = spawnSync(join(root, 'node_modules/.bin/knip'), ['--no-progress'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(status, `${stdout}${stderr}`).toBe(0)
})
