import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DevFolder } from '../../src/dev/dev-folder.ts'
import { planCluster } from '../../src/dev/dev-plan.ts'

const STATE = planCluster(null, { controllers: 1, brokers: 1, basePort: null }, 'z_C17miJQMSscyP1Bnp2kQ')

let parent: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'millrace-folder-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

test('a new folder has no cluster, and then the one that was written', async () => {
  const path = join(parent, 'new')
  {
    using folder = await DevFolder.claim(path)
    expect(folder.readState()).toBeNull()
    folder.writeState(STATE)
  }
  using again = await DevFolder.claim(path)
  expect(again.readState()).toEqual(STATE)
  expect(again.dataOf({ role: 'broker', id: 1 })).toBe(join(path, 'broker-1'))
  expect(existsSync(dirname(again.logOf({ role: 'broker', id: 1 })))).toBe(true)
})

test('a folder is served once at a time', async () => {
  {
    using folder = await DevFolder.claim(parent)
    await expect(DevFolder.claim(folder.path)).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' })
  }
  using again = await DevFolder.claim(parent)
  expect(again.path).toBe(parent)
})

test('a folder with other things in it is left alone', async () => {
  writeFileSync(join(parent, 'thesis.tex'), '')
  using folder = await DevFolder.claim(parent)
  expect(() => folder.readState()).toThrow(
    expect.objectContaining({ code: 'DATA_FOLDER_FOREIGN', message: expect.stringContaining('thesis.tex') }),
  )
})

test('a damaged cluster.json is named, not replaced', async () => {
  writeFileSync(join(parent, 'cluster.json'), '{"clusterId"')
  using folder = await DevFolder.claim(parent)
  expect(() => folder.readState()).toThrow(
    expect.objectContaining({
      code: 'DATA_FOLDER_DAMAGED',
      message: expect.stringContaining('cluster.json'),
    }),
  )
})

test('a temporary folder goes away with everything in it', async () => {
  const folder = await DevFolder.claim(null)
  folder.writeState(STATE)
  expect(folder.isTemporary).toBe(true)
  folder[Symbol.dispose]()
  expect(existsSync(folder.path)).toBe(false)
})
