import { expect, test } from 'vitest'
import { batch, openLog, simDisk, write } from './rig.ts'

/** A disk that counts syncs and lets one round at a time complete. */
function started() {
  const disk = simDisk()
  const log = openLog(disk)
  write(log)
  log.flush(() => undefined)
  disk.settle()
  return { disk, log }
}

test('flushes asked for while one runs share the next', () => {
  const { disk, log } = started()
  const answers: string[] = []
  const before = disk.changes
  write(log)
  log.flush(() => answers.push(`first ${log.recoveryPoint}`))
  for (let index = 0; index < 10; index++) {
    write(log)
    log.flush(() => answers.push(`second ${log.recoveryPoint}`))
  }
  disk.settle()
  expect(answers).toEqual(['first 2', ...Array.from({ length: 10 }, () => 'second 12')])
  // 11 writes and two syncs of the one file.
  expect(disk.changes - before).toBe(13)
})

test('a flush covers what was written before it, not what was written while it ran', () => {
  const { disk, log } = started()
  write(log)
  log.flush(() => undefined)
  write(log)
  disk.settle()
  expect([log.recoveryPoint, log.logEndOffset]).toEqual([2, 3])
})

test('with nothing to do, the answer still comes later', () => {
  const { disk, log } = started()
  let answered = false
  log.flush(() => (answered = true))
  expect(answered).toBe(false)
  disk.settle()
  expect(answered).toBe(true)
})

test('closed segments become durable with the next flush, together with their names', () => {
  const { disk, log } = started()
  for (let index = 0; index < 30; index++) write(log, batch({ valueBytes: 500 }))
  expect(log.segmentCount).toBeGreaterThan(3)
  log.flush(() => undefined)
  disk.settle()
  expect(log.recoveryPoint).toBe(31)
})

test('a file that can not be closed after its sync fails the flush, and is no exception in a callback', () => {
  const disk = simDisk()
  const log = openLog(disk)
  write(log)
  // The folder's claim is synced by its first flush.
  disk.fail({ operation: 'close', path: /partition\.metadata$/, code: 'EIO' })
  const answers: unknown[] = []
  log.flush((error) => answers.push(error?.code))
  disk.settle()
  expect(answers).toEqual(['EIO'])
  expect(log.failure?.code).toBe('EIO')
})
