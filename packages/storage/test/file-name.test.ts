import { describe, expect, test } from 'vitest'
import {
  deletedFolderPath,
  isDeletedFolderName,
  parentOf,
  parsePartitionFolderName,
  parseSegmentFileName,
  partitionFolderName,
  segmentFileName,
} from '../src/file-name.ts'

describe('names of segment files', () => {
  test('are those of Kafka, and are understood again', () => {
    expect(segmentFileName(42, '.log')).toBe('00000000000000000042.log')
    for (const stage of ['', '.deleted', '.cleaned', '.swap']) {
      const name = segmentFileName(Number.MAX_SAFE_INTEGER, `.timeindex${stage}`)
      expect(parseSegmentFileName(name)).toEqual({
        baseOffset: Number.MAX_SAFE_INTEGER,
        suffix: '.timeindex',
        stage,
      })
    }
  })

  test.each([
    'leader-epoch-checkpoint',
    '42.log',
    '99999999999999999999.log',
    '00000000000000000042',
    'x00000000000000000042.log',
  ])('%s is none', (name) => expect(parseSegmentFileName(name)).toBeNull())
})

describe('names of partition folders', () => {
  test.each([
    ['flights', 0],
    ['a-b-3', 12],
    ['a.b_c', 2_147_483_647],
  ])('of %s, partition %i, are understood again', (topic, partition) => {
    expect(parsePartitionFolderName(partitionFolderName(topic, partition))).toEqual({ topic, partition })
  })

  test.each(['flights', 'flights-', '-1', 'flights-01', 'flights-x', 'lost+found'])('%s is none', (name) => {
    expect(parsePartitionFolderName(name)).toBeNull()
  })

  test('of removed partitions fit into 255 bytes, and are no partition’s', () => {
    for (const topic of ['flights', 'x'.repeat(249)]) {
      const taken = new Set<string>()
      for (let removal = 1; removal <= 11; removal++) {
        const folder = `/data/${partitionFolderName(topic, 99)}`
        const path = deletedFolderPath(folder, 'ab'.repeat(16), (other) => taken.has(other))
        expect(taken).not.toContain(path)
        taken.add(path)
        expect(parentOf(path)).toBe('/data')
        const name = path.slice('/data/'.length)
        expect(name.length).toBeLessThanOrEqual(255)
        expect(isDeletedFolderName(name)).toBe(true)
        expect(parsePartitionFolderName(name)).toBeNull()
      }
    }
    expect(isDeletedFolderName('flights-0')).toBe(false)
  })
})
