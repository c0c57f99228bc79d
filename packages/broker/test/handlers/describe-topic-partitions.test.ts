import { nodeId } from '@millrace/base'
import { metadataRecord, type RequestInputOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { NODE } from '../support/local-metadata.ts'
import { ErrorCode, ShardFixture } from '../support/shard-fixture.ts'

const named = (...names: string[]) => names.map((name) => ({ name }))

describe('DescribeTopicPartitions', () => {
  it('tells who is in sync, who is gone, and who could lead all the same (KIP-966)', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const { metadata } = fixture.broker
    const topicId = metadata.image.topics.byName('t')!.id
    metadata.commit([
      metadataRecord('PartitionChangeRecord', {
        topicId,
        partitionId: 0,
        replicas: [1, 2, 3].map(nodeId),
        isr: [NODE],
        eligibleLeaderReplicas: [nodeId(2)],
        lastKnownElr: [nodeId(3)],
      }),
    ])
    const { topics, nextCursor } = await fixture.send('DescribeTopicPartitions', { topics: named('t') })
    expect(nextCursor).toBeNull()
    expect(topics).toMatchObject([{ errorCode: 0, name: 't', topicId, isInternal: false }])
    expect(topics[0]!.partitions).toMatchObject([
      {
        errorCode: 0,
        partitionIndex: 0,
        leaderId: 1,
        replicaNodes: [1, 2, 3],
        isrNodes: [1],
        eligibleLeaderReplicas: [2],
        lastKnownElr: [3],
        offlineReplicas: [2, 3],
      },
    ])
  })

  it('goes through all topics by name, a page at a time', async () => {
    await using fixture = await ShardFixture.open({ topics: { b: 3, a: 2, c: 1 } })
    type Cursor = RequestInputOf<'DescribeTopicPartitions'>['cursor']
    const pageFrom = (cursor: Cursor) =>
      fixture.send('DescribeTopicPartitions', { topics: [], responsePartitionLimit: 2, cursor })
    const pages: string[][] = []
    for (let cursor: Cursor | undefined = null; cursor !== undefined;) {
      const { topics, nextCursor }: Awaited<ReturnType<typeof pageFrom>> = await pageFrom(cursor)
      pages.push(
        topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`),
        ),
      )
      cursor = nextCursor ?? undefined
    }
    expect(pages).toEqual([
      ['a-0', 'a-1'],
      ['b-0', 'b-1'],
      ['b-2', 'c-0'],
    ])
  })

  it('begins behind a topic that was deleted between two pages', async () => {
    await using fixture = await ShardFixture.open({ topics: { a: 1, c: 1 } })
    const cursor = { topicName: 'b', partitionIndex: 5 }
    const { topics } = await fixture.send('DescribeTopicPartitions', { topics: [], cursor })
    expect(topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['c', 1]])
  })

  it('refuses a page that begins where nothing was asked for', async () => {
    await using fixture = await ShardFixture.open({ topics: { a: 2, b: 1 } })
    const ask = async (topicName: string, partitionIndex: number) => {
      const cursor = { topicName, partitionIndex }
      const { topics } = await fixture.send('DescribeTopicPartitions', { topics: named('a'), cursor })
      return topics.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.length])
    }
    expect(await ask('a', 1)).toEqual([['a', ErrorCode.NONE, 1]])
    expect(await ask('b', 0)).toEqual([['a', ErrorCode.INVALID_REQUEST, 0]])
    expect(await ask('a', -1)).toEqual([['a', ErrorCode.INVALID_REQUEST, 0]])
  })

  it('has one partition at least on a page, whatever its limit', async () => {
    await using fixture = await ShardFixture.open({ topics: { a: 2 } })
    const request = { topics: named('a'), responsePartitionLimit: 0 }
    const { topics, nextCursor } = await fixture.send('DescribeTopicPartitions', request)
    expect(topics[0]!.partitions).toHaveLength(1)
    expect(nextCursor).toEqual({ topicName: 'a', partitionIndex: 1 })
  })

  it('has an error for a topic that cannot exist', async () => {
    await using fixture = await ShardFixture.open()
    const { topics } = await fixture.send('DescribeTopicPartitions', { topics: named('a/b') })
    expect(topics[0]).toMatchObject({ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, partitions: [] })
  })

  it('has an error for a topic that does not exist, and takes no room for it', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const request = { topics: named('t', 'no', 't'), responsePartitionLimit: 1 }
    const { topics, nextCursor } = await fixture.send('DescribeTopicPartitions', request)
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['no', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ['t', ErrorCode.NONE],
    ])
    expect(nextCursor).toBeNull()
  })
})
