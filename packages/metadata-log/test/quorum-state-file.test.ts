import { nodeId, NO_NODE, seededRng } from '@millrace/base'
import type { QuorumState } from '@millrace/raft'
import { SimDisk } from '@millrace/sim'
import { DamagedFileError } from '@millrace/storage'
import { expect, test } from 'vitest'
import { QuorumStateFile } from '../src/quorum-state-file.ts'
import { uuid } from './rig.ts'

const PATH = '/data/quorum-state'
const voted: QuorumState = { epoch: 7, leaderId: NO_NODE, voted: { id: nodeId(3), directoryId: uuid(3) } }

function diskWithFolder(): SimDisk {
  const disk = new SimDisk({ rng: seededRng(1) })
  disk.mkdir('/data')
  disk.syncDir('/', () => {})
  disk.settle()
  return disk
}

function readOrDamaged(disk: SimDisk): QuorumState | 'damaged' | null {
  try {
    return new QuorumStateFile(disk, '/data').read()
  } catch (error) {
    if (error instanceof DamagedFileError) return 'damaged'
    throw error
  }
}

function write(disk: SimDisk, file: QuorumStateFile, state: QuorumState): void {
  file.write(state, () => {})
  disk.settle()
}

test("a vote is kept in Kafka's layout, and read back", () => {
  const disk = diskWithFolder()
  const file = new QuorumStateFile(disk, '/data')
  expect(file.read()).toBeNull()
  write(disk, file, voted)
  expect(JSON.parse(disk.contentOf(PATH).toString())).toEqual({
    leaderId: -1,
    leaderEpoch: 7,
    votedId: 3,
    votedDirectoryId: uuid(3),
    data_version: 1,
    crc32c: expect.any(Number),
  })
  disk.crash({ mode: 'none' })
  expect(new QuorumStateFile(disk, '/data').read()).toEqual(voted)
})

test('no flipped bit is read as another state', () => {
  const disk = diskWithFolder()
  write(disk, new QuorumStateFile(disk, '/data'), { ...voted, leaderId: nodeId(104) })
  const sound = disk.contentOf(PATH)
  for (let bit = 0; bit < sound.length * 8; bit++) {
    disk.replaceAtRest(PATH, () => {
      const flipped = Buffer.from(sound)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      return flipped
    })
    expect(readOrDamaged(disk)).toBeOneOf(['damaged', { ...voted, leaderId: nodeId(104) }])
  }
})

test("Kafka's file of a leader that nobody was voted for is read", () => {
  const disk = diskWithFolder()
  write(disk, new QuorumStateFile(disk, '/data'), voted)
  const text =
    '{"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}'
  disk.replaceAtRest(PATH, () => Buffer.from(text))
  expect(new QuorumStateFile(disk, '/data').read()).toEqual({ epoch: 2, leaderId: 1, voted: null })
})

test('a crash at any moment leaves the old state or the new one, and a state that was told durable is there', () => {
  for (let completions = 0; completions < 6; completions++) {
    const disk = diskWithFolder()
    const file = new QuorumStateFile(disk, '/data')
    write(disk, file, voted)
    const next = { ...voted, epoch: 8, voted: null }
    let isDurable = false
    file.write(next, (error) => void (isDurable = error === null))
    for (let done = 0; done < completions; done++) disk.completeNext()
    disk.crash({ mode: 'torn' })
    const read = new QuorumStateFile(disk, '/data').read()
    expect(isDurable ? [next] : [voted, next]).toContainEqual(read)
  }
})

test('states that are written while one is on its way come to rest in their order', () => {
  const disk = diskWithFolder()
  const file = new QuorumStateFile(disk, '/data')
  const durable: number[] = []
  for (const epoch of [1, 2, 3]) file.write({ ...voted, epoch }, () => durable.push(epoch))
  disk.settle()
  expect(durable).toEqual([1, 2, 3])
  expect(file.read()?.epoch).toBe(3)
})

test.each(['', '{}', '{"leaderId":1', '{"leaderId":1,"leaderEpoch":"2","votedId":-1}', '[]'])(
  'a damaged file (%s) stops the start: a vote may be forgotten',
  (text) => {
    const disk = diskWithFolder()
    const file = new QuorumStateFile(disk, '/data')
    write(disk, file, voted)
    disk.replaceAtRest(PATH, () => Buffer.from(text))
    expect(() => file.read()).toThrow('quorum-state is damaged')
  },
)
