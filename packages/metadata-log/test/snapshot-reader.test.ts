/** A snapshot is read as it was written, or not at all. */
import { nodeId, seededRng, type Offset, type TimestampMs } from '@millrace/base'
import { MetadataDelta, MetadataImage } from '@millrace/metadata'
import { VoterSet } from '@millrace/raft'
import { SimDisk } from '@millrace/sim'
import { expect, test } from 'vitest'
import { VirtualWorld } from '../../net/test/virtual/world.ts'
import { DamagedSnapshotError, readSnapshot, type SnapshotContent } from '../src/snapshot-reader.ts'
import { SnapshotWriter } from '../src/snapshot-writer.ts'
import { topicNumbers, topicRecords, uuid } from './rig.ts'

const PATH = '/data/00000000000000000400-0000000007.checkpoint'
const empty = MetadataImage.empty('cluster')
const voters = new VoterSet([
  { id: nodeId(1), directoryId: uuid(1), endpoint: { host: 'c1', port: 9093 } },
  { id: nodeId(2), directoryId: uuid(2), endpoint: { host: 'c2', port: 9093 } },
])

function imageOf(topics: number): MetadataImage {
  const delta = new MetadataDelta(empty)
  for (let number = 0; number < topics; number++) delta.replayAll(topicRecords(number))
  return delta.apply({ lastOffset: 399 as Offset, epoch: 7, timestampMs: 1234 as TimestampMs })
}

async function written(image: MetadataImage): Promise<{ disk: SimDisk; turns: number }> {
  const world = new VirtualWorld()
  const disk = new SimDisk({ rng: seededRng(1), schedule: (_delayMs, run) => world.schedule(run) })
  disk.mkdir('/data')
  disk.syncDir('/', () => {})
  let turns = 0
  const { endOfTurn } = world.timers
  const timers = {
    ...world.timers,
    endOfTurn: (callback: () => void) => {
      turns++
      endOfTurn(callback)
    },
  }
  const outcome: unknown[] = []
  const options = { disk, timers, directory: '/data', image, voters }
  new SnapshotWriter(options, (error) => outcome.push(error))
  expect(disk.exists(PATH)).toBe(false)
  await world.settle()
  expect(outcome).toEqual([null])
  return { disk, turns }
}

function read(disk: SimDisk): SnapshotContent {
  const loading = readSnapshot(disk, PATH, { endOffset: 400 as Offset, epoch: 7 }, empty)
  for (;;) {
    const piece = loading.next()
    if (piece.done === true) return piece.value
  }
}

test('what was written is read, and is there after a power cut', async () => {
  const { disk } = await written(imageOf(3))
  disk.crash({ mode: 'none' })
  const { image, voters: read3 } = read(disk)
  expect(topicNumbers(image)).toEqual([0, 1, 2])
  expect(image.position).toEqual({ lastOffset: 399, epoch: 7, timestampMs: 1234 })
  expect(read3?.voters).toEqual(voters.voters)
})

test('a large image is written and read in pieces', async () => {
  const { disk, turns } = await written(imageOf(3000))
  expect(disk.contentOf(PATH).length).toBeGreaterThan(600_000)
  expect(turns).toBeGreaterThan(8)
  const loading = readSnapshot(disk, PATH, { endOffset: 400 as Offset, epoch: 7 }, empty)
  let pieces = 0
  for (; loading.next().done !== true; pieces++);
  expect(pieces).toBeGreaterThan(2)
  expect(read(disk).image.topics.size).toBe(3000)
})

test('a file that ends anywhere before its end is damaged', async () => {
  const { disk } = await written(imageOf(1))
  const whole = disk.contentOf(PATH)
  for (let bytes = 0; bytes < whole.length; bytes++) {
    disk.replaceAtRest(PATH, () => whole.subarray(0, bytes))
    expect(() => read(disk), `${bytes} of ${whole.length} bytes`).toThrow(DamagedSnapshotError)
  }
  disk.replaceAtRest(PATH, () => Buffer.concat([whole, whole]))
  expect(() => read(disk)).toThrow(DamagedSnapshotError)
})

test('a flipped bit gives a damaged snapshot, never another image', async () => {
  const { disk } = await written(imageOf(1))
  const whole = disk.contentOf(PATH)
  const expected = read(disk).image
  for (let byte = 0; byte < whole.length; byte++) {
    disk.replaceAtRest(PATH, () => Buffer.from(whole))
    disk.flipBit(PATH, byte, byte % 8)
    try {
      // The leader epoch of a batch is not under its checksum, and nothing is made of it.
      expect(read(disk).image, `byte ${byte}`).toEqual(expected)
    } catch (error) {
      if (!(error instanceof DamagedSnapshotError)) throw error
    }
  }
})
