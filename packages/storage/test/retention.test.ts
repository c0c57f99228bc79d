import { describe, expect, test } from 'vitest'
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../src/log-config.ts'
import { countDeletable } from '../src/retention.ts'
import {
  batch,
  close,
  flush,
  offset,
  openLog,
  readAll,
  segmentFiles,
  simDisk,
  SMALL,
  TestCheckpoints,
  TestClock,
  time,
  write,
} from './rig.ts'

const NOW = 100_000

/** Segments of 10 offsets and 100 bytes each, by their largest timestamps; an empty one when null. */
function segments(...timestamps: (number | null)[]) {
  return timestamps.map((timestamp, index) => ({
    sizeBytes: timestamp === null ? 0 : 100,
    endOffset: offset(timestamp === null ? index * 10 : (index + 1) * 10),
    maxTimestamp: time(timestamp ?? -1),
  }))
}

function count(
  found: ReturnType<typeof segments>,
  config: Partial<LogConfig>,
  highWatermark = 1000,
  logStartOffset = 0,
) {
  return countDeletable(found, {
    config: { ...DEFAULT_LOG_CONFIG, retentionMs: -1, ...config },
    nowWallMs: NOW,
    highWatermark: offset(highWatermark),
    logStartOffset: offset(logStartOffset),
  })
}

describe('countDeletable', () => {
  test('by time: the leading segments whose youngest record is too old', () => {
    const found = segments(NOW - 5000, NOW - 1001, NOW - 1000, NOW - 9000)
    expect(count(found, { retentionMs: 1000 })).toBe(2)
    expect(count(found, { retentionMs: -1 })).toBe(0)
    expect(count(found, { retentionMs: 1000, cleanupPolicy: ['compact'] })).toBe(0)
  })

  test('by time: the active segment when everything in it is too old, but never an empty one', () => {
    expect(count(segments(1, 2), { retentionMs: 1000 })).toBe(2)
    expect(count(segments(1, null), { retentionMs: 1000 })).toBe(1)
    expect(count(segments(null), { retentionMs: 1000 })).toBe(0)
  })

  test('records without a timestamp do not expire', () => {
    expect(count(segments(-1, 5), { retentionMs: 1000 })).toBe(0)
  })

  test('by size: while the rest is still as large as allowed, never the active one', () => {
    expect(count(segments(1, 2, 3, 4), { retentionBytes: 250 })).toBe(1)
    expect(count(segments(1, 2, 3, 4), { retentionBytes: 200 })).toBe(2)
    expect(count(segments(1, 2, 3, 4), { retentionBytes: 0 })).toBe(3)
  })

  test('by log start, whatever the cleanup policy', () => {
    expect(count(segments(1, 2, 3), { cleanupPolicy: ['compact'] }, 1000, 25)).toBe(2)
  })

  test('nothing above the high watermark', () => {
    expect(count(segments(1, 2, 3), { retentionMs: 1000 }, 19)).toBe(1)
    expect(count(segments(1, 2, 3), { retentionMs: 1000 }, 9)).toBe(0)
  })
})

describe('a log', () => {
  test('whose records are all too old rolls, and starts at its end', () => {
    const disk = simDisk()
    const log = openLog(disk, { config: { retentionMs: 1000 } })
    for (let index = 0; index < 50; index++) write(log, batch({ timestamp: 1000, valueBytes: 200 }))
    flush(log, disk)
    const before = log.segmentCount
    expect(log.applyRetention(NOW, offset(50))).toBe(before)
    expect([log.logStartOffset, log.logEndOffset, log.segmentCount]).toEqual([50, 50, 1])
    expect(write(log)).toBe(50)
    expect(readAll(log)).toHaveLength(1)
  })

  test('renames dropped segments at once and unlinks them after file.delete.delay.ms', () => {
    const disk = simDisk()
    const clock = new TestClock()
    const log = openLog(disk, { clock, config: { retentionBytes: 5000 } })
    for (let index = 0; index < 100; index++) write(log, batch({ valueBytes: 200 }))
    const dropped = log.applyRetention(NOW, offset(100))
    expect(dropped).toBeGreaterThan(1)
    expect(segmentFiles(disk, '.log.deleted')).toHaveLength(dropped)
    log.applyRetention(NOW, offset(100))
    expect(segmentFiles(disk, '.deleted').length).toBeGreaterThan(0)
    clock.monoNow += SMALL.fileDeleteDelayMs
    log.applyRetention(NOW, offset(100))
    expect(segmentFiles(disk, '.deleted')).toEqual([])
  })

  test('tries again to drop segments whose log start could not be written', () => {
    const disk = simDisk()
    const checkpoints = new TestCheckpoints()
    const log = openLog(disk, { checkpoints, config: { retentionBytes: 5000 } })
    for (let index = 0; index < 100; index++) write(log, batch({ valueBytes: 200 }))
    checkpoints.held = []
    log.applyRetention(NOW, offset(100))
    checkpoints.held = null
    expect(segmentFiles(disk, '.deleted')).toEqual([])
    log.applyRetention(NOW, offset(100))
    expect(segmentFiles(disk, '.log.deleted').length).toBeGreaterThan(1)
  })

  test('that was closed keeps what retention left', () => {
    const disk = simDisk()
    const log = openLog(disk, { config: { retentionBytes: 5000 } })
    for (let index = 0; index < 100; index++) write(log, batch({ valueBytes: 200 }))
    log.applyRetention(NOW, offset(100))
    const { logStartOffset } = log
    const left = readAll(log)
    close(log, disk)
    disk.crash({ mode: 'none' })
    const again = openLog(disk, { cleanShutdown: true, logStartOffset })
    expect(again.logStartOffset).toBe(logStartOffset)
    expect(readAll(again)).toEqual(left)
  })
})
