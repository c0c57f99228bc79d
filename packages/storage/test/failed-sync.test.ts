/**
 * A failed sync, then another process, then a power cut: the second process sees what the kernel has given up, and must
 * not build on it.
 */
import { DiskError, seededRng } from '@millrace/base'
import { type CrashMode, type DiskOperation, SimDisk, SimulatedStop } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import { type Log, LogDirectory } from '../src/index.ts'
import {
  batch,
  epoch,
  type FoundBatch,
  offset,
  readAll,
  SMALL,
  TestClock,
  TestLogger,
  TOPIC_ID,
} from './rig.ts'

const PATH = '/data/logs'
const CONFIG = { ...SMALL, segmentBytes: 900, indexIntervalBytes: 100 }

interface Life {
  readonly directory: LogDirectory
  readonly log: Log
}

function newDisk(seed = 1): SimDisk {
  const disk = new SimDisk({ rng: seededRng(seed) })
  disk.mkdir(PATH)
  disk.syncDir('/', () => undefined)
  disk.syncDir('/data', () => undefined)
  disk.settle()
  return disk
}

/** @returns null when the disk failed on the way */
function begin(disk: SimDisk): Life | null {
  let directory: LogDirectory | null = null
  LogDirectory.open(
    { disk, clock: new TestClock(), path: PATH, log: new TestLogger(), onFailed: () => {} },
    (_, opened) => (directory = opened),
  )
  disk.settle()
  return directory === null ? null : openLog(directory)
}

function openLog(directory: LogDirectory): Life | null {
  let log: Log | null = null
  const options = { topic: 'flights', partition: 0, topicId: TOPIC_ID, config: CONFIG }
  diskErrorIn(() => (log = directory.openLog(options)))
  return log === null ? null : { directory, log }
}

function append(log: Log, count: number, leaderEpoch: number): void {
  for (let index = 0; index < count; index++) {
    const { length } = readAll(log)
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: length }
    log.append(batch({ valueBytes: 100, text: `${length}`, ...producer }), epoch(leaderEpoch))
    log.writeStaged()
  }
}

interface Worked {
  readonly acked: readonly FoundBatch[]
  readonly hasFailed: boolean
}

/** Everything that writes and syncs: first flush, rolls, epochs, checkpoints, truncation, a new log start. */
async function work({ directory, log }: Life, disk: SimDisk): Promise<Worked> {
  let acked: FoundBatch[] = []
  let hasFailed = false
  const steps: (() => void)[] = [
    () => append(log, 3, 1),
    () => append(log, 12, 2),
    () => directory.checkpoint((error) => (hasFailed ||= error !== null)),
    () => append(log, 1, 4),
    () => {
      acked = acked.filter(({ baseOffset }) => baseOffset < 13)
      log.truncateTo(offset(13))
    },
    () => append(log, 9, 5),
    () => log.advanceLogStart(offset(9), (error) => (hasFailed ||= error !== null)),
    () => append(log, 2, 6),
  ]
  for (const step of steps) {
    const isRefused = diskErrorIn(step)
    disk.settle()
    if (isRefused || (await flushed(log, disk)) !== null) return { acked, hasFailed: true }
    acked = readAll(log)
  }
  return { acked, hasFailed }
}

/** As `flush` of the rig, where a failure may come with no sync. */
async function flushed(log: Log, disk: SimDisk): Promise<DiskError | null> {
  let answer: DiskError | null | undefined
  log.flush((error) => (answer = error))
  for (let turns = 0; answer === undefined && turns < 20; turns++) {
    disk.settle()
    await Promise.resolve()
  }
  if (answer === undefined) throw new Error('the flush was not answered')
  return answer
}

/** @returns whether the disk refused something */
function diskErrorIn(run: () => void): boolean {
  try {
    run()
    return false
  } catch (error) {
    if (error instanceof DiskError) return true
    throw error
  }
}

/** Fails one call of a first life, from the first on until none is left. */
async function everyFailure(
  operations: readonly DiskOperation[],
  visit: (disk: SimDisk, acked: readonly FoundBatch[], where: string) => Promise<void>,
  seed = 1,
): Promise<void> {
  for (const operation of operations) {
    for (let after = 0; ; after++) {
      const disk = newDisk(seed)
      // The folder above is not ours.
      disk.fail({ operation, code: 'EIO', after, path: /logs/ })
      const life = begin(disk)
      const { acked, hasFailed } = life === null ? { acked: [], hasFailed: true } : await work(life, disk)
      disk.clearFaults()
      disk.processDied()
      if (!hasFailed) break
      await visit(disk, acked, `${operation} ${after}`)
    }
  }
}

/** What a process that has flushed believes to be durable. */
function stateOf({ directory, log }: Life) {
  const { leaderEpochs, producers, logStartOffset, logEndOffset } = log
  return {
    found: readAll(log),
    leaderEpochs,
    producers: producers.map(({ lastSeenMs: _, ...entry }) => entry),
    logStartOffset,
    logEndOffset,
    folders: directory.partitions(),
  }
}

function contains(found: readonly FoundBatch[], acked: readonly FoundBatch[], from: number): boolean {
  return acked
    .filter(({ baseOffset }) => baseOffset >= from)
    .every((each) => found.some(({ baseOffset, crc }) => baseOffset === each.baseOffset && crc === each.crc))
}

describe('trap 33: what a failed sync dropped is seen by the next process, and told durable', () => {
  test.each([
    [['sync'], 20],
    [['syncDir'], 14],
    [['pwritev', 'truncate', 'rename', 'open', 'unlink'], 80],
  ] as const)(
    'what a second life has flushed survives a power cut, whichever %s of the first one failed',
    async (operations, least) => {
      let count = 0
      await everyFailure(operations, async (disk, acked, where) => {
        count++
        const second = begin(disk)!
        expect(second.log.corruption, where).toBeNull()
        append(second.log, 1, 8)
        expect(await flushed(second.log, disk), where).toBeNull()
        second.directory.checkpoint((error) => expect(error, where).toBeNull())
        disk.settle()
        const before = stateOf(second)
        disk.crash({ mode: 'none' })
        const third = begin(disk)!
        expect(third.log.corruption, where).toBeNull()
        expect(stateOf(third), where).toEqual(before)
        expect(contains(before.found, acked, before.logStartOffset), where).toBe(true)
      })
      expect(count).toBeGreaterThan(least)
    },
    60_000,
  )

  test('a second life may be stopped, or lose its power, at any change', async () => {
    const modes: CrashMode[] = ['none', 'subset', 'prefix', 'zeros']
    for (let changes = 0; changes < 120; changes += 12) {
      const mode = modes[Math.floor(changes / 24) % modes.length]!
      const visit = async (disk: SimDisk, acked: readonly FoundBatch[], failed: string) => {
        const where = `${failed}, stopped after ${changes}`
        disk.stopAfter(changes + (Number(failed.split(' ')[1]!) % 12))
        stoppable(() => begin(disk))
        if (changes % 24 === 0) disk.processDied()
        else disk.crash({ mode })
        const third = begin(disk)!
        expect(third.log.corruption, where).toBeNull()
        append(third.log, 1, 8)
        expect(await flushed(third.log, disk), where).toBeNull()
        const before = stateOf(third)
        disk.crash({ mode: 'none' })
        const fourth = begin(disk)!
        expect(fourth.log.corruption, where).toBeNull()
        expect(stateOf(fourth), where).toEqual(before)
        expect(contains(before.found, acked, before.logStartOffset), where).toBe(true)
      }
      await everyFailure(['sync', 'syncDir'], visit, changes)
    }
  }, 60_000)
})

function stoppable(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof SimulatedStop)) throw error
  }
}
