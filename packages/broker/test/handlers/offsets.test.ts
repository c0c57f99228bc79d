import { leaderEpoch, nodeId, offset, timestampMs } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { batchOf, ErrorCode, ShardFixture } from '../support/shard-fixture.ts'

async function listOffset(
  fixture: ShardFixture,
  timestamp: number,
  { version = 9, partition = 0, epoch = -1 } = {},
) {
  const partitions = [
    { partitionIndex: partition, timestamp: timestampMs(timestamp), currentLeaderEpoch: leaderEpoch(epoch) },
  ]
  const response = await fixture.send('ListOffsets', { topics: [{ name: 't', partitions }] }, { version })
  return response.topics[0]!.partitions[0]!
}

/** Offsets 0 … 5 with the times 100, 200, 150, 300, 250, 400, in two batches. */
async function filled(): Promise<ShardFixture> {
  const fixture = await ShardFixture.open({ topics: { t: 1 } })
  fixture.broker.time.wallNowMs = 1000
  const { RecordBatchBuilder } = await import('@millrace/record')
  for (const times of [
    [100, 200, 150],
    [300, 250, 400],
  ]) {
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    for (const time of times) builder.tryAppend(time, null, 'value')
    await fixture.produce('t', 0, Buffer.from(builder.build()))
  }
  return fixture
}

describe('ListOffsets', () => {
  it('finds the ends of the log', async () => {
    await using fixture = await filled()
    expect(await listOffset(fixture, -1)).toMatchObject({
      errorCode: 0,
      offset: 6,
      timestamp: -1,
      leaderEpoch: 0,
    })
    expect(await listOffset(fixture, -2)).toMatchObject({
      errorCode: 0,
      offset: 0,
      timestamp: -1,
      leaderEpoch: 0,
    })
    expect(await listOffset(fixture, -4)).toMatchObject({ errorCode: 0, offset: 0 })
    expect(await listOffset(fixture, -5)).toMatchObject({ errorCode: 0, offset: -1 })
  })

  it('finds the first record that is not before a time, at its own offset', async () => {
    await using fixture = await filled()
    expect(await listOffset(fixture, 0)).toMatchObject({ offset: 0, timestamp: 100 })
    expect(await listOffset(fixture, 160)).toMatchObject({ offset: 1, timestamp: 200 })
    expect(await listOffset(fixture, 201)).toMatchObject({ offset: 3, timestamp: 300 })
    expect(await listOffset(fixture, 301)).toMatchObject({ offset: 5, timestamp: 400 })
    expect(await listOffset(fixture, 401)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 })
  })

  it('finds the record with the greatest time', async () => {
    await using fixture = await filled()
    expect(await listOffset(fixture, -3)).toMatchObject({ offset: 5, timestamp: 400 })
  })

  it('refuses special times that the version does not have', async () => {
    await using fixture = await filled()
    expect((await listOffset(fixture, -3, { version: 6 })).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect((await listOffset(fixture, -9)).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
  })

  it('refuses unknown partitions and epochs', async () => {
    await using fixture = await filled()
    expect((await listOffset(fixture, -1, { partition: 3 })).errorCode).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    )
    expect((await listOffset(fixture, -1, { epoch: 4 })).errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH)
  })

  it('sees nothing beyond the high watermark', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 }, flushPolicy: 'commit' })
    fixture.broker.faulty.holdSyncs()
    await fixture.produce('t', 0, batchOf(['unflushed']))
    expect(await listOffset(fixture, -1)).toMatchObject({ offset: 0 })
    expect(await listOffset(fixture, 0)).toMatchObject({ offset: -1 })
    expect(await listOffset(fixture, -3)).toMatchObject({ offset: -1 })
    fixture.broker.faulty.releaseSyncs()
  })
})

async function deleteBelow(fixture: ShardFixture, target: number, topic = 't') {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset: offset(target) }] }]
  const response = await fixture.send('DeleteRecords', { topics, timeoutMs: 1000 })
  return response.topics[0]!.partitions[0]!
}

describe('DeleteRecords', () => {
  it('moves the log start offset forward, never back', async () => {
    await using fixture = await filled()
    expect(await deleteBelow(fixture, 4)).toMatchObject({ errorCode: 0, lowWatermark: 4 })
    expect((await fixture.fetch('t', 0, 3)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(await fixture.fetch('t', 0, 4)).toMatchObject({ errorCode: 0, logStartOffset: 4 })
    expect(await deleteBelow(fixture, 2)).toMatchObject({ errorCode: 0, lowWatermark: 4 })
    expect(await listOffset(fixture, -2)).toMatchObject({ offset: 4 })
  })

  it('takes −1 for the high watermark and refuses anything beyond', async () => {
    await using fixture = await filled()
    expect(await deleteBelow(fixture, 7)).toMatchObject({
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
      lowWatermark: -1,
    })
    expect(await deleteBelow(fixture, -1)).toMatchObject({ errorCode: 0, lowWatermark: 6 })
  })

  it('refuses topics that keep their records for compaction', async () => {
    await using fixture = await ShardFixture.open()
    fixture.broker.metadata.createTopic('compacted', 1, { 'cleanup.policy': 'compact' })
    expect((await deleteBelow(fixture, 0, 'compacted')).errorCode).toBe(ErrorCode.POLICY_VIOLATION)
  })
})

it('a follower, too, tells who names another epoch which of them is behind (KIP-320)', async () => {
  await using fixture = await ShardFixture.open({ topics: { t: 1 } })
  const { metadata } = fixture.broker
  metadata.register(nodeId(2), { port: 7002 })
  const topicId = metadata.image.topics.byName('t')!.id
  const replicas = [2, 1].map(nodeId)
  metadata.commit([
    metadataRecord('PartitionChangeRecord', { topicId, partitionId: 0, replicas, leader: nodeId(2) }),
  ])
  const current = metadata.image.topics.byName('t')!.partitions[0]!.leaderEpoch
  const errors = []
  for (const epoch of [-1, current - 1, current, current + 1]) {
    errors.push((await listOffset(fixture, -1, { epoch })).errorCode)
  }
  expect(errors).toEqual([
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    current === 0 ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.FENCED_LEADER_EPOCH,
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.UNKNOWN_LEADER_EPOCH,
  ])
})

describe('OffsetForLeaderEpoch', () => {
  it('tells where an epoch ended', async () => {
    await using fixture = await filled()
    const ask = async (epoch: number, currentLeaderEpoch = -1, partition = 0) => {
      const partitions = [
        { partition, leaderEpoch: leaderEpoch(epoch), currentLeaderEpoch: leaderEpoch(currentLeaderEpoch) },
      ]
      const response = await fixture.send('OffsetForLeaderEpoch', { topics: [{ topic: 't', partitions }] })
      return response.topics[0]!.partitions[0]!
    }
    expect(await ask(0)).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 6 })
    expect((await ask(0, 3)).errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH)
    expect((await ask(0, -1, 8)).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })
})
