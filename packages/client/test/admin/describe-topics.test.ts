import { leaderEpoch, nodeId, ZERO_UUID } from '@millrace/base'
import { Admin, isUnderReplicated, MillraceError, PartialFailureError } from '@millrace/client'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Link } from '../../src/cluster/link.ts'
import { FakeCluster } from '../fake/fake-cluster.ts'

type Answer = ResponseInputOf<'DescribeTopicPartitions'>

let fake: FakeCluster
let admin: Admin

beforeEach(async () => {
  fake = await FakeCluster.start(1)
  admin = new Admin({ bootstrap: fake.bootstrap, env: fake.env })
})

function partition(partitionIndex: number) {
  return {
    partitionIndex,
    leaderId: nodeId(1),
    leaderEpoch: leaderEpoch(4),
    replicaNodes: [1, 2, 3].map(nodeId),
    isrNodes: [nodeId(1)],
    eligibleLeaderReplicas: [nodeId(2)],
    lastKnownElr: [],
    offlineReplicas: [nodeId(3)],
  }
}

describe('describeTopics', () => {
  it('tells who is in sync, who could lead, and who is gone', async () => {
    fake.intercept('DescribeTopicPartitions', () => ({
      topics: [{ name: 't', topicId: ZERO_UUID, partitions: [partition(0)] }],
    }))
    expect(await fake.until(admin.describeTopics(['t']))).toEqual([
      {
        name: 't',
        topicId: ZERO_UUID,
        isInternal: false,
        partitions: [
          {
            partition: 0,
            leader: 1,
            leaderEpoch: 4,
            replicas: [1, 2, 3],
            isr: [1],
            eligibleLeaderReplicas: [2],
            lastKnownElr: [],
            offlineReplicas: [3],
          },
        ],
      },
    ])
  })

  it('asks for page after page, and puts the parts of a topic together', async () => {
    const pageAt = ({ cursor }: RequestOf<'DescribeTopicPartitions'>): Answer => {
      if (cursor === null) {
        const topics = [
          { name: 'a', partitions: [partition(0)] },
          { name: 'b', partitions: [partition(1), partition(0)] },
        ]
        return { topics, nextCursor: { topicName: 'b', partitionIndex: 2 } }
      }
      expect(cursor).toEqual({ topicName: 'b', partitionIndex: 2 })
      return { topics: [{ name: 'b', partitions: [partition(2)] }], nextCursor: null }
    }
    fake.intercept('DescribeTopicPartitions', pageAt)
    const [b, a] = await fake.until(admin.describeTopics(['b', 'a']))
    expect(a!.partitions.map((each) => each.partition)).toEqual([0])
    expect(b!.partitions.map((each) => each.partition)).toEqual([0, 1, 2])
  })

  it('gives up on a broker that repeats a page', async () => {
    fake.intercept('DescribeTopicPartitions', () => ({
      topics: [],
      nextCursor: { topicName: 't', partitionIndex: 0 },
    }))
    await expect(fake.until(admin.describeTopics(['t']))).rejects.toMatchObject({ code: 'BAD_ANSWER' })
  })

  it('fails for the topics that do not exist, each by its name', async () => {
    fake.createTopic('t')
    await expect(fake.until(admin.describeTopics(['x']))).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    const failed: unknown = await fake.until(admin.describeTopics(['x', 't', 'y'])).catch((error) => error)
    expect([...(failed as PartialFailureError).failures.keys()]).toEqual(['x', 'y'])
  })

  it('takes what Metadata tells where a cluster does not serve more', async () => {
    const topic = {
      errorCode: ErrorCode.NONE,
      name: 't',
      topicId: ZERO_UUID,
      isInternal: false,
      partitions: [{ ...partition(0), errorCode: 0, shardPort: 0 }],
    }
    const request: Link['request'] = (api) =>
      api === 'DescribeTopicPartitions'
        ? Promise.reject(new MillraceError('UNSUPPORTED_VERSION', 'not served'))
        : Promise.resolve({ brokers: [], clusterId: 'c', controllerId: nodeId(1), topics: [topic] } as never)
    const link: Link = { wire: 'kafka', isOpen: true, request, send: () => Promise.reject(), close: () => {} }
    const old = new Admin({ bootstrap: 'a:1', env: fake.env, dial: () => Promise.resolve(link) })
    const [described] = await fake.until(old.describeTopics(['t']))
    expect(described!.partitions).toMatchObject([
      { isr: [1], offlineReplicas: [3], eligibleLeaderReplicas: null, lastKnownElr: null },
    ])
  })
})

describe('a partition is under-replicated', () => {
  const replicas = [1, 2, 3].map(nodeId)

  it('when fewer replicas are in sync than it is to have', () => {
    expect(isUnderReplicated({ replicas, isr: replicas.slice(0, 2) })).toBe(true)
    expect(isUnderReplicated({ replicas, isr: replicas })).toBe(false)
  })

  it('but not for want of those that are being added', () => {
    expect(isUnderReplicated({ replicas, isr: replicas.slice(0, 2) }, [3])).toBe(false)
    expect(isUnderReplicated({ replicas, isr: replicas.slice(0, 1) }, [3])).toBe(true)
  })
})
