import { RecordBatchView } from '@millrace/record'
import { describe, expect, test } from 'vitest'
import { CorruptLogError, TopicIdMismatchError } from '../src/index.ts'
import {
  baseOffsets,
  batch,
  close,
  DIRECTORY,
  diskErrorOf,
  epoch,
  flush,
  offset,
  openLog,
  pool,
  readAll,
  readBatches,
  segmentFiles,
  simDisk,
  TestCheckpoints,
  TestClock,
  time,
  write,
} from './rig.ts'

describe('append', () => {
  test('stamps base offsets that rise by one, and the leader epoch, into the caller’s bytes', () => {
    const log = openLog(simDisk())
    const bytes = Buffer.concat([batch({ records: 3 }), batch({ records: 2 })])
    const info = log.append(bytes, epoch(7))
    expect(info).toEqual({ baseOffset: 0, lastOffset: 4, logAppendTime: -1 })
    const second = new RecordBatchView(bytes, new RecordBatchView(bytes).end)
    expect([second.baseOffset, second.partitionLeaderEpoch]).toEqual([3, 7])
    expect(second.crc).toBe(second.computeCrc())
  })

  test('counts in the log end offset at once, and is read only after it was written', () => {
    const log = openLog(simDisk())
    log.append(batch(), epoch(0))
    expect(log.logEndOffset).toBe(1)
    expect(readBatches(log, 0)).toEqual([])
    log.writeStaged()
    expect(baseOffsets(readBatches(log, 0))).toEqual([0])
  })

  test('writes everything staged in one turn with one call, and keeps no reference to the bytes', () => {
    const disk = simDisk()
    const log = openLog(disk)
    const bytes = [batch({ text: 'a' }), batch({ text: 'b' }), batch({ text: 'c' })]
    const before = disk.changes
    for (const each of bytes) log.append(each, epoch(0))
    log.writeStaged()
    expect(disk.changes - before).toBe(1)
    for (const each of bytes) each.fill(0)
    expect(readAll(log)).toHaveLength(3)
  })

  test('continues short writes until everything is in the file', () => {
    const log = openLog(simDisk({ shortOneIn: 1 }))
    for (let index = 0; index < 20; index++) {
      log.append(batch({ valueBytes: 100 }), epoch(0))
      log.append(batch({ valueBytes: 50 }), epoch(0))
      log.writeStaged()
    }
    expect(baseOffsets(readAll(log))).toEqual(Array.from({ length: 40 }, (_, index) => index))
  })

  test('splits writes of more than 1 MiB, and reads batches larger than any window', () => {
    const log = openLog(simDisk(), { config: { segmentBytes: 2 ** 30 } })
    write(log, batch({ valueBytes: 3 * 2 ** 20 }))
    write(log, batch({ valueBytes: 10 }))
    expect(baseOffsets(readBatches(log, 0, { maxBytes: 1 }))).toEqual([0])
    expect(baseOffsets(readAll(log))).toEqual([0, 1])
  })

  test('stamps the broker’s time with a right checksum where the topic says LogAppendTime', () => {
    const clock = new TestClock()
    const log = openLog(simDisk(), { clock, config: { messageTimestampType: 'LogAppendTime' } })
    const bytes = batch({ records: 2, timestamp: 5 })
    expect(log.append(bytes, epoch(0)).logAppendTime).toBe(clock.wallNow)
    log.writeStaged()
    const view = new RecordBatchView(bytes)
    expect([view.maxTimestamp, view.timestampType]).toEqual([clock.wallNow, 'LogAppendTime'])
    expect(readAll(log)).toHaveLength(1)
  })

  test('as follower keeps offsets and epochs, and refuses what does not continue the log', () => {
    const leader = openLog(simDisk())
    const bytes = [batch({ records: 2 }), batch({ records: 3 })]
    leader.append(bytes[0]!, epoch(3))
    leader.append(bytes[1]!, epoch(5))
    const follower = openLog(simDisk())
    follower.appendAsFollower(Buffer.concat(bytes))
    follower.writeStaged()
    expect(readAll(follower).map((found) => found.epoch)).toEqual([3, 5])
    expect(follower.leaderEpochs).toEqual([
      { epoch: 3, startOffset: 0 },
      { epoch: 5, startOffset: 2 },
    ])
    expect(() => follower.appendAsFollower(bytes[1]!)).toThrow('append at offset 2 to a log that ends at 5')
    expect(follower.logEndOffset).toBe(5)
  })

  test('refuses half a batch before anything changes', () => {
    const log = openLog(simDisk())
    const bytes = Buffer.concat([batch(), batch().subarray(0, -1)])
    expect(() => log.append(bytes, epoch(0))).toThrow('half a batch')
    expect(log.logEndOffset).toBe(0)
  })
})

describe('rolling', () => {
  test('starts a segment before the active one grows beyond segment.bytes', () => {
    const disk = simDisk()
    const log = openLog(disk)
    for (let index = 0; index < 20; index++) write(log, batch({ valueBytes: 900 }))
    const sizes = segmentFiles(disk).map((name) => disk.contentOf(`${DIRECTORY}/${name}`).length)
    expect(sizes.length).toBe(5)
    for (const size of sizes) expect(size).toBeLessThanOrEqual(4096)
    expect(readAll(log)).toHaveLength(20)
  })

  test('starts a segment when a batch is segment.ms younger than the segment’s first', () => {
    const log = openLog(simDisk(), { config: { segmentMs: 1000 } })
    write(log, batch({ timestamp: 5000 }))
    write(log, batch({ timestamp: 6000 }))
    expect(log.segmentCount).toBe(1)
    write(log, batch({ timestamp: 6001 }))
    expect(log.segmentCount).toBe(2)
  })

  test('starts a segment by the clock when nothing is appended', () => {
    const log = openLog(simDisk(), { config: { segmentMs: 1000 } })
    expect(log.maybeRoll(10_000)).toBe(false)
    write(log, batch({ timestamp: 5000 }))
    expect(log.maybeRoll(6000)).toBe(false)
    expect(log.maybeRoll(6001)).toBe(true)
    expect(log.maybeRoll(9999)).toBe(false)
  })

  test('starts a segment when an index is full', () => {
    const log = openLog(simDisk(), {
      config: { segmentBytes: 2 ** 20, segmentIndexBytes: 36, indexIntervalBytes: 0 },
    })
    for (let index = 0; index < 9; index++) write(log, batch({ timestamp: 1000 + index }))
    expect(log.segmentCount).toBeGreaterThan(2)
    expect(readAll(log)).toHaveLength(9)
  })

  test('starts a segment when an offset is 2^31 above the segment’s first', () => {
    const log = openLog(simDisk(), { config: { cleanupPolicy: ['compact'] } })
    const at = (base: number) => {
      const bytes = batch()
      new RecordBatchView(bytes).stampBaseOffset(offset(base))
      log.appendAsFollower(bytes)
      log.writeStaged()
    }
    at(0)
    at(2 ** 31 - 1)
    expect(log.segmentCount).toBe(1)
    at(2 ** 31)
    expect(log.segmentCount).toBe(2)
    expect(baseOffsets(readAll(log))).toEqual([0, 2 ** 31 - 1, 2 ** 31])
  })

  test('what was staged before a roll is written before it', () => {
    const log = openLog(simDisk())
    for (let index = 0; index < 10; index++) log.append(batch({ valueBytes: 1500 }), epoch(0))
    log.writeStaged()
    expect(readAll(log)).toHaveLength(10)
  })
})

describe('reading', () => {
  const filled = () => {
    const log = openLog(simDisk())
    for (let index = 0; index < 60; index++)
      write(log, batch({ records: 1 + (index % 3), valueBytes: 40 + index }))
    return log
  }

  test('every offset answers with the batch that holds it, through every segment split', () => {
    const log = filled()
    expect(log.segmentCount).toBeGreaterThan(2)
    for (let at = 0; at < log.logEndOffset; at++) {
      const [first] = readBatches(log, at, { maxBytes: 1 })
      expect(first!.baseOffset).toBeLessThanOrEqual(at)
      expect(first!.lastOffset).toBeGreaterThanOrEqual(at)
    }
  })

  test('returns whole batches within maxBytes and below endOffset, whatever the limits', () => {
    const log = filled()
    const all = readAll(log)
    for (const maxBytes of [1, 200, 700, 5000]) {
      for (let endOffset = 0; endOffset <= log.logEndOffset; endOffset += 7) {
        const expected = all.filter(({ lastOffset }) => lastOffset < endOffset)
        expect(readAll(log, 0, { maxBytes, endOffset })).toEqual(expected)
      }
    }
  })

  test('returns nothing rather than a batch above maxBytes when one batch need not be returned', () => {
    const log = openLog(simDisk())
    write(log, batch({ valueBytes: 500 }))
    expect(readBatches(log, 0, { maxBytes: 499, atLeastOneBatch: false })).toEqual([])
    expect(readBatches(log, 0, { maxBytes: 499, atLeastOneBatch: true })).toHaveLength(1)
    expect(readBatches(log, 0, { maxBytes: 5000, atLeastOneBatch: false })).toHaveLength(1)
  })

  test('tells offsets out of range from the end of the log', () => {
    const log = filled()
    expect(readBatches(log, log.logEndOffset)).toEqual([])
    const at = (value: number) =>
      log.read({ offset: offset(value), maxBytes: 1, endOffset: offset(value), atLeastOneBatch: true, pool })
        .kind
    expect(at(log.logEndOffset + 1)).toBe('out-of-range')
    log.advanceLogStart(offset(5))
    expect(at(4)).toBe('out-of-range')
    expect(at(5)).toBe('ok')
  })

  test('short reads change nothing', () => {
    const disk = simDisk({ shortOneIn: 2 })
    const log = openLog(disk)
    for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 100 }))
    expect(readAll(log, 0, { maxBytes: 1000 })).toHaveLength(40)
  })

  test('gives every pooled buffer back', () => {
    const log = filled()
    readAll(log, 0, { maxBytes: 300 })
    const before = pool.pooledBytes
    readAll(log, 0, { maxBytes: 300 })
    expect(pool.pooledBytes).toBe(before)
  })
})

describe('timestamps', () => {
  test('find the first record at or after a time, its exact offset, below the end', () => {
    const log = openLog(simDisk())
    for (let index = 0; index < 30; index++)
      write(log, batch({ records: 5, timestamp: 1000 + index * 10, valueBytes: 30 }), 2)
    const find = (at: number, end: number = log.logEndOffset) => log.findByTimestamp(time(at), offset(end))
    expect(find(0)).toEqual({ offset: 0, timestamp: 1000, leaderEpoch: 2 })
    for (let index = 0; index < 30; index++) {
      expect(find(1000 + index * 10 + 3)).toEqual({
        offset: index * 5 + 3,
        timestamp: 1003 + index * 10,
        leaderEpoch: 2,
      })
      expect(find(1000 + index * 10 + 7)?.offset).toBe(index === 29 ? undefined : (index + 1) * 5)
    }
    expect(find(1003, 3)).toBeNull()
    log.advanceLogStart(offset(2))
    expect(find(0)?.offset).toBe(2)
  })

  test('out of order still find the first in offset order', () => {
    const log = openLog(simDisk())
    for (const timestamp of [500, 100, 900, 200, 900, 300]) write(log, batch({ timestamp, valueBytes: 400 }))
    expect(log.findByTimestamp(time(400), offset(6))?.offset).toBe(0)
    expect(log.findByTimestamp(time(600), offset(6))?.offset).toBe(2)
    expect(log.maxTimestamp()).toEqual({ offset: 2, timestamp: 900, leaderEpoch: 0 })
  })

  test('are found inside compressed batches', () => {
    const log = openLog(simDisk())
    write(log, batch({ records: 50, timestamp: 100, compression: 1 }))
    expect(log.findByTimestamp(time(137), offset(50))?.offset).toBe(37)
  })
})

describe('truncation', () => {
  test('drops every batch that ends at or behind the offset, in any segment, with indexes and epochs', () => {
    for (let cut = 0; cut <= 120; cut += 5) {
      const disk = simDisk()
      const log = openLog(disk)
      for (let index = 0; index < 60; index++)
        write(log, batch({ records: 2, timestamp: 1000 + index, valueBytes: 150 }), index >> 4)
      const all = readAll(log)
      log.truncateTo(offset(cut))
      const kept = all.filter(({ lastOffset }) => lastOffset < cut)
      expect(readAll(log)).toEqual(kept)
      expect(log.logEndOffset).toBe(kept.length * 2)
      for (const { startOffset } of log.leaderEpochs)
        expect(startOffset).toBeLessThan(Math.max(1, log.logEndOffset))
      expect(log.maxTimestamp()?.offset).toBe(kept.length === 0 ? undefined : kept.length * 2 - 1)
      expect(flush(log, disk)).toBeNull()
      write(log, batch({ records: 2, timestamp: 3000 }), 9)
      expect(readAll(log)).toHaveLength(kept.length + 1)
      expect(log.findByTimestamp(time(2500), log.logEndOffset)?.offset).toBe(kept.length * 2)
    }
  })

  test('below the recovery point keeps the files until the lower recovery point is durable', () => {
    const disk = simDisk()
    const checkpoints = new TestCheckpoints()
    const log = openLog(disk, { checkpoints })
    for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 300 }))
    flush(log, disk)
    checkpoints.held = []
    const before = segmentFiles(disk)
    log.truncateTo(offset(3))
    expect(log.logEndOffset).toBe(3)
    expect(segmentFiles(disk)).toEqual(before)
    expect(() => log.append(batch(), epoch(1))).toThrow('before the truncation was flushed')
    for (const complete of checkpoints.held) complete()
    expect(checkpoints.recoveryPoint).toBe(3)
    expect(segmentFiles(disk)).toHaveLength(1)
    write(log, batch(), 1)
    expect(readAll(log)).toHaveLength(4)
  })

  test('fully starts an empty log at the offset', () => {
    const disk = simDisk()
    const checkpoints = new TestCheckpoints()
    const log = openLog(disk, { checkpoints })
    for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 300 }))
    log.truncateFullyAndStartAt(offset(1000))
    expect(flush(log, disk)).toBeNull()
    expect([log.logStartOffset, log.logEndOffset, log.recoveryPoint]).toEqual([1000, 1000, 1000])
    expect([checkpoints.recoveryPoint, checkpoints.logStartOffset]).toEqual([1000, 1000])
    expect(segmentFiles(disk)).toEqual(['00000000000000001000.log'])
    write(log)
    expect(baseOffsets(readAll(log))).toEqual([1000])
  })
})

describe('leader epochs', () => {
  test('answer where an epoch ends, between known ones and beyond (KIP-101, KIP-279)', () => {
    const log = openLog(simDisk())
    write(log, batch({ records: 10 }), 2)
    write(log, batch({ records: 10 }), 5)
    log.assignEpochStart(epoch(8))
    const end = (value: number) => log.endOffsetForEpoch(epoch(value))
    expect(end(1)).toEqual({ leaderEpoch: 1, endOffset: 0 })
    expect(end(2)).toEqual({ leaderEpoch: 2, endOffset: 10 })
    expect(end(3)).toEqual({ leaderEpoch: 2, endOffset: 10 })
    expect(end(5)).toEqual({ leaderEpoch: 5, endOffset: 20 })
    expect(end(8)).toEqual({ leaderEpoch: 8, endOffset: 20 })
    expect(end(9)).toEqual({ leaderEpoch: -1, endOffset: -1 })
    expect(end(-1)).toEqual({ leaderEpoch: -1, endOffset: -1 })
  })
})

describe('opening', () => {
  test('refuses a folder of another topic of the same name', () => {
    const disk = simDisk()
    openLog(disk)
    expect(() => openLog(disk, { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' as never })).toThrow(TopicIdMismatchError)
  })

  test('after a clean close finds everything without a scan', () => {
    const disk = simDisk()
    const log = openLog(disk)
    for (let index = 0; index < 100; index++)
      write(log, batch({ timestamp: 1000 + index, valueBytes: 200 }), index >> 5)
    const all = readAll(log)
    const epochs = log.leaderEpochs
    expect(close(log, disk)).toBeNull()
    disk.crash({ mode: 'none' })
    const before = disk.changes
    const again = openLog(disk, { cleanShutdown: true })
    expect(disk.changes).toBe(before)
    expect(readAll(again)).toEqual(all)
    expect(again.recoveryPoint).toBe(again.logEndOffset)
    expect(again.leaderEpochs).toEqual(epochs)
    expect(again.maxTimestamp()?.offset).toBe(99)
    expect(write(again, batch(), 3)).toBe(100)
  })

  test('a damaged log opens, is read up to the damage, and appends nothing until it is cut', () => {
    const disk = simDisk()
    const log = openLog(disk)
    for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 300 }))
    flush(log, disk)
    const recoveryPoint = log.recoveryPoint
    disk.crash({ mode: 'none' })
    disk.replaceAtRest(`${DIRECTORY}/${segmentFiles(disk)[1]!}`, (bytes) =>
      bytes.subarray(0, bytes.length - 5),
    )

    const damaged = openLog(disk, { recoveryPoint })
    const { corruption } = damaged
    expect(corruption?.path).toContain(segmentFiles(disk)[1]!)
    expect(damaged.logEndOffset).toBe(recoveryPoint)
    const readable = readAll(damaged, 0, { endOffset: corruption!.offset })
    expect(readable.at(-1)!.lastOffset).toBe(corruption!.offset - 1)
    expect(() => readAll(damaged)).toThrow('corrupt')
    expect(() => damaged.append(batch(), epoch(0))).toThrow(CorruptLogError)

    damaged.truncateTo(recoveryPoint)
    expect(damaged.corruption).toBeNull()
    expect(damaged.logEndOffset).toBe(corruption!.offset)
    expect(flush(damaged, disk)).toBeNull()
    expect(write(damaged)).toBe(corruption!.offset)
  })
})

test('a log that is damaged below its start begins anew at its start', () => {
  const disk = simDisk()
  const log = openLog(disk)
  for (let index = 0; index < 40; index++) write(log, batch({ valueBytes: 300 }))
  flush(log, disk)
  const { recoveryPoint } = log
  disk.crash({ mode: 'none' })
  disk.replaceAtRest(`${DIRECTORY}/${segmentFiles(disk)[0]!}`, (bytes) => Buffer.alloc(bytes.length))

  const damaged = openLog(disk, { recoveryPoint, logStartOffset: offset(2) })
  expect(() => readAll(damaged, 2)).toThrow('corrupt')
  expect(damaged.corruption).not.toBeNull()
  damaged.truncateTo(offset(2))
  expect([damaged.corruption, damaged.logStartOffset, damaged.logEndOffset]).toEqual([null, 2, 2])
  expect(flush(damaged, disk)).toBeNull()
  expect(write(damaged)).toBe(2)
  expect(readAll(damaged, 2).map(({ baseOffset }) => baseOffset)).toEqual([2])
})

describe('the end', () => {
  test('removal renames the folder, and a waiting flush is answered', async () => {
    const disk = simDisk()
    const log = openLog(disk)
    write(log)
    let answer: unknown
    log.flush((error) => (answer = error))
    const path = log.remove()
    disk.settle()
    await Promise.resolve()
    expect(path).toMatch(/^\/data\/flights-0\.[0-9a-f]{32}-delete$/)
    expect(disk.list('/data').map(({ name }) => name)).toEqual([path.slice('/data/'.length)])
    expect(answer).toMatchObject({ code: 'ECANCELED' })
  })

  test('a replica that left, came back and left again keeps nothing', () => {
    const disk = simDisk()
    const paths = [1, 2, 3].map(() => {
      const log = openLog(disk)
      expect(log.logEndOffset).toBe(0)
      write(log)
      return log.remove()
    })
    expect(new Set(paths).size).toBe(3)
    expect(disk.exists(DIRECTORY)).toBe(false)
  })

  test('a write error names the file', () => {
    const disk = simDisk()
    const log = openLog(disk)
    disk.fail({ operation: 'pwritev', path: /\.log$/, code: 'EIO' })
    log.append(batch(), epoch(0))
    expect(diskErrorOf(() => log.writeStaged()).path).toBe(`${DIRECTORY}/00000000000000000000.log`)
  })
})
