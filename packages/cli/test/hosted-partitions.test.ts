import { expect, test } from 'vitest'
import { partitionCounts } from '../src/hosted-partitions.ts'
import { topic } from './quorum-descriptions.ts'

test('partitions are counted by leader and by replica, each topic once', () => {
  const counts = partitionCounts([
    topic('a', [
      [1, 2],
      [2, 1],
    ]),
    topic('b', [[-1, 2]]),
  ])
  expect(counts).toMatchObject({ topics: 2, partitions: 3, leaderless: 1 })
  expect([...counts.byBroker]).toEqual([
    [1, { leads: 1, replicas: 2, topics: ['a'] }],
    [2, { leads: 1, replicas: 3, topics: ['a', 'b'] }],
  ])
})
