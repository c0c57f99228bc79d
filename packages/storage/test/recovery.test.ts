/** Torn tails, damage below the recovery point, lying and missing indexes, leftover files. */
import { seededRng } from '@millrace/base'
import { RECORD_BATCH_HEADER_BYTES } from '@millrace/record'
import { SimDisk } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import type { Log } from '../src/index.ts'
import {
  baseOffsets,
  batch,
  close,
  DIRECTORY,
  flush,
  type FoundBatch,
  offset,
  openLog,
  pool,
  readAll,
  segmentFiles,
  simDisk,
  time,
  write,
} from './rig.ts'

const FIRST_SEGMENT = `${DIRECTORY}/00000000000000000000.log`
const BATCHES = 8

/** A log of eight batches of two records in one segment, flushed, and the bytes of its file. */
function eightBatches(disk: SimDisk): {
  readonly batches: FoundBatch[]
  readonly bytes: Buffer
  readonly ends: number[]
} {
  const log = openLog(disk, { config: { indexIntervalBytes: 100 } })
  const ends: number[] = []
  for (let index = 0; index < BATCHES; index++) {
    write(log, batch({ records: 2, timestamp: 1000 + 10 * index, text: `value ${index}` }))
    ends.push(log.sizeBytes)
  }
  flush(log, disk)
  return { batches: readAll(log), bytes: disk.contentOf(FIRST_SEGMENT), ends }
}

/** What a process that was killed leaves, with another content of the first segment. */
function reopenWith(content: Buffer, disk: SimDisk, recoveryPoint: number): Log {
  disk.crash({ mode: 'all' })
  disk.replaceAtRest(FIRST_SEGMENT, () => content)
  return openLog(disk, { recoveryPoint: offset(recoveryPoint), config: { indexIntervalBytes: 100 } })
}

function readKind(log: Log, at: number): string {
  return log.read({
    offset: offset(at),
    maxBytes: 1,
    endOffset: log.logEndOffset,
    atLeastOneBatch: true,
    pool,
  }).kind
}

describe('a torn tail', () => {
  test('cut at any byte ends the log after the last whole batch, and the log goes on there', () => {
    const disk = simDisk()
    const { batches, bytes, ends } = eightBatches(disk)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = ends.filter((end) => end <= cut).length
      const log = reopenWith(bytes.subarray(0, cut), disk, 0)
      expect(log.corruption, `cut at ${cut}`).toBeNull()
      expect(readAll(log), `cut at ${cut}`).toEqual(batches.slice(0, whole))
      expect(disk.contentOf(FIRST_SEGMENT).length).toBe(ends[whole - 1] ?? 0)
      expect(write(log)).toBe(2 * whole)
    }
  })

  test('of zeros from any byte on is cut', () => {
    const disk = simDisk()
    const { batches, bytes, ends } = eightBatches(disk)
    for (let from = 0; from < bytes.length; from++) {
      const zeroed = Buffer.from(bytes).fill(0, from)
      // Trailing bytes that are zero anyway are no damage.
      const whole = ends.filter((end) => zeroed.subarray(0, end).equals(bytes.subarray(0, end))).length
      const log = reopenWith(zeroed, disk, 0)
      expect(readAll(log), `zeros from ${from}`).toEqual(batches.slice(0, whole))
      expect(log.corruption).toBeNull()
    }
  })

  test('with a good batch behind the bad one ends at the bad one', () => {
    const disk = simDisk()
    const { batches, bytes, ends } = eightBatches(disk)
    const damaged = Buffer.from(bytes)
    damaged[ends[3]! - 1]! ^= 1
    const log = reopenWith(damaged, disk, 4)
    expect(readAll(log)).toEqual(batches.slice(0, 3))
    expect(log.logEndOffset).toBe(6)
  })

  test('takes the segments behind it along', () => {
    const disk = simDisk()
    const log = openLog(disk)
    while (log.segmentCount < 4) write(log, batch({ valueBytes: 900 }))
    flush(log, disk)
    const bases = segmentFiles(disk).map((name) => Number.parseInt(name, 10))
    disk.crash({ mode: 'all' })
    const second = `${DIRECTORY}/${String(bases[1]).padStart(20, '0')}.log`
    disk.replaceAtRest(second, (bytes) => bytes.subarray(0, bytes.length - 1))
    const reopened = openLog(disk, { recoveryPoint: offset(bases[1]!) })
    expect(reopened.logEndOffset).toBe(bases[2]! - 1)
    expect(segmentFiles(disk)).toHaveLength(2)
    expect(readAll(reopened)).toHaveLength(bases[2]! - 1)
  })
})

describe('one flipped bit', () => {
  test('above the recovery point cuts the log at its batch, wherever it is under the checksum', () => {
    const disk = simDisk()
    const { batches, bytes, ends } = eightBatches(disk)
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const inBatch = ends.findIndex((end) => bit >> 3 < end)
      const log = reopenWith(flipped, disk, 0)
      expect(log.corruption).toBeNull()
      const inBatchPosition = (bit >> 3) - (ends[inBatch - 1] ?? 0)
      // The leader epoch, bytes 12 to 15, is the broker's and not under the producer's checksum.
      if (inBatchPosition >= 12 && inBatchPosition < 16) continue
      expect(readAll(log), `bit ${bit}`).toEqual(batches.slice(0, inBatch))
    }
  })

  test('below the recovery point is never taken for the end of the log: what is read is right, or reported', () => {
    const disk = simDisk()
    const { batches, bytes, ends } = eightBatches(disk)
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const inBatch = ends.findIndex((end) => bit >> 3 < end)
      const log = reopenWith(flipped, disk, 16)
      expect(log.logEndOffset, `bit ${bit}`).toBe(16)
      for (const [index, { baseOffset }] of batches.entries()) {
        if (index !== inBatch) continue
        const read = log.read({
          offset: offset(baseOffset),
          maxBytes: 1,
          endOffset: offset(16),
          atLeastOneBatch: true,
          verifyChecksums: true,
          pool,
        })
        const inBatchPosition = (bit >> 3) - (ends[index - 1] ?? 0)
        if (inBatchPosition < 12 || inBatchPosition >= 16) expect(read.kind, `bit ${bit}`).toBe('corrupt')
      }
      expect(disk.contentOf(FIRST_SEGMENT).equals(flipped), `bit ${bit} changes nothing`).toBe(true)
    }
  })
})

describe('damage below the recovery point', () => {
  /** The third batch's length says nonsense, and no index may skip it. */
  function damagedLog(disk: SimDisk): { log: Log; batches: FoundBatch[] } {
    const { batches, bytes, ends } = eightBatches(disk)
    const damaged = Buffer.from(bytes)
    damaged.writeInt32BE(-1, ends[1]! + 8)
    return { log: reopenWith(damaged, disk, 16), batches }
  }

  test('keeps what lies before it readable and answers "corrupt" from there on', () => {
    const disk = simDisk()
    const { log, batches } = damagedLog(disk)
    expect(log.corruption).toMatchObject({ path: FIRST_SEGMENT, offset: 4 })
    expect(readAll(log, 0, { endOffset: 4 })).toEqual(batches.slice(0, 2))
    expect([4, 5, 10, 15].map((at) => readKind(log, at))).toEqual(Array(4).fill('corrupt'))
    expect(log.logEndOffset).toBe(16)
  })

  test('refuses appends and names the file, the byte and the offset', () => {
    const { log } = damagedLog(simDisk())
    expect(() => write(log)).toThrow(/0{20}\.log is damaged at byte \d+, offset 4/)
    expect(log.logEndOffset).toBe(16)
  })

  test('is found again by the next start, clean or not', () => {
    const disk = simDisk()
    const { log } = damagedLog(disk)
    close(log, disk)
    for (const cleanShutdown of [true, false]) {
      const again = openLog(disk, {
        recoveryPoint: offset(16),
        cleanShutdown,
        config: { indexIntervalBytes: 100 },
      })
      expect(readKind(again, 4)).toBe('corrupt')
      close(again, disk)
    }
  })

  test('is gone after truncation to before it: the log grows again', () => {
    const disk = simDisk()
    const { log, batches } = damagedLog(disk)
    log.truncateTo(offset(4))
    expect(flush(log, disk)).toBeNull()
    expect(log.corruption).toBeNull()
    expect(write(log)).toBe(4)
    expect(readAll(log).slice(0, 2)).toEqual(batches.slice(0, 2))
  })

  test('by a missing segment file is reported with what is missing', () => {
    const disk = simDisk()
    const log = openLog(disk)
    while (log.segmentCount < 4) write(log, batch({ valueBytes: 900 }))
    flush(log, disk)
    const end = log.logEndOffset
    const [, second, third] = segmentFiles(disk)
    disk.crash({ mode: 'all' })
    disk.deleteAtRest(`${DIRECTORY}/${second}`)
    const reopened = openLog(disk, { recoveryPoint: offset(end) })
    expect(reopened.corruption?.offset).toBe(Number.parseInt(second!, 10))
    expect(readKind(reopened, Number.parseInt(third!, 10))).toBe('corrupt')
    expect(reopened.logEndOffset).toBe(end)
  })

  test('by a file that lost its durable end is reported, not taken for a shorter log', () => {
    const disk = simDisk()
    const { bytes, ends } = eightBatches(disk)
    const log = reopenWith(bytes.subarray(0, ends[4]), disk, 16)
    expect(log.corruption).toMatchObject({ offset: 10 })
    expect(log.logEndOffset).toBe(16)
  })
})

describe('indexes', () => {
  function indexedLog(disk: SimDisk): FoundBatch[] {
    const log = openLog(disk, { config: { segmentBytes: 2 ** 20, indexIntervalBytes: 150 } })
    for (let index = 0; index < 60; index++)
      write(log, batch({ timestamp: 1000 + 10 * index, valueBytes: 40 }))
    flush(log, disk)
    expect(close(log, disk)).toBeNull()
    return readAll(openLog(disk, { cleanShutdown: true, recoveryPoint: offset(60) }))
  }

  function expectRight(log: Log, batches: FoundBatch[]): void {
    expect(readAll(log)).toEqual(batches)
    for (let at = 0; at < 60; at++) {
      expect(baseOffsets(readAll(log, at, { maxBytes: 1 })).slice(0, 1)).toEqual([at])
      expect(log.findByTimestamp(time(1000 + 10 * at - 3), offset(60))?.offset).toBe(at)
    }
  }

  for (const suffix of ['.index', '.timeindex']) {
    const path = `${DIRECTORY}/00000000000000000000${suffix}`
    for (const cleanShutdown of [true, false]) {
      const how = cleanShutdown ? 'a clean' : 'an unclean'

      test(`a missing ${suffix} is made anew after ${how} stop`, () => {
        const disk = simDisk()
        const batches = indexedLog(disk)
        const good = disk.contentOf(path)
        disk.deleteAtRest(path)
        const log = openLog(disk, {
          cleanShutdown,
          recoveryPoint: offset(60),
          config: { indexIntervalBytes: 150 },
        })
        expectRight(log, batches)
        close(log, disk)
        expect(disk.contentOf(path)).toEqual(good)
      })

      test(`any cut, zeroed or flipped ${suffix} changes no answer after ${how} stop`, () => {
        const disk = simDisk()
        const batches = indexedLog(disk)
        const good = disk.contentOf(path)
        const bad = [
          Buffer.alloc(0),
          good.subarray(0, good.length - 3),
          Buffer.alloc(good.length),
          Buffer.alloc(good.length, 0xff),
        ]
        for (let bit = 0; bit < good.length * 8; bit += 37) {
          const flipped = Buffer.from(good)
          flipped[bit >> 3]! ^= 1 << (bit & 7)
          bad.push(flipped)
        }
        for (const content of bad) {
          disk.replaceAtRest(path, () => content)
          const log = openLog(disk, {
            cleanShutdown,
            recoveryPoint: offset(60),
            config: { indexIntervalBytes: 150 },
          })
          expectRight(log, batches)
        }
      })
    }
  }
})

test('a start that fails half way by a disk error changes nothing that the next one needs', () => {
  for (let after = 0; after < 40; after++) {
    const disk = simDisk({ rng: seededRng(after) })
    const { batches } = eightBatches(disk)
    disk.crash({ mode: 'all' })
    disk.replaceAtRest(FIRST_SEGMENT, (bytes) =>
      Buffer.concat([bytes, Buffer.alloc(RECORD_BATCH_HEADER_BYTES + 5)]),
    )
    for (const operation of ['pread', 'truncate', 'open', 'pwritev'] as const) {
      disk.fail({ operation, code: 'EIO', after })
      try {
        openLog(disk)
      } catch {
        // Only the disk's refusal can be the reason; what counts is the next start.
      }
      disk.clearFaults()
    }
    expect(readAll(openLog(disk))).toEqual(batches)
  }
})
