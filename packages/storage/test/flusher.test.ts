import { DiskError } from '@millrace/base'
import type { SimDisk } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import type { Log } from '../src/index.ts'
import {
  batch,
  close,
  DIRECTORY,
  epoch,
  flush,
  offset,
  openLog,
  readAll,
  segmentFiles,
  simDisk,
  TestCheckpoints,
  write,
} from './rig.ts'

/** Checkpoints on a disk that may be full. */
class FullCheckpoints extends TestCheckpoints {
  isFull = false
  override persistRecoveryPoint(log: Log, done: (error: DiskError | null) => void): void {
    if (this.isFull) refuse(done)
    else super.persistRecoveryPoint(log, done)
  }
  override persistLogStartOffset(log: Log, done: (error: DiskError | null) => void): void {
    if (this.isFull) refuse(done)
    else super.persistLogStartOffset(log, done)
  }
}

function refuse(done: (error: DiskError | null) => void): void {
  done(new DiskError('ENOSPC', '/data/recovery-point-offset-checkpoint.tmp', 'write'))
}

/** Also of what failed before it came to a sync. @returns what the flush was answered */
async function flushAll(log: Log, disk: SimDisk): Promise<DiskError | null> {
  let answer: DiskError | null | undefined
  log.flush((error) => (answer = error))
  await settleAll(disk)
  if (answer === undefined) throw new Error('the flush was not answered')
  return answer
}

async function settleAll(disk: SimDisk): Promise<void> {
  for (let round = 0; round < 5; round++) {
    disk.settle()
    await Promise.resolve()
  }
}

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

describe('a full disk', () => {
  const CHECKPOINT = /leader-epoch-checkpoint\.tmp$/

  test.each([
    ['be made', 'open'],
    ['be written', 'pwritev'],
    ['be synced', 'sync'],
    ['take its place', 'rename'],
  ] as const)(
    'that lets the epoch checkpoint not %s fails that flush, and no later one',
    async (_, operation) => {
      const { disk, log } = started()
      write(log, batch(), 3)
      disk.fail({ operation, path: CHECKPOINT, code: 'ENOSPC' })
      expect(await flushAll(log, disk)).toMatchObject({ code: 'ENOSPC' })
      // The epoch's start is not durable: nothing of the epoch may be acknowledged.
      expect([log.failure, log.recoveryPoint]).toEqual([null, 1])
      expect(write(log, batch(), 3)).toBe(2)
      expect(await flushAll(log, disk)).toBeNull()
      expect(log.recoveryPoint).toBe(3)
      disk.crash({ mode: 'none' })
      const again = openLog(disk, { recoveryPoint: offset(3) })
      expect(again.leaderEpochs).toEqual([
        { epoch: 0, startOffset: 0 },
        { epoch: 3, startOffset: 1 },
      ])
    },
  )

  test('that could not take the checkpoint is asked again by those who come while the flush runs', async () => {
    const { disk, log } = started()
    const answers: unknown[] = []
    write(log, batch(), 3)
    disk.fail({ operation: 'pwritev', path: CHECKPOINT, code: 'ENOSPC' })
    log.flush((error) => answers.push(error?.code))
    log.flush((error) => answers.push(error))
    await settleAll(disk)
    expect(answers).toEqual(['ENOSPC', null])
  })

  test('whose folder can not be synced is a failure: which names are durable is unknown', () => {
    const { disk, log } = started()
    write(log, batch(), 3)
    disk.fail({ operation: 'syncDir', path: /flights-0$/, code: 'ENOSPC' })
    expect(flush(log, disk)).toMatchObject({ code: 'ENOSPC' })
    expect(log.failure?.code).toBe('ENOSPC')
  })

  test('that has no room for the recovery point of a truncation lets the cut wait', () => {
    const disk = simDisk()
    const checkpoints = new FullCheckpoints()
    const log = openLog(disk, { checkpoints })
    for (let index = 0; index < 10; index++) write(log)
    expect(flush(log, disk)).toBeNull()
    checkpoints.isFull = true
    log.truncateTo(offset(4))
    expect(flush(log, disk)).toMatchObject({ code: 'ENOSPC' })
    expect(flush(log, disk)).toMatchObject({ code: 'ENOSPC' })
    expect(log.failure).toBeNull()
    // What was durable is as it was, should the power fail now.
    expect(checkpoints.recoveryPoint).toBe(0)
    checkpoints.isFull = false
    expect(flush(log, disk)).toBeNull()
    expect(checkpoints.recoveryPoint).toBe(4)
    expect(write(log)).toBe(4)
    expect(flush(log, disk)).toBeNull()
    expect(readAll(log)).toHaveLength(5)
  })

  test('that has no room to note a log’s new start lets the new start wait', () => {
    const disk = simDisk()
    const checkpoints = new FullCheckpoints()
    const log = openLog(disk, { checkpoints })
    for (let index = 0; index < 10; index++) write(log)
    expect(flush(log, disk)).toBeNull()
    checkpoints.isFull = true
    log.truncateFullyAndStartAt(offset(20))
    expect(flush(log, disk)).toMatchObject({ code: 'ENOSPC' })
    expect(log.failure).toBeNull()
    checkpoints.isFull = false
    expect(flush(log, disk)).toBeNull()
    expect([checkpoints.logStartOffset, checkpoints.recoveryPoint]).toEqual([20, 20])
    expect(segmentFiles(disk)).toEqual(['00000000000000000020.log'])
    expect(write(log)).toBe(20)
  })

  test('lets a log be closed, not cleanly, that waits for space', () => {
    const disk = simDisk()
    const checkpoints = new FullCheckpoints()
    const log = openLog(disk, { checkpoints })
    for (let index = 0; index < 10; index++) write(log)
    expect(flush(log, disk)).toBeNull()
    checkpoints.isFull = true
    log.truncateTo(offset(4))
    expect(flush(log, disk)).toMatchObject({ code: 'ENOSPC' })
    expect(close(log, disk)).toMatchObject({ code: 'ENOSPC' })
  })
})

test('a log that is opened and closed again writes no epoch checkpoint that is there already', () => {
  const { disk, log } = started()
  expect(close(log, disk)).toBeNull()
  const again = openLog(disk, { cleanShutdown: true })
  disk.fail({ operation: 'open', path: /leader-epoch-checkpoint\.tmp$/, code: 'EIO' })
  expect(close(again, disk)).toBeNull()
})

test('an epoch checkpoint that recovery found to be of another log is written by the first flush', () => {
  const { disk, log } = started()
  write(log, batch(), 3)
  expect(flush(log, disk)).toBeNull()
  disk.crash({ mode: 'none' })
  // The log ends at 1 where epoch 3 began; with a recovery point of 0 its batches say which epochs there are.
  disk.replaceAtRest(`${DIRECTORY}/00000000000000000000.log`, (bytes) => bytes.subarray(0, bytes.length - 1))
  const again = openLog(disk, { recoveryPoint: offset(1) })
  write(again, batch(), 5)
  expect(flush(again, disk)).toBeNull()
  disk.crash({ mode: 'none' })
  expect(openLog(disk, { cleanShutdown: true }).leaderEpochs).toEqual([
    { epoch: 0, startOffset: 0 },
    { epoch: 5, startOffset: 1 },
  ])
})

test('the epochs of a log without records are saved with its first bytes, and of one that is emptied at once', () => {
  const CHECKPOINT = `${DIRECTORY}/leader-epoch-checkpoint`
  const disk = simDisk()
  const log = openLog(disk)
  log.assignEpochStart(epoch(3))
  expect(flush(log, disk)).toBeNull()
  expect(disk.exists(CHECKPOINT)).toBe(false)
  expect(log.leaderEpochs).toEqual([{ epoch: 3, startOffset: 0 }])
  expect(close(log, disk)).toBeNull()

  const again = openLog(disk, { cleanShutdown: true })
  again.assignEpochStart(epoch(4))
  write(again, batch(), 4)
  expect(flush(again, disk)).toBeNull()
  disk.crash({ mode: 'none' })
  expect(disk.contentOf(CHECKPOINT).toString()).toBe('0\n1\n4 0\n')

  const third = openLog(disk, { recoveryPoint: offset(1) })
  third.truncateFullyAndStartAt(offset(0))
  expect(flush(third, disk)).toBeNull()
  expect(disk.contentOf(CHECKPOINT).toString()).toBe('0\n0\n')
})
