import { describe, expect, it } from 'vitest'
import { batchOf, ShardFixture } from '../support/shard-fixture.ts'

describe('DescribeLogDirs', () => {
  it('has every replica of the data folder, with the bytes that it takes', async () => {
    await using fixture = await ShardFixture.open({ topics: { a: 1, b: 2 } })
    const batch = batchOf(['x'])
    await fixture.produce('b', 1, batch)
    const { results } = await fixture.send('DescribeLogDirs', { topics: null })
    expect(results).toMatchObject([{ errorCode: 0, logDir: fixture.broker.directory }])
    const sizes = results[0]!.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionIndex, partitionSize }) => [partitionIndex, partitionSize]),
    ])
    expect(Object.fromEntries(sizes as [string, unknown][])).toEqual({
      a: [[0, 0]],
      b: [
        [0, 0],
        [1, batch.length],
      ],
    })
  })

  it('leaves out what was not asked for, and what is not here', async () => {
    await using fixture = await ShardFixture.open({ topics: { a: 2 } })
    const topics = [
      { topic: 'a', partitions: [1, 7] },
      { topic: 'unknown', partitions: [0] },
    ]
    const { results } = await fixture.send('DescribeLogDirs', { topics }, { version: 1 })
    expect(results[0]!.topics).toMatchObject([
      { name: 'a', partitions: [{ partitionIndex: 1, offsetLag: 0 }] },
    ])
    expect(results[0]!.topics[0]!.partitions).toHaveLength(1)
  })
})
