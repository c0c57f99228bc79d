/** The same on the operating system's disk. */
import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeDisk } from '@millrace/base/node'
import { type Log, LogDirectory, recoverSegments } from '../src/index.ts'
import { batch, readAll, SMALL, TestClock, TestLogger, TOPIC_ID, write } from './rig.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/millrace-storage-`)
})
afterEach(() => rmSync(root, { recursive: true }))

const disk = nodeDisk()
const FLIGHTS = { topic: 'flights', partition: 0, topicId: TOPIC_ID, config: SMALL }

function open(): Promise<LogDirectory> {
  return new Promise((resolve, reject) => {
    const options = {
      disk,
      clock: new TestClock(),
      path: `${root}/a/b`,
      log: new TestLogger(),
      onFailed: () => {},
    }
    LogDirectory.open(options, (error, directory) => (error === null ? resolve(directory!) : reject(error)))
  })
}

function done(call: (callback: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error === null ? resolve() : reject(error))))
}

function fill(log: Log): void {
  for (let index = 0; index < 100; index++)
    write(log, batch({ timestamp: 1000 + index, valueBytes: 200 }), index >> 5)
}

test('a log survives close, open, a torn tail and removal', async () => {
  const directory = await open()
  const log = directory.openLog(FLIGHTS)
  fill(log)
  await done((callback) => log.flush(callback))
  expect(log.recoveryPoint).toBe(100)
  const all = readAll(log)
  await done((callback) => directory.close(1, callback))

  const again = await open()
  expect(again.cleanShutdown).toBe(true)
  const reopened = again.openLog(FLIGHTS)
  expect(readAll(reopened)).toEqual(all)
  await done((callback) => again.checkpoint(callback))
  write(reopened, batch(), 3)
  write(reopened, batch(), 3)

  const third = await open()
  expect(third.cleanShutdown).toBe(false)
  const segment = disk.list(`${root}/a/b/flights-0`).findLast(({ name }) => name.endsWith('.log'))!
  const path = `${root}/a/b/flights-0/${segment.name}`
  const file = disk.open(path, 'read')
  truncateSync(path, disk.size(file) - 1)
  disk.close(file)
  const report = recoverSegments.run(third.recoveryInput(FLIGHTS, SMALL))
  expect([report.logEndOffset, report.corruption]).toEqual([101, null])
  const cut = third.openLog({ ...FLIGHTS, recovery: report })
  expect(readAll(cut)).toHaveLength(101)
  await done((callback) => third.removeLog(cut, callback))
  expect(third.partitions()).toEqual([])
})

test('flushes overlap with appends and rolls', async () => {
  const directory = await open()
  const log = directory.openLog(FLIGHTS)
  const flushes: Promise<void>[] = []
  for (let index = 0; index < 50; index++) {
    write(log, batch({ valueBytes: 500 }))
    flushes.push(done((callback) => log.flush(callback)))
    if (index % 10 === 0) await flushes[0]
  }
  await Promise.all(flushes)
  expect(log.recoveryPoint).toBe(50)
  await done((callback) => directory.close(1, callback))
})
