import { describe, expect, it } from 'vitest'
import { readdirSync } from 'node:fs'
import { nodeId } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import { valuesOf } from '../support/batches.ts'
import { NODE, partitionRecord } from '../support/local-metadata.ts'
import { batchOf, ErrorCode, SharedBroker, ShardFixture } from '../support/shard-fixture.ts'

const values = (records: Buffer | null) => valuesOf(records!).map(([, value]) => value)

describe('a leadership that is lost and comes back', () => {
  it('finds all records, under a new leader epoch that begins at their end', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const { metadata } = fixture.broker
    await fixture.produce('t', 0, batchOf(['a', 'b']))
    metadata.fence(NODE)
    expect((await fixture.produce('t', 0, batchOf(['lost']))).errorCode).toBe(
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    )
    expect((await fixture.fetch('t', 0, 0)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)

    metadata.unfence(NODE)
    const { leaderEpoch } = metadata.image.partition('t', 0)!
    expect(leaderEpoch).toBe(2)
    const endOf = async (epoch: number) => {
      const asked = { partition: 0, leaderEpoch: epoch as typeof leaderEpoch }
      const topics = [{ topic: 't', partitions: [asked] }]
      return (await fixture.send('OffsetForLeaderEpoch', { topics })).topics[0]!.partitions[0]!
    }
    // Begun, although nothing was written in it yet.
    expect(await endOf(2)).toMatchObject({ errorCode: 0, leaderEpoch: 2, endOffset: 2 })
    const produced = await fixture.produce('t', 0, batchOf(['c']), { acks: -1 })
    expect(produced).toMatchObject({ errorCode: 0, baseOffset: 2 })
    expect(values((await fixture.fetch('t', 0, 0)).records)).toEqual(['a', 'b', 'c'])
    expect(await endOf(0)).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 2 })
  })

  it('reads no file again: the log stays open', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const { metadata, faulty } = fixture.broker
    await fixture.produce('t', 0, batchOf(['a']))
    const before = faulty.reads
    metadata.fence(NODE)
    metadata.unfence(NODE)
    expect(faulty.reads).toBe(before)
    expect((await fixture.produce('t', 0, batchOf(['b']))).baseOffset).toBe(1)
  })

  it('makes readable under flush policy commit what the leadership before left unflushed', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    const { metadata, faulty } = fixture.broker
    faulty.holdSyncs()
    const produced = fixture.produce('t', 0, batchOf(['a']), { acks: -1 })
    metadata.fence(NODE)
    expect((await produced).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    metadata.unfence(NODE)
    expect(values((await fixture.fetch('t', 0, 0)).records)).toEqual([])
    const waiting = fixture.fetch('t', 0, 0, { maxWaitMs: 1000 })
    faulty.releaseSyncs()
    expect(values((await waiting).records)).toEqual(['a'])
  })

  it('does not serve a partition to which the log was never opened, before or after', async () => {
    const broker = new SharedBroker()
    broker.metadata.createTopic('t')
    broker.faulty.faults.failWrites = 'EIO'
    broker.metadata.fence(NODE)
    await using fixture = await ShardFixture.open({ broker })
    broker.metadata.unfence(NODE)
    const { errorCode } = await fixture.produce('t', 0, batchOf(['a']))
    expect(errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    broker.faulty.faults.failWrites = null
    await fixture.stop()
    broker.remove()
  })
})

describe('a broker that starts fenced', () => {
  it('opens its partitions before it leads them', async () => {
    const broker = new SharedBroker()
    await using first = await ShardFixture.open({ broker, topics: { t: 1 } })
    await first.produce('t', 0, batchOf(['a']))
    await first.stop()
    broker.metadata.fence(NODE)
    await using second = await ShardFixture.open({ broker })
    expect((await second.fetch('t', 0, 0)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const opened = broker.faulty.reads
    broker.metadata.unfence(NODE)
    expect(broker.faulty.reads).toBe(opened)
    const fetched = await second.fetch('t', 0, 0, { maxWaitMs: 1000 })
    expect(values(fetched.records)).toEqual(['a'])
    await second.stop()
    broker.remove()
  })

  it('removes the folder of a topic that is deleted meanwhile', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const { metadata } = fixture.broker
    metadata.fence(NODE)
    metadata.deleteTopic('t')
    await new Promise(setImmediate)
    expect(fixture.removedFolders).toHaveLength(1)
    metadata.unfence(NODE)
    metadata.createTopic('t')
    await new Promise(setImmediate)
    expect(await fixture.produce('t', 0, batchOf(['new']))).toMatchObject({ errorCode: 0, baseOffset: 0 })
  })
})

it('removes the folder of a replica that went to another broker', async () => {
  await using fixture = await ShardFixture.open({ topics: { t: 1 } })
  const { metadata, directory } = fixture.broker
  const OTHER = nodeId(2)
  await fixture.produce('t', 0, batchOf(['a']))
  const { id: topicId } = metadata.image.topics.byName('t')!
  metadata.commit([
    metadataRecord('PartitionChangeRecord', {
      topicId,
      partitionId: 0,
      leader: OTHER,
      replicas: [OTHER],
      isr: [OTHER],
    }),
    partitionRecord(topicId, 1, OTHER),
  ])
  expect((await fixture.produce('t', 0, batchOf(['b']))).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
  expect(await fixture.shard.checkpoints()).toEqual([])
  await new Promise(setImmediate)
  expect(fixture.removedFolders).toHaveLength(1)
  expect(readdirSync(directory)).toEqual([expect.stringMatching(/^t-0\..*-delete$/)])
})

describe('the configuration of a topic that has none of its own', () => {
  const setMaxBytes = ({ metadata }: SharedBroker, value: string) =>
    metadata.commit([
      metadataRecord('ConfigRecord', { resourceType: 4, resourceName: '', name: 'message.max.bytes', value }),
    ])
  const errorOf = async (fixture: ShardFixture, topic: string) =>
    (await fixture.produce(topic, 0, batchOf(['x'.repeat(2000)]))).errorCode

  it('is what the brokers have at its creation, and changes with that', async () => {
    await using fixture = await ShardFixture.open({ topics: { before: 1 } })
    const { broker } = fixture
    expect(await errorOf(fixture, 'before')).toBe(0)
    setMaxBytes(broker, '1000')
    broker.metadata.createTopic('after')
    expect(await errorOf(fixture, 'before')).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(await errorOf(fixture, 'after')).toBe(ErrorCode.MESSAGE_TOO_LARGE)
  })

  it('is not that of a topic which has one', async () => {
    await using fixture = await ShardFixture.open({ topics: {} })
    const { metadata } = fixture.broker
    metadata.createTopic('small', 1, { 'max.message.bytes': '1000' })
    metadata.createTopic('plain')
    expect(await errorOf(fixture, 'small')).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(await errorOf(fixture, 'plain')).toBe(0)
  })
})
