import type { NodeId, Uuid } from '@millrace/base'
import type { SimDisk } from '@millrace/sim'
import { expect, test } from 'vitest'
import { DamagedFileError, type Log, LogDirectory } from '../src/index.ts'
import {
  batch,
  flush,
  offset,
  readAll,
  simDisk,
  SMALL,
  TestClock,
  TestLogger,
  TOPIC_ID,
  write,
} from './rig.ts'

const PATH = '/data/logs'

interface Opened {
  readonly directory: LogDirectory | null
  readonly error: Error | null
}

async function tryOpen(
  disk: SimDisk,
  clock = new TestClock(),
  onFailed: (reason: string) => void = () => {},
): Promise<Opened> {
  let opened: Opened | undefined
  LogDirectory.open({ disk, clock, path: PATH, log: new TestLogger(), onFailed }, (error, directory) => {
    opened = { error, directory }
  })
  disk.settle()
  await Promise.resolve()
  return opened!
}

async function open(disk: SimDisk, clock?: TestClock): Promise<LogDirectory> {
  const { directory, error } = await tryOpen(disk, clock)
  expect(error).toBeNull()
  return directory!
}

function openLog(directory: LogDirectory, partition = 0): Log {
  return directory.openLog({ topic: 'flights', partition, topicId: TOPIC_ID, config: SMALL })
}

/** Runs a call that calls back, to its end. */
function run(disk: SimDisk, call: (done: (error: Error | null) => void) => void): Error | null {
  let answer: Error | null | undefined
  call((error) => (answer = error))
  disk.settle()
  if (answer === undefined) throw new Error('no answer')
  return answer
}

test('a folder tells whose it is, durably, from its first start on', async () => {
  const disk = simDisk()
  const first = await open(disk)
  expect(first.metaProperties).toBeNull()
  const properties = { clusterId: 'c1', nodeId: 7 as NodeId, directoryId: TOPIC_ID }
  expect(run(disk, (done) => first.format(properties, done))).toBeNull()
  disk.crash({ mode: 'none' })
  expect((await open(disk)).metaProperties).toEqual(properties)
  expect(disk.contentOf(`${PATH}/meta.properties`).toString()).toBe(
    `#\ncluster.id=c1\ndirectory.id=${TOPIC_ID}\nnode.id=7\nversion=1\n`,
  )
})

test.each(['meta.properties', 'recovery-point-offset-checkpoint', 'log-start-offset-checkpoint'])(
  'a damaged %s is named, and nothing is opened',
  async (name) => {
    const disk = simDisk()
    await open(disk)
    const file = disk.open(`${PATH}/${name}`, 'create')
    disk.pwritev(file, [Buffer.from('0\n2\nflights 0 1\n')], 0)
    const { error } = await tryOpen(disk)
    expect(error).toBeInstanceOf(DamagedFileError)
    expect(error!.message).toContain(`${PATH}/${name} is damaged`)
  },
)

test('checkpoints have Kafka’s format and bring back recovery point, log start and high watermark', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  const log = openLog(directory)
  for (let index = 0; index < 30; index++) write(log, batch({ valueBytes: 300 }))
  flush(log, disk)
  run(disk, (done) => log.advanceLogStart(offset(11), done))
  directory.setHighWatermark('flights', 0, offset(29))
  expect(run(disk, (done) => directory.checkpoint(done))).toBeNull()
  const content = (name: string) => disk.contentOf(`${PATH}/${name}`).toString()
  expect(content('recovery-point-offset-checkpoint')).toBe('0\n1\nflights 0 30\n')
  expect(content('log-start-offset-checkpoint')).toBe('0\n1\nflights 0 11\n')
  expect(content('replication-offset-checkpoint')).toBe('0\n1\nflights 0 29\n')

  disk.crash({ mode: 'none' })
  const again = await open(disk)
  expect(again.cleanShutdown).toBe(false)
  const reopened = openLog(again)
  expect([reopened.recoveryPoint, reopened.logStartOffset]).toEqual([30, 11])
  expect(again.highWatermark('flights', 0)).toBe(29)
  expect(again.highWatermark('flights', 1)).toBe(0)
})

test('the clean mark is written after everything is durable, and gone, durably, before the next write', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  const log = openLog(directory)
  for (let index = 0; index < 30; index++) write(log, batch({ valueBytes: 300 }))
  const all = readAll(log)
  expect(run(disk, (done) => directory.close(5, done))).toBeNull()
  disk.crash({ mode: 'none' })
  expect(JSON.parse(disk.contentOf(`${PATH}/.kafka_cleanshutdown`).toString())).toEqual({
    version: 0,
    brokerEpoch: 5,
  })

  const again = await open(disk)
  expect(again.cleanShutdown).toBe(true)
  expect(readAll(openLog(again))).toEqual(all)
  disk.crash({ mode: 'none' })
  expect((await open(disk)).cleanShutdown).toBe(false)
})

test('the clean mark counts once for a log: opened again in the same process, it is scanned', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  write(openLog(directory))
  run(disk, (done) => directory.close(1, done))
  const again = await open(disk)
  const partition = { topic: 'flights', partition: 0 }
  expect(again.recoveryInput(partition, SMALL).cleanShutdown).toBe(true)
  openLog(again)
  expect(again.recoveryInput(partition, SMALL).cleanShutdown).toBe(false)
})

test('no clean mark is left when a log cannot be flushed', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  write(openLog(directory))
  disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
  expect(run(disk, (done) => directory.close(1, done))).toMatchObject({ code: 'EIO' })
  expect(disk.exists(`${PATH}/.kafka_cleanshutdown`)).toBe(false)
})

test('a removed partition leaves the checkpoints before its folder loses its name, and the disk later', async () => {
  const disk = simDisk()
  const clock = new TestClock()
  const directory = await open(disk, clock)
  const log = openLog(directory)
  write(log)
  flush(log, disk)
  run(disk, (done) => directory.checkpoint(done))
  let removed = false
  directory.removeLog(log, () => (removed = true))
  expect(() => openLog(directory)).toThrow('still being removed')
  while (disk.exists(`${PATH}/flights-0`)) disk.completeNext()
  expect(disk.contentOf(`${PATH}/recovery-point-offset-checkpoint`).toString()).toBe('0\n0\n')
  disk.settle()
  expect(removed).toBe(true)

  const fresh = openLog(directory)
  expect([fresh.logEndOffset, fresh.corruption]).toEqual([0, null])
  const deleted = () => disk.list(PATH).filter(({ name }) => name.endsWith('-delete'))
  expect(deleted()).toHaveLength(1)
  directory.purge()
  expect(deleted()).toHaveLength(1)
  clock.monoNow += SMALL.fileDeleteDelayMs
  directory.purge()
  expect(deleted()).toEqual([])
})

test('folders that a stopped process was deleting are gone after the next start', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  run(disk, (done) => directory.removeLog(openLog(directory), done))
  disk.crash({ mode: 'all' })
  expect((await open(disk)).partitions()).toEqual([])
  expect(disk.list(PATH).map(({ kind }) => kind)).not.toContain('directory')
})

test('partitions are found by their folders, with the topic’s id', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  openLog(directory, 0)
  openLog(directory, 12)
  disk.mkdir(`${PATH}/__cluster_metadata-0`)
  disk.mkdir(`${PATH}/a.b-c-3`)
  disk.mkdir(`${PATH}/lost+found`)
  expect(directory.partitions()).toEqual([
    { topic: 'a.b-c', partition: 3, topicId: null },
    { topic: 'flights', partition: 0, topicId: TOPIC_ID },
    { topic: 'flights', partition: 12, topicId: TOPIC_ID },
  ])
})

test('a folder whose word on its topic is damaged belongs to no topic, not to another', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  openLog(directory)
  const path = `${PATH}/flights-0/partition.metadata`
  const bits = 8 * disk.contentOf(path).length
  expect(bits).toBeGreaterThan(8 * 50)
  for (let bit = 0; bit < bits; bit++) {
    disk.flipBit(path, bit >> 3, bit & 7)
    expect(directory.partitions()).toEqual([{ topic: 'flights', partition: 0, topicId: null }])
    disk.flipBit(path, bit >> 3, bit & 7)
  }
  expect(directory.partitions()).toEqual([{ topic: 'flights', partition: 0, topicId: TOPIC_ID }])
})

test('a folder of Kafka, without our checksum, is read', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  openLog(directory)
  const path = `${PATH}/flights-0/partition.metadata`
  const file = disk.open(path, 'write')
  disk.truncate(file, disk.contentOf(path).indexOf('crc32c: '))
  disk.close(file)
  expect(directory.partitions()).toEqual([{ topic: 'flights', partition: 0, topicId: TOPIC_ID }])
})

test('a folder that lost what was checkpointed opens as damaged, not as empty', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  const log = openLog(directory)
  write(log)
  flush(log, disk)
  run(disk, (done) => directory.checkpoint(done))
  disk.crash({ mode: 'none' })
  for (const { name } of disk.list(`${PATH}/flights-0`)) disk.deleteAtRest(`${PATH}/flights-0/${name}`)
  for (let start = 0; start < 2; start++) {
    const damaged = openLog(await open(disk))
    expect(damaged.corruption?.reason).toContain('everything below 1 was durable')
    expect(damaged.logEndOffset).toBe(1)
    disk.crash({ mode: 'all' })
  }
})

test('offsets that another thread reports are in the next checkpoint', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  const partition = { topic: 'remote', partition: 4 }
  directory.setOffsets(partition, { recoveryPoint: offset(10), logStartOffset: offset(2) })
  directory.setOffsets(partition, { highWatermark: offset(9) })
  run(disk, (done) => directory.checkpoint(done))
  disk.crash({ mode: 'none' })
  const again = await open(disk)
  expect(again.recoveryInput(partition, SMALL)).toMatchObject({ recoveryPoint: 10, logStartOffset: 2 })
  expect(again.highWatermark('remote', 4)).toBe(9)
  run(disk, (done) => again.forget(partition, done))
  expect(again.recoveryInput(partition, SMALL)).toMatchObject({ recoveryPoint: 0, logStartOffset: null })
})

test('a folder that cannot be made is an error, not an exception', async () => {
  const disk = simDisk()
  disk.fail({ operation: 'mkdir', code: 'EACCES' })
  expect((await tryOpen(disk)).error).toMatchObject({ code: 'EACCES', path: PATH })
})

test('another topic’s folder of the same name is refused', async () => {
  const disk = simDisk()
  const directory = await open(disk)
  openLog(directory)
  const other = 'AAAAAAAAAAAAAAAAAAAAAQ' as Uuid
  expect(() => directory.openLog({ topic: 'flights', partition: 0, topicId: other, config: SMALL })).toThrow(
    'belongs to the topic',
  )
})

test('a sync of its names that fails is told to whoever has the folder, whatever needed them', async () => {
  const needs: readonly ((directory: LogDirectory, done: () => void) => void)[] = [
    (directory, done) => directory.checkpoint(done),
    (directory, done) => openLog(directory).flush(done),
    (directory, done) => directory.persistRecoveryPoint(openLog(directory), done),
    (directory, done) => directory.persistLogStartOffset(openLog(directory), done),
    (directory, done) => directory.forget({ topic: 'flights', partition: 0 }, done),
    (directory, done) => directory.close(1, done),
  ]
  for (const need of needs) {
    const reasons: string[] = []
    const disk = simDisk()
    const { directory } = await tryOpen(disk, undefined, (reason) => reasons.push(reason))
    disk.fail({ operation: 'syncDir', path: /^\/data\/logs$/, code: 'EIO', times: 9 })
    need(directory!, () => {})
    // A close without logs goes on in a microtask.
    await Promise.resolve()
    disk.settle()
    expect(reasons[0], String(need)).toBe(`EIO: syncDir ${PATH}`)
    expect(disk.exists(`${PATH}/sync-failed`)).toBe(true)
  }
})

test('a sync that fails in a log, or in a file on its way to the place of another, leaves the folder sound', async () => {
  const reasons: string[] = []
  const disk = simDisk()
  const { directory } = await tryOpen(disk, undefined, (reason) => reasons.push(reason))
  const log = openLog(directory!)
  expect(run(disk, (done) => log.flush(done))).toBeNull()
  write(log, batch())
  disk.fail({ operation: 'sync', path: /flights-0/, code: 'EIO' })
  expect(run(disk, (done) => log.flush(done))).toMatchObject({ code: 'EIO' })
  disk.fail({ operation: 'sync', path: /recovery-point/, code: 'EIO' })
  expect(run(disk, (done) => directory!.checkpoint(done))).toMatchObject({ code: 'EIO' })
  expect(reasons).toEqual([])
  expect(run(disk, (done) => directory!.checkpoint(done))).toBeNull()
})
