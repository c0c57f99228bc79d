import { seededRng } from '@millrace/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPartitioner, hashPartition } from '../../src/partitioner/partitioner.ts'
import type { PartitionerOption } from '../../src/partitioner/partitioner.ts'

const create = (option: PartitionerOption, seed = 1) =>
  createPartitioner(option, 'flights', seededRng(seed), 1000)

describe('the default partitioner', () => {
  it('gives a key the same partition every time', () => {
    const partitioner = create('default')
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 100 }), (key, count) => {
        expect(partitioner.partition(key, null, count)).toBe(hashPartition(key, count))
      }),
    )
  })

  it('stays with a partition for a batch of records without key, then moves to another', () => {
    const partitioner = create('default')
    const turns: number[] = []
    for (let record = 0; record < 50; record++) {
      const partition = partitioner.partition(null, 'x', 4)
      partitioner.onAppended(partition, 100)
      turns.push(partition)
    }
    for (let turn = 0; turn < 5; turn++) expect(new Set(turns.slice(turn * 10, turn * 10 + 10)).size).toBe(1)
    for (let turn = 1; turn < 5; turn++) expect(turns[turn * 10]).not.toBe(turns[turn * 10 - 1])
  })

  it('spreads records without key evenly in the long run', () => {
    const partitioner = create('default', 5)
    const counts = [0, 0, 0, 0]
    for (let record = 0; record < 40_000; record++) {
      const partition = partitioner.partition(null, 'x', 4)
      partitioner.onAppended(partition, 1000)
      counts[partition]!++
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  it('uses partitions that were added and does without those that are gone', () => {
    const partitioner = create('default')
    for (const count of [1, 8, 2, 1]) {
      for (let record = 0; record < 100; record++) {
        const partition = partitioner.partition(null, 'x', count)
        partitioner.onAppended(partition, 1000)
        expect(partition).toBeLessThan(count)
      }
    }
  })
})

describe('the others', () => {
  it('round-robin takes one after the other, whatever the key', () => {
    const partitioner = create('round-robin')
    const first = partitioner.partition('same', null, 3)
    const next = [1, 2, 3].map(() => partitioner.partition('same', null, 3))
    expect(next).toEqual([(first + 1) % 3, (first + 2) % 3, first])
  })

  it('a function sees topic, key, value and count, and its mistakes are named', () => {
    const seen: unknown[] = []
    const good = create((request) => (seen.push(request), 2))
    expect(good.partition('k', 'v', 3)).toBe(2)
    expect(seen).toEqual([{ topic: 'flights', key: 'k', value: 'v', partitionCount: 3 }])
    for (const wrong of [3, -1, 0.5, NaN]) {
      expect(() => create(() => wrong).partition('k', 'v', 3)).toThrow(
        `the partitioner chose ${wrong} for topic flights`,
      )
    }
  })
})
