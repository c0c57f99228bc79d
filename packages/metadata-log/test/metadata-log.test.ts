import { DiskError, type LeaderEpoch, type Offset } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import { RecordBatchView } from '@millrace/record'
import { expect, test } from 'vitest'
import { encodeMetadataBatch } from '../src/metadata-batch.ts'
import type { MetadataUpdate } from '../src/metadata-log.ts'
import { MetadataLogError } from '../src/metadata-log-error.ts'
import { drive, openLog, simDisk, topicNumbers, topicRecords, uuid } from './rig.ts'

const SEGMENT = '/data/__cluster_metadata-0/00000000000000000000.log'

test('an append resolves when it is durable, after its image was published', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  const events: string[] = []
  log.subscribe(({ image, endOffset }) => events.push(`published ${topicNumbers(image)} up to ${endOffset}`))
  const appended = log.append(topicRecords(0)).then((offset) => events.push(`resolved ${offset}`))
  await Promise.resolve()
  expect(events).toEqual([])
  expect(log.image.topics.size).toBe(0)
  expect(topicNumbers(log.latestImage)).toEqual([0])
  await drive(disk, appended)
  expect(events).toEqual(['published 0 up to 4', 'resolved 3'])
  expect(log.current()).toEqual({ image: log.image, endOffset: 4 })
})

test('appends of one turn share a flush, and are published one by one in order', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  const updates: MetadataUpdate[] = []
  log.subscribe((update) => updates.push(update))
  const appends = Array.from({ length: 50 }, (_, index) => log.append(topicRecords(index)))
  let completions = 0
  while (updates.length < 50 && disk.completeNext()) completions++
  expect(await Promise.all(appends)).toEqual(appends.map((_, index) => 4 * index + 3))
  expect(updates.map(({ endOffset }) => endOffset)).toEqual(appends.map((_, index) => 4 * index + 4))
  expect(updates.map(({ image }) => image.topics.size)).toEqual(appends.map((_, index) => index + 1))
  expect([...updates[7]!.delta.topics.changed.values()].map(({ name }) => name)).toEqual(['topic-7'])
  expect(updates[7]!.records).toEqual(topicRecords(7))
  // The first append's own round, and one for all others; each round has a handful of syncs.
  expect(completions).toBeLessThan(20)
})

test('a restarted log has the same image, goes on behind it, and writes under a higher epoch', async () => {
  const disk = simDisk()
  const first = await openLog(disk)
  for (const number of [0, 1, 2]) await drive(disk, first.append(topicRecords(number)))
  await drive(disk, first.append([metadataRecord('RemoveTopicRecord', { topicId: uuid(1) })]))
  await drive(disk, first.close())

  const second = await openLog(disk)
  expect(topicNumbers(second.image)).toEqual([0, 2])
  expect(second.image.position).toEqual(first.image.position)
  expect(second.image.topics.byName('topic-2')).toEqual(first.image.topics.byName('topic-2'))
  expect(second.image.controllerId).toBe(1)
  expect(await drive(disk, second.append(topicRecords(3)))).toBe(16)
  expect(second.image.position.epoch).toBe(first.image.position.epoch + 1)
})

test('what is settled was committed before', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  await log.settled()
  const appended = log.append(topicRecords(0))
  let settled = false
  const waiting = log.settled().then(() => (settled = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(settled).toBe(false)
  await drive(disk, Promise.all([appended, waiting]))
  expect(topicNumbers(log.image)).toEqual([0])
})

test('a listener that ended its subscription hears no more', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  const heard: number[] = []
  const end = log.subscribe(({ endOffset }) => heard.push(endOffset))
  await drive(disk, log.append(topicRecords(0)))
  end()
  await drive(disk, log.append(topicRecords(1)))
  expect(heard).toEqual([4])
})

test('records that contradict the metadata are never written', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  await drive(disk, log.append(topicRecords(0)))
  const before = disk.contentOf(SEGMENT)
  await expect(log.append(topicRecords(0))).rejects.toThrow('created twice')
  expect(disk.contentOf(SEGMENT)).toEqual(before)
  await drive(disk, log.append(topicRecords(1)))
  expect(topicNumbers(log.image)).toEqual([0, 1])
})

test('a full disk refuses the append, changes nothing, and takes appends again when there is space', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  await drive(disk, log.append(topicRecords(0)))
  disk.setCapacity(disk.usedBytes())
  await expect(drive(disk, log.append(topicRecords(1)))).rejects.toThrow(DiskError)
  expect(topicNumbers(log.latestImage)).toEqual([0])
  disk.setCapacity(2 ** 20)
  await drive(disk, log.append(topicRecords(2)))
  expect(topicNumbers(log.image)).toEqual([0, 2])
  await drive(disk, log.close())
  expect(topicNumbers((await openLog(disk)).image)).toEqual([0, 2])
})

test('after a failed flush nothing is published, and nothing is appended any more', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  await drive(disk, log.append(topicRecords(0)))
  disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
  const lost = [log.append(topicRecords(1)), log.append(topicRecords(2))]
  const outcomes = await drive(disk, Promise.allSettled(lost))
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(MetadataLogError) })
  }
  expect(topicNumbers(log.image)).toEqual([0])
  await expect(log.append(topicRecords(3))).rejects.toThrow('Check the disk and restart')
  disk.crash({ mode: 'none' })
  expect(topicNumbers((await openLog(disk)).image)).toEqual([0])
})

test('a torn tail is cut, and what was acknowledged before it is there', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  await drive(disk, log.append(topicRecords(0)))
  const acknowledged = disk.contentOf(SEGMENT).length
  await drive(disk, log.append(topicRecords(1)))
  disk.crash({ mode: 'all' })
  disk.replaceAtRest(SEGMENT, (bytes) => bytes.subarray(0, acknowledged + 90))
  const again = await openLog(disk)
  expect(topicNumbers(again.image)).toEqual([0])
  expect(await drive(disk, again.append(topicRecords(2)))).toBe(7)
})

test('what a killed process wrote and never flushed is made durable before it counts', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  const { epoch } = (
    await drive(
      disk,
      log.append(topicRecords(0)).then(() => log.image),
    )
  ).position
  await drive(disk, log.close())
  const batch = encodeMetadataBatch(topicRecords(1), log.image.position.timestampMs)
  const view = new RecordBatchView(batch)
  view.stampBaseOffset(4 as Offset)
  view.stampLeaderEpoch(epoch as LeaderEpoch)
  const file = disk.open(SEGMENT, 'write')
  disk.pwritev(file, [batch], disk.size(file))
  disk.close(file)

  expect(topicNumbers((await openLog(disk)).image)).toEqual([0, 1])
  disk.crash({ mode: 'none' })
  expect(topicNumbers((await openLog(disk)).image)).toEqual([0, 1])
})

test('damage below the recovery point stops the start instead of forgetting what follows', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  for (const number of [0, 1, 2]) await drive(disk, log.append(topicRecords(number)))
  await drive(disk, log.close())
  disk.flipBit(SEGMENT, 100, 3)
  const failure = await openLog(disk).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(MetadataLogError)
  expect((failure as Error).message).toContain('/data/__cluster_metadata-0')
})

test('a damaged recovery point is named, with what to do', async () => {
  const disk = simDisk()
  const log = await openLog(disk)
  await drive(disk, log.append(topicRecords(0)))
  await drive(disk, log.close())
  const path = '/data/__cluster_metadata-0/recovery-point-offset-checkpoint'
  expect(disk.contentOf(path).toString()).toBe('0\n1\n__cluster_metadata 0 4\n')
  disk.replaceAtRest(path, () => Buffer.from('0\n1\n__clus'))
  await expect(openLog(disk)).rejects.toThrow(`${path} is damaged. Restore it, or delete it`)
})
