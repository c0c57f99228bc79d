/** Mistakes that log implementations repeat, each with the guarantee that it would break. */
import { seededRng } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'
import { type CrashMode, type DiskFault, SimDisk, SimulatedStop } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import { type Log, recoverLog, syncDirectory } from '../src/index.ts'
import {
  baseOffsets,
  batch,
  DIRECTORY,
  diskErrorOf,
  epoch,
  flush,
  offset,
  openLog,
  pool,
  readAll,
  segmentFiles,
  simDisk,
  SMALL,
  TestCheckpoints,
  TestClock,
  write,
} from './rig.ts'

const LOG_FILE = `${DIRECTORY}/00000000000000000000.log`

/** A log of `count` single-record batches, flushed, in small segments. */
function filled(count: number, options: Parameters<typeof openLog>[1] = {}) {
  const disk = simDisk()
  const checkpoints = new TestCheckpoints()
  const log = openLog(disk, { checkpoints, ...options })
  for (let index = 0; index < count; index++) write(log, batch({ timestamp: 1000 + index, valueBytes: 100 }))
  expect(flush(log, disk)).toBeNull()
  return { disk, checkpoints, log }
}

describe('trap 3: a sync from before a truncation is credited to the new log', () => {
  test('whatever the recovery point claims survives a power cut, at every moment of overlapping flushes', () => {
    for (let completions = 0, answered = false; !answered; completions++) {
      const disk = simDisk()
      const log = openLog(disk)
      for (let index = 0; index < 5; index++) write(log)
      log.flush(() => (answered = true))
      log.truncateTo(offset(2))
      for (let index = 0; index < 3; index++) write(log, batch(), 1)
      for (let left = completions; left > 0; left--) disk.completeNext()
      const { recoveryPoint } = log
      expect(recoveryPoint).toBe(answered ? 5 : 0)
      disk.crash({ mode: 'none' })
      const epochs = readAll(openLog(disk)).map((found) => found.epoch)
      expect(epochs.slice(0, recoveryPoint)).toEqual([0, 0, 1, 1, 1].slice(0, recoveryPoint))
    }
  })
})

describe('trap 17: the epoch of a leader is lost', () => {
  test('an epoch’s start is durable before the first flush in it is answered, with or without records', () => {
    const { disk, log } = filled(3)
    log.assignEpochStart(epoch(4))
    flush(log, disk)
    disk.crash({ mode: 'none' })
    const again = openLog(disk, { recoveryPoint: offset(3) })
    expect(again.endOffsetForEpoch(epoch(4))).toEqual({ leaderEpoch: 4, endOffset: 3 })
    write(again, batch(), 6)
    flush(again, disk)
    disk.crash({ mode: 'none' })
    // Epoch 4 never had a record: what starts where it did replaces it.
    expect(openLog(disk, { recoveryPoint: offset(4) }).leaderEpochs).toEqual([
      { epoch: 0, startOffset: 0 },
      { epoch: 6, startOffset: 3 },
    ])
  })

  test('a damaged epoch checkpoint is made anew from the batches', () => {
    const { disk, log } = filled(10)
    write(log, batch(), 3)
    write(log, batch(), 7)
    flush(log, disk)
    const { leaderEpochs, recoveryPoint } = log
    disk.crash({ mode: 'none' })
    disk.replaceAtRest(`${DIRECTORY}/leader-epoch-checkpoint`, (bytes) => bytes.subarray(0, 9))
    expect(openLog(disk, { recoveryPoint }).leaderEpochs).toEqual(leaderEpochs)
  })
})

describe('trap 29: an offset is given twice, or appends go on, after an I/O error', () => {
  test.each([
    ['the log file cannot be written', { operation: 'pwritev', path: /\.log$/ }],
    ['an index cannot be written at a roll', { operation: 'pwritev', path: /\.index$/ }],
    ['a time index cannot be written at a roll', { operation: 'pwritev', path: /\.timeindex$/ }],
    ['a segment cannot be created', { operation: 'open', path: /\.log$/ }],
  ] as const)('EIO: %s: the append fails, none follows, what was there is read', (_, fault) => {
    const { disk, log } = filled(10)
    const before = readAll(log)
    disk.fail({ ...fault, code: 'EIO' })
    const error = diskErrorOf(() => {
      for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 100 }))
    })
    expect(error.code).toBe('EIO')
    expect(error.path).toMatch(fault.path)
    const { logEndOffset } = log
    const found = readAll(log)
    expect(found.slice(0, before.length)).toEqual(before)
    expect(found.at(-1)!.lastOffset).toBe(logEndOffset - 1)
    expect(diskErrorOf(() => write(log)).code).toBe('EIO')
    expect(log.logEndOffset).toBe(logEndOffset)
    expect(log.failure?.code).toBe('EIO')
  })

  test('a failed write takes back everything staged with it', () => {
    const { disk, log } = filled(3)
    disk.fail({ operation: 'pwritev', path: /\.log$/, code: 'ENOSPC' })
    log.append(batch(), epoch(0))
    log.append(batch(), epoch(2))
    expect(log.logEndOffset).toBe(5)
    diskErrorOf(() => log.writeStaged())
    expect(log.logEndOffset).toBe(3)
    expect(log.leaderEpochs.at(-1)!.startOffset).toBeLessThanOrEqual(3)
    expect(write(log, batch(), 2)).toBe(3)
    expect(readAll(log)).toHaveLength(4)
  })

  test('a roll that fails to write what was staged voids every append of the turn', () => {
    const { disk, log } = filled(1)
    log.append(batch({ valueBytes: 2000 }), epoch(0))
    disk.fail({ operation: 'pwritev', path: /\.log$/, code: 'ENOSPC' })
    diskErrorOf(() => log.append(batch({ valueBytes: 3000 }), epoch(0)))
    log.append(batch(), epoch(0))
    expect(diskErrorOf(() => log.writeStaged()).code).toBe('ENOSPC')
    expect(log.logEndOffset).toBe(1)
    expect(write(log)).toBe(1)
    expect(baseOffsets(readAll(log))).toEqual([0, 1])
  })
})

describe('trap 30: the name of a new file is not durable', () => {
  test('what was flushed survives with its segment’s, its folder’s and its checkpoint’s names', () => {
    for (let count = 1; count <= 40; count++) {
      const { disk, log } = filled(count)
      const before = readAll(log)
      disk.crash({ mode: 'none' })
      expect(readAll(openLog(disk, { recoveryPoint: offset(count) }))).toEqual(before)
      expect(disk.exists(`${DIRECTORY}/partition.metadata`)).toBe(true)
    }
  })
})

describe('trap 31: a torn tail is accepted, or a good batch dropped with it', () => {
  const image = () => {
    const disk = simDisk()
    const log = openLog(disk, { config: { segmentBytes: 2 ** 20, indexIntervalBytes: 100 } })
    for (const valueBytes of [10, 60, 5, 33]) write(log, batch({ records: 2, valueBytes }))
    flush(log, disk)
    disk.crash({ mode: 'none' })
    return disk.contentOf(LOG_FILE)
  }
  const bytes = image()
  const ends: number[] = []
  for (const view = new RecordBatchView(bytes); view.position < bytes.length; view.at(bytes, view.end))
    ends.push(view.end)

  /** The log that recovery makes of a file without indexes or with those of the whole file. */
  const recovered = (content: Buffer, recoveryPoint = 0) => {
    const disk = simDisk()
    disk.mkdir(DIRECTORY)
    const file = disk.open(LOG_FILE, 'create')
    if (content.length > 0) disk.pwritev(file, [content], 0)
    return openLog(disk, { recoveryPoint: offset(recoveryPoint) })
  }

  test.each(['cut', 'zeroed'] as const)(
    'a tail %s at every byte leaves exactly the batches before it',
    (how) => {
      for (let at = 0; at <= bytes.length; at++) {
        const content = Buffer.from(bytes)
        if (how === 'zeroed') content.fill(0, at)
        const log = recovered(how === 'cut' ? content.subarray(0, at) : content)
        // A zeroed tail of zeros is no damage.
        const whole = ends.filter(
          (end) => end <= at || (how === 'zeroed' && bytes.subarray(at, end).every((byte) => byte === 0)),
        )
        expect(readAll(log)).toHaveLength(whole.length)
        expect(log.corruption).toBeNull()
        expect(write(log)).toBe(whole.length * 2)
        expect(readAll(log)).toHaveLength(whole.length + 1)
      }
    },
  )

  test('a good batch behind a bad one is cut, too', () => {
    const content = Buffer.from(bytes)
    content[ends[0]! + 70]! ^= 1
    expect(readAll(recovered(content))).toHaveLength(1)
  })

  test('zeros behind the last batch are cut, and the batch stays', () => {
    for (const zeros of [1, 11, 12, 60, 61, 4096]) {
      const log = recovered(Buffer.concat([bytes, Buffer.alloc(zeros)]))
      expect(readAll(log)).toHaveLength(4)
      expect(log.sizeBytes).toBe(bytes.length)
    }
  })
})

describe('trap 32: damage below the recovery point is taken for the end of the log', () => {
  test('one bit flipped anywhere in the log is reported, or not served, and never appended behind', () => {
    const { disk, log } = filled(12)
    const sound = readAll(log)
    const name = segmentFiles(disk)[0]!
    const content = disk.contentOf(`${DIRECTORY}/${name}`)
    const rng = seededRng(1)
    for (let byte = 0; byte < content.length; byte += 3) {
      const bit = rng.below(8)
      disk.crash({ mode: 'none' })
      disk.flipBit(`${DIRECTORY}/${name}`, byte, bit)
      const damaged = openLog(disk, { recoveryPoint: log.recoveryPoint })
      expect(damaged.logEndOffset).toBe(log.logEndOffset)
      let served = 0
      while (served < 12) {
        const read = damaged.read({
          offset: offset(served),
          maxBytes: 1,
          endOffset: damaged.logEndOffset,
          atLeastOneBatch: true,
          verifyChecksums: true,
          pool: pool,
        })
        if (read.kind !== 'ok') break
        const view = new RecordBatchView(read.records)
        // The leader epoch is not under the checksum.
        expect([view.baseOffset, view.crc]).toEqual([sound[served]!.baseOffset, sound[served]!.crc])
        served++
      }
      const epochByte = [...Array(12).keys()].some(
        (index) => byte - index * (content.length / 12) >= 12 && byte - index * (content.length / 12) < 16,
      )
      if (!epochByte) {
        expect(served, `byte ${byte} bit ${bit}`).toBeLessThan(12)
        expect(damaged.corruption?.path).toContain(name)
        expect(() => damaged.append(batch(), epoch(1))).toThrow('is damaged at byte')
      }
      disk.flipBit(`${DIRECTORY}/${name}`, byte, bit)
    }
  })

  test.each(['shortened', 'deleted', 'emptied'] as const)('a segment that was %s is reported', (how) => {
    const { disk, log } = filled(80)
    for (const name of segmentFiles(disk)) {
      const path = `${DIRECTORY}/${name}`
      const content = disk.contentOf(path)
      disk.crash({ mode: 'none' })
      if (how === 'deleted') disk.deleteAtRest(path)
      else disk.replaceAtRest(path, (bytes) => bytes.subarray(0, how === 'emptied' ? 0 : bytes.length - 1))
      const report = recoverLog(disk, {
        directory: DIRECTORY,
        recoveryPoint: log.recoveryPoint,
        cleanShutdown: false,
        logStartOffset: offset(0),
        indexIntervalBytes: SMALL.indexIntervalBytes,
        gapsAllowed: false,
      })
      expect(report.corruption, name).not.toBeNull()
      expect(report.logEndOffset).toBe(log.recoveryPoint)
      expect(report.cutBytes).toBe(0)
      const file = disk.open(path, 'create')
      disk.truncate(file, 0)
      disk.pwritev(file, [content], 0)
      disk.sync(file, () => undefined)
      disk.syncDir(DIRECTORY, () => undefined)
      disk.settle()
    }
  })

  test('an index flipped in any bit never makes a read wrong', () => {
    const { disk, log } = filled(60)
    const { recoveryPoint } = log
    const sound = readAll(log)
    for (const name of [...segmentFiles(disk, '.index'), ...segmentFiles(disk, '.timeindex')]) {
      const path = `${DIRECTORY}/${name}`
      for (let byte = 0; byte < disk.contentOf(path).length; byte++) {
        disk.crash({ mode: 'none' })
        disk.flipBit(path, byte, byte % 8)
        const damaged = openLog(disk, { recoveryPoint })
        for (let at = 0; at < 60; at += 7)
          expect(readAll(damaged, at, { maxBytes: 500 })).toEqual(sound.slice(at))
        disk.crash({ mode: 'none' })
        disk.flipBit(path, byte, byte % 8)
      }
    }
  })
})

describe('trap 33: a failed sync is tried again and “succeeds”', () => {
  test.each([/\.log$/, /\.index$/, /leader-epoch-checkpoint/, /partition\.metadata/])(
    'EIO from the sync of %s fences the log: no flush is answered well, nothing is appended',
    async (path) => {
      const disk = simDisk()
      const log = openLog(disk)
      for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 100 }))
      disk.fail({ operation: 'sync', path, code: 'EIO' })
      expect(flush(log, disk)).toMatchObject({ code: 'EIO' })
      expect(log.recoveryPoint).toBe(0)
      let again: unknown
      log.flush((error) => (again = error))
      await Promise.resolve()
      expect(again).toMatchObject({ code: 'EIO' })
      expect(diskErrorOf(() => write(log)).code).toBe('EIO')
      expect(readAll(log)).toHaveLength(40)
    },
  )

  test('everybody who waits hears of it', () => {
    const disk = simDisk()
    const log = openLog(disk)
    write(log)
    const answers: unknown[] = []
    log.flush((error) => answers.push(error?.code))
    log.flush((error) => answers.push(error?.code))
    disk.fail({ operation: 'syncDir', code: 'EIO' })
    disk.settle()
    expect(answers).toEqual(['EIO', 'EIO'])
  })
})

describe('trap 33: what a failed sync dropped is seen by the next process, and told durable', () => {
  /** Writes on, fails, and is started anew without a power cut; that comes after the next flush. */
  function failedOnce(fault: Pick<DiskFault, 'operation' | 'path'>, change: (log: Log) => void) {
    const { disk, log, checkpoints } = filled(12, { config: { segmentBytes: 1000 } })
    checkpoints.recoveryPoint = log.recoveryPoint
    change(log)
    disk.fail({ ...fault, code: 'EIO' })
    expect(flush(log, disk)).toMatchObject({ code: 'EIO' })
    disk.processDied()
    const options = { checkpoints, config: { segmentBytes: 1000 } }
    const second = openLog(disk, { ...options, recoveryPoint: checkpoints.recoveryPoint })
    const seen = readAll(second)
    return {
      disk,
      second,
      seen,
      afterPowerCut(): Log {
        write(second, batch({ valueBytes: 100 }), 9)
        expect(flush(second, disk)).toBeNull()
        const { recoveryPoint } = second
        disk.crash({ mode: 'none' })
        return openLog(disk, { ...options, recoveryPoint })
      },
    }
  }

  test('the name of an epochs’ checkpoint', () => {
    const fault = { operation: 'syncDir', path: /flights-0/ } as const
    const { second, afterPowerCut } = failedOnce(fault, (log) => write(log, batch(), 4))
    const epochs = [...second.leaderEpochs, { epoch: 9, startOffset: second.logEndOffset }]
    expect(afterPowerCut().leaderEpochs).toEqual(epochs)
  })

  test.each([
    ['bytes', { operation: 'sync', path: /\.log$/ }],
    ['the name of a segment', { operation: 'syncDir', path: /flights-0/ }],
  ] as const)('%s', (_, fault) => {
    const { seen, afterPowerCut } = failedOnce(fault, (log) => {
      for (let index = 0; index < 20; index++) write(log, batch({ valueBytes: 100 }), 2)
    })
    expect(seen).toHaveLength(32)
    const third = afterPowerCut()
    expect(third.corruption).toBeNull()
    expect(readAll(third).slice(0, 32)).toEqual(seen)
  })

  test('the removal of a segment, which would come back between those that follow', () => {
    const fault = { operation: 'syncDir', path: /flights-0/ } as const
    const { seen, afterPowerCut } = failedOnce(fault, (log) => {
      log.truncateTo(offset(3))
      // Larger than before, so that the next segment begins behind those that were removed.
      write(log, batch({ valueBytes: 500, records: 8 }), 2)
      write(log, batch({ valueBytes: 500 }), 2)
    })
    const third = afterPowerCut()
    expect(third.corruption).toBeNull()
    expect(readAll(third).slice(0, seen.length)).toEqual(seen)
  })

  test('no later sync of a folder is believed once one has failed, whoever it was for', () => {
    const { disk, log } = filled(2)
    const errors: unknown[] = []
    write(log, batch({ valueBytes: 4000 }))
    disk.fail({ operation: 'syncDir', path: /flights-0/, code: 'EIO' })
    syncDirectory(disk, DIRECTORY, 0, (error) => errors.push(error?.code))
    log.flush((error) => errors.push(error?.code))
    disk.settle()
    expect(errors).toEqual(['EIO', 'EIO'])
  })
})

describe('trap 34: a full disk leaves half a batch, or ends the log', () => {
  test('at every number of free bytes, what was there is read, and appends work again with space', () => {
    const size = batch({ valueBytes: 200 }).length
    for (let free = 0; free <= 2 * size; free += 7) {
      const { disk, log } = filled(4, { config: { segmentBytes: 2 ** 20 } })
      disk.setCapacity(disk.usedBytes() + free)
      log.append(batch({ valueBytes: 200 }), epoch(0))
      log.append(batch({ valueBytes: 200 }), epoch(0))
      if (free < 2 * size) expect(diskErrorOf(() => log.writeStaged()).code).toBe('ENOSPC')
      else log.writeStaged()
      const kept = free < 2 * size ? 4 : 6
      expect(readAll(log)).toHaveLength(kept)
      expect(log.failure).toBeNull()
      disk.setCapacity(Infinity)
      expect(write(log)).toBe(kept)
      expect(flush(log, disk)).toBeNull()
      disk.crash({ mode: 'none' })
      expect(readAll(openLog(disk))).toHaveLength(kept + 1)
    }
  })

  test('when the torn bytes cannot be taken back, the log takes no more', () => {
    const { disk, log } = filled(4)
    disk.setCapacity(disk.usedBytes() + 50)
    disk.fail({ operation: 'truncate', path: /\.log$/, code: 'EIO' })
    log.append(batch({ valueBytes: 200 }), epoch(0))
    expect(diskErrorOf(() => log.writeStaged()).message).toContain(LOG_FILE)
    disk.setCapacity(Infinity)
    expect(diskErrorOf(() => write(log)).path).toBe(LOG_FILE)
    expect(readAll(log)).toHaveLength(4)
  })
})

describe('trap 35: a crash while segments are swapped, dropped or cut', () => {
  const MODES: readonly CrashMode[] = ['none', 'all', 'prefix', 'subset']

  test.each(MODES)(
    'retention stopped at every change of the disk loses nothing above the log start (%s)',
    (mode) => {
      for (let stop = 0; stop < 200; stop++) {
        const { disk, log, checkpoints } = filled(100)
        const clock = new TestClock()
        const all = readAll(log)
        const { recoveryPoint } = log
        disk.stopAfter(stop)
        let finished = false
        try {
          log.updateConfig({ ...SMALL, retentionBytes: 5000 })
          log.applyRetention(clock.wallNow, recoveryPoint)
          disk.settle()
          log.updateConfig({ ...SMALL, retentionBytes: 5000, fileDeleteDelayMs: 0 })
          log.applyRetention(clock.wallNow, recoveryPoint)
          finished = true
        } catch (error) {
          if (!(error instanceof SimulatedStop)) throw error
        }
        disk.crash({ mode })
        const { logStartOffset } = checkpoints
        const again = openLog(disk, { recoveryPoint, ...(logStartOffset === null ? {} : { logStartOffset }) })
        expect(again.corruption).toBeNull()
        expect(readAll(again)).toEqual(all.slice(logStartOffset ?? 0))
        if (finished) break
      }
    },
  )

  test('a finished swap replaces what it covers, an unfinished compaction is forgotten', () => {
    const { disk, log } = filled(60)
    const all = readAll(log)
    const names = segmentFiles(disk)
    const first = disk.contentOf(`${DIRECTORY}/${names[0]!}`)
    disk.crash({ mode: 'none' })
    const put = (name: string, content: Buffer) => {
      const file = disk.open(`${DIRECTORY}/${name}`, 'create')
      disk.pwritev(file, [content], 0)
    }
    // A compaction that kept the first and the last batch of the first segment.
    const view = new RecordBatchView(first)
    const head = first.subarray(0, view.end)
    let last = 0
    while (view.end < first.length) last = view.at(first, view.end).position
    put(`${names[0]!}.swap`, Buffer.concat([head, first.subarray(last)]))
    put(`${names[2]!}.cleaned`, Buffer.from('half'))
    put(`${names[1]!}.deleted`, Buffer.from('gone'))
    const swapped = openLog(disk, {
      recoveryPoint: log.recoveryPoint,
      config: { cleanupPolicy: ['compact'] },
    })
    const inFirst = baseOffsets(all).filter((base) => base < Number.parseInt(names[1]!, 10))
    expect(baseOffsets(readAll(swapped))).toEqual([
      inFirst[0],
      inFirst.at(-1),
      ...baseOffsets(all).slice(inFirst.length),
    ])
    expect(segmentFiles(disk)).toEqual(names)
    expect(disk.list(DIRECTORY).filter(({ name }) => /swap|cleaned|deleted/.test(name))).toEqual([])
  })

  test('recovery stopped at every change, then run again, ends the same', () => {
    for (let stop = 0; stop < 100; stop++) {
      const disk = new SimDisk({ rng: seededRng(stop) })
      disk.mkdir('/data')
      const log = openLog(disk)
      for (let index = 0; index < 60; index++) write(log, batch({ valueBytes: 100 }))
      disk.settle()
      disk.crash({ mode: 'all' })
      disk.flipBit(`${DIRECTORY}/${segmentFiles(disk)[1]!}`, 200, 0)
      disk.stopAfter(stop)
      let finished = false
      try {
        openLog(disk)
        finished = true
      } catch (error) {
        if (!(error instanceof SimulatedStop)) throw error
      }
      disk.crash({ mode: 'all' })
      const again = openLog(disk)
      expect(again.corruption).toBeNull()
      expect(readAll(again).at(-1)!.lastOffset).toBe(again.logEndOffset - 1)
      expect(again.segmentCount).toBe(2)
      if (finished) break
    }
  })
})

describe('trap 36: the log start goes back after a crash', () => {
  test('the new start is durable before any segment loses its name', () => {
    const { disk, log, checkpoints } = filled(100)
    const before = segmentFiles(disk)
    checkpoints.held = []
    let durable = false
    log.advanceLogStart(offset(70), () => (durable = true))
    expect(log.logStartOffset).toBe(70)
    expect(segmentFiles(disk)).toEqual(before)
    expect(durable).toBe(false)
    for (const complete of checkpoints.held) complete()
    expect([durable, checkpoints.logStartOffset]).toEqual([true, 70])
    expect(segmentFiles(disk).length).toBeLessThan(before.length)
    disk.crash({ mode: 'all' })
    const again = openLog(disk, { recoveryPoint: log.recoveryPoint, logStartOffset: offset(70) })
    expect([again.logStartOffset, again.logEndOffset]).toEqual([70, 100])
  })
})

describe('trap 37: time that jumps', () => {
  test('a clock that went back expires nothing, and records from the future stay', () => {
    const { log } = filled(100, { config: { retentionMs: 1000 } })
    expect(log.applyRetention(-1e12, offset(100))).toBe(0)
    expect(log.applyRetention(1500, offset(100))).toBe(0)
    expect(log.applyRetention(2050, offset(100))).toBeGreaterThan(0)
  })
})
