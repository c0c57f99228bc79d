import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockDataFolder } from '../src/data-folder-lock.ts'
import { StartupError } from '../src/startup-error.ts'

describe('the lock of a data folder', () => {
  let dir: string
  let path: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
    path = join(dir, '.lock')
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  test('is refused while its holder lives, and free again after release', () => {
    const lock = lockDataFolder(dir)
    expect(() => lockDataFolder(dir)).toThrow(/is in use by this process/)
    lock.release()
    expect(existsSync(path)).toBe(false)
    lockDataFolder(dir).release()
    expect(readdirSync(dir)).toEqual([])
  })

  test('held by another process is refused with the pid and what to do', async () => {
    const other = spawn('sleep', ['30'])
    try {
      lockDataFolder(dir).release()
      writeFileSync(path, JSON.stringify(holderOf(other.pid!)))
      const refuse = (): unknown => lockDataFolder(dir)
      expect(refuse).toThrow(StartupError)
      expect(refuse).toThrow(`data folder ${dir} is in use by process ${other.pid}`)
      expect(readdirSync(dir)).toEqual(['.lock'])
    } finally {
      other.kill('SIGKILL')
      await once(other, 'exit')
    }
    lockDataFolder(dir).release()
  })

  test('of a dead process with the same pid as a living one is replaced', () => {
    writeFileSync(path, JSON.stringify({ ...holderOf(process.pid), startTime: '1' }))
    const lock = lockDataFolder(dir)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(holderOf(process.pid))
    lock.release()
    expect(readdirSync(dir)).toEqual([])
  })

  test('left from before a reboot is replaced', () => {
    writeFileSync(path, JSON.stringify({ ...holderOf(process.pid), bootId: 'an earlier boot' }))
    lockDataFolder(dir).release()
  })

  test.each(['', 'not json', '{}', 'null'])('with the content %j holds nothing', (content) => {
    writeFileSync(path, content)
    lockDataFolder(dir).release()
    expect(readdirSync(dir)).toEqual([])
  })

  test('that somebody else has taken over meanwhile is not removed by release', () => {
    const lock = lockDataFolder(dir)
    writeFileSync(path, JSON.stringify({ ...holderOf(1), startTime: 'other' }))
    lock.release()
    expect(existsSync(path)).toBe(true)
  })
})

function holderOf(pid: number): { pid: number; startTime: string; bootId: string } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return { pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!, bootId }
}
