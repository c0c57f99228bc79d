import { nodeId, offset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { partitionRecord } from '../support/local-metadata.ts'
import { batchOf, ErrorCode, produceRequest, ShardFixture } from '../support/shard-fixture.ts'

const OTHER = nodeId(2)
const LEADER = { leaderId: 2, leaderEpoch: 3 }
const ENDPOINT = { nodeId: 2, host: 'broker-2', port: 7002, rack: null }

/** `t-0` is led here, `t-1` by another broker. */
async function open(): Promise<ShardFixture> {
  const fixture = await ShardFixture.open({ topics: { t: 1 } })
  const { metadata } = fixture.broker
  metadata.register(OTHER, { port: 7002 })
  metadata.commit([partitionRecord(metadata.image.topics.byName('t')!.id, 1, OTHER, 3)])
  return fixture
}

function fetchRequest(fixture: ShardFixture, partition: number, currentLeaderEpoch = -1) {
  const { id: topicId } = fixture.broker.metadata.image.topics.byName('t')!
  const asked = { partition, fetchOffset: offset(0), currentLeaderEpoch, partitionMaxBytes: 1000 }
  const partitions = [asked as typeof asked & { currentLeaderEpoch: never }]
  return { maxWaitMs: 0, minBytes: 0, topics: [{ topicId, partitions }] }
}

describe('a partition of another leader', () => {
  it('is refused to producers with the leader and its address (KIP-951)', async () => {
    await using fixture = await open()
    const request = produceRequest('t', 1, batchOf(['a']))
    const { responses, nodeEndpoints } = await fixture.send('Produce', request, { version: 10 })
    expect(responses[0]!.partitionResponses[0]).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: LEADER,
    })
    expect(nodeEndpoints).toEqual([ENDPOINT])
    const early = await fixture.send('Produce', request, { version: 9 })
    expect(early.nodeEndpoints).toEqual([])
  })

  it('is refused to consumers likewise', async () => {
    await using fixture = await open()
    const { responses, nodeEndpoints } = await fixture.send('Fetch', fetchRequest(fixture, 1), {
      version: 16,
    })
    expect(responses[0]!.partitions[0]).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: LEADER,
    })
    expect(nodeEndpoints).toEqual([ENDPOINT])
    const early = await fixture.send('Fetch', fetchRequest(fixture, 1), { version: 15 })
    expect(early.responses[0]!.partitions[0]).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: -1 },
    })
  })

  it('brings no address when its leader is gone', async () => {
    await using fixture = await open()
    fixture.broker.metadata.fence(OTHER)
    const { responses, nodeEndpoints } = await fixture.send('Produce', produceRequest('t', 1, batchOf(['a'])))
    expect(responses[0]!.partitionResponses[0]).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: -1, leaderEpoch: 4 },
    })
    expect(nodeEndpoints).toEqual([])
  })
})

it('a leader whose epoch is another one than the client believes says which', async () => {
  await using fixture = await open()
  fixture.broker.metadata.electAgain('t')
  const { leaderEpoch } = fixture.broker.metadata.image.topics.byName('t')!.partitions[0]!
  const stale = await fixture.send('Fetch', fetchRequest(fixture, 0, 0), { version: 16 })
  expect(stale.responses[0]!.partitions[0]).toMatchObject({
    errorCode: ErrorCode.FENCED_LEADER_EPOCH,
    currentLeader: { leaderId: 1, leaderEpoch },
  })
})

it('other errors name no leader', async () => {
  await using fixture = await open()
  const missing = await fixture.send('Produce', produceRequest('none', 0, batchOf(['a'])))
  expect(missing.responses[0]!.partitionResponses[0]).toMatchObject({
    errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
  })
  expect(missing.nodeEndpoints).toEqual([])
})
