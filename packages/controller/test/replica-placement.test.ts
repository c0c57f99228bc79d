import type { BrokerImage } from '@millrace/metadata'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { placeReplicas } from '../src/replica-placement.ts'
import { TestCluster } from './cluster.ts'

function brokers(racks: readonly (string | null)[]): BrokerImage[] {
  const list = racks.map((rack, index) => (rack === null ? { id: index + 1 } : { id: index + 1, rack }))
  return [...new TestCluster(list).image.brokers.values()]
}

const count = (values: readonly number[]) => {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts.values()]
}

test('leaders and replicas are spread evenly, each partition on distinct brokers', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.nat(40),
      fc.nat(2 ** 16),
      fc.nat(6),
      (size, rounds, start, factor) => {
        const replicationFactor = 1 + (factor % size)
        const partitions = 1 + rounds
        const placed = placeReplicas(brokers(Array.from({ length: size }, () => null)), [], {
          partitions,
          replicationFactor,
          start,
        })
        expect(placed.length).toBe(partitions)
        for (const replicas of placed) expect(new Set(replicas).size).toBe(replicationFactor)
        const leaders = count(placed.map((replicas) => replicas[0]!))
        expect(Math.max(...leaders)).toBeLessThanOrEqual(Math.ceil(partitions / size))
      },
    ),
  )
})

test('after whole rounds every broker holds the same number of replicas', () => {
  const placed = placeReplicas(brokers([null, null, null, null]), [], {
    partitions: 12,
    replicationFactor: 3,
    start: 5,
  })
  expect(count(placed.flat())).toEqual([9, 9, 9, 9])
})

test('the followers of one broker are spread over all others', () => {
  const placed = placeReplicas(brokers([null, null, null, null]), [], {
    partitions: 12,
    replicationFactor: 2,
    start: 0,
  })
  const followersOf1 = placed
    .filter(([leader]) => (leader as number) === 1)
    .map(([, follower]) => follower as number)
  expect(new Set(followersOf1)).toEqual(new Set([2, 3, 4]))
})

test('replicas take different racks as long as there are any left, and are even over racks that can take more', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 }),
      fc.nat(100),
      fc.nat(7),
      (racks, start, factor) => {
        const replicationFactor = 1 + (factor % racks.length)
        const all = brokers(racks)
        const rackOf = new Map(all.map(({ id, rack }) => [id, rack]))
        for (const replicas of placeReplicas(all, [], { partitions: 10, replicationFactor, start })) {
          const used = new Set(replicas.map((id) => rackOf.get(id)))
          const inUse = (rack: string) => replicas.filter((id) => rackOf.get(id) === rack).length
          const most = Math.max(...racks.map(inUse))
          const spare = racks.filter((rack) => inUse(rack) < racks.filter((other) => other === rack).length)
          for (const rack of spare) expect(inUse(rack)).toBeGreaterThanOrEqual(most - 1)
          expect(used.size).toBe(Math.min(replicationFactor, new Set(racks).size))
          expect(new Set(replicas).size).toBe(replicationFactor)
        }
      },
    ),
  )
})

test('brokers that are down get replicas only where there are not enough others, and lead nothing', () => {
  const [one, two, ...down] = brokers([null, null, null, null])
  const live = [one!, two!]
  const placement = { partitions: 4, start: 0 }
  const enough = placeReplicas(live, down, { ...placement, replicationFactor: 2 })
  expect(new Set(enough.flat() as number[])).toEqual(new Set([1, 2]))
  const placed = placeReplicas(live, down, { ...placement, replicationFactor: 3 }) as number[][]
  for (const replicas of placed) {
    expect(new Set(replicas.slice(0, 2))).toEqual(new Set([1, 2]))
    expect(replicas[2]).toBeGreaterThan(2)
  }
  expect(new Set(placed.map((replicas) => replicas[2]))).toEqual(new Set([3, 4]))
})
