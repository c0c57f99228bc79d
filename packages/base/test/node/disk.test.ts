import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DiskError } from '../../src/env.ts'
import { nodeDisk } from '../../src/node/disk.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/millrace-disk-`)
})
afterEach(() => rmSync(root, { recursive: true }))

const disk = nodeDisk()

function failure(run: () => void): DiskError {
  try {
    run()
  } catch (error) {
    if (error instanceof DiskError) return error
    throw error
  }
  throw new Error('nothing failed')
}

function synced(start: (done: (error: DiskError | null) => void) => void): Promise<DiskError | null> {
  return new Promise((resolve) => start(resolve))
}

test('writes chunks in order at a position, beyond the end, too, and reads them back', () => {
  const file = disk.open(`${root}/a`, 'create')
  expect(disk.pwritev(file, [Buffer.from('one'), Buffer.from('two')], 2)).toBe(6)
  expect(disk.pwritev(file, [Buffer.from('!')], 8)).toBe(1)
  expect(disk.size(file)).toBe(9)
  const into = Buffer.alloc(20, '.')
  expect(disk.pread(file, into, 3)).toBe(6)
  expect(into.toString()).toBe('netwo!..............')
  expect(disk.pread(file, into, 9)).toBe(0)
  disk.truncate(file, 4)
  expect(readFileSync(`${root}/a`, 'latin1')).toBe('\0\0on')
  disk.close(file)
})

test('opening with `create` keeps what is there; `read` and `write` need a file', () => {
  writeFileSync(`${root}/a`, 'kept')
  disk.close(disk.open(`${root}/a`, 'create'))
  expect(readFileSync(`${root}/a`, 'latin1')).toBe('kept')
  for (const mode of ['read', 'write'] as const) {
    expect(failure(() => disk.open(`${root}/b`, mode))).toMatchObject({ code: 'ENOENT', path: `${root}/b` })
  }
})

test('every failure is a DiskError that names operation and path', () => {
  const file = disk.open(`${root}/a`, 'create')
  disk.close(file)
  const readOnly = disk.open(`${root}/a`, 'read')
  expect(failure(() => disk.pwritev(readOnly, [Buffer.from('x')], 0)).message).toBe(`EBADF: write ${root}/a`)
  disk.close(readOnly)
  expect(failure(() => disk.close(readOnly)).code).toBe('EBADF')
  expect(failure(() => disk.unlink(`${root}/b`)).message).toBe(`ENOENT: unlink ${root}/b`)
  expect(failure(() => disk.rmdir(root)).code).toBe('ENOTEMPTY')
  expect(failure(() => disk.list(`${root}/b`)).code).toBe('ENOENT')
  expect(failure(() => disk.rename(`${root}/b`, `${root}/c`)).path).toBe(`${root}/b`)
})

test('syncs files and directories later, never inside the call', async () => {
  const file = disk.open(`${root}/a`, 'create')
  let isInside = true
  const result = synced((done) =>
    disk.sync(file, (error) => {
      expect(isInside).toBe(false)
      done(error)
    }),
  )
  isInside = false
  expect(await result).toBeNull()
  disk.close(file)
  expect(await synced((done) => disk.syncDir(root, done))).toBeNull()
  expect(await synced((done) => disk.syncDir(`${root}/b`, done))).toMatchObject({ code: 'ENOENT' })
})

test('a file closed while it is being synced keeps its number until then, and is used no more', async () => {
  const file = disk.open(`${root}/a`, 'create')
  const result = synced((done) => disk.sync(file, done))
  disk.close(file)
  const other = disk.open(`${root}/b`, 'create')
  expect(other).not.toBe(file)
  expect(failure(() => disk.close(file)).code).toBe('EBADF')
  expect(await result).toBeNull()
  disk.close(other)
})

test('lists a directory by name, with kinds; makes parents; tells free space', () => {
  disk.mkdir(`${root}/b/c`)
  disk.mkdir(`${root}/b/c`)
  writeFileSync(`${root}/a`, '')
  expect(disk.list(root)).toEqual([
    { name: 'a', kind: 'file' },
    { name: 'b', kind: 'directory' },
  ])
  expect(disk.exists(`${root}/b/c`)).toBe(true)
  disk.rmdir(`${root}/b/c`)
  expect(disk.exists(`${root}/b/c`)).toBe(false)
  expect(disk.freeBytes(root)).toBeGreaterThan(0)
})
