import { nodeId } from '@millrace/base'
import { Admin, PartialFailureError } from '@millrace/client'
import { ErrorCode, type ResponseInputOf } from '@millrace/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeCluster } from '../fake/fake-cluster.ts'

let fake: FakeCluster
let admin: Admin

beforeEach(async () => {
  fake = await FakeCluster.start(2)
  admin = new Admin({ bootstrap: fake.bootstrap, env: fake.env })
})

describe('electLeaders', () => {
  const results = (...errorCodes: number[]) => ({
    replicaElectionResults: [
      {
        topic: 't',
        partitionResult: errorCodes.map((errorCode, partitionId) => ({ partitionId, errorCode })),
      },
    ],
  })

  it('names the partitions by topic, and tells where an election was needed', async () => {
    fake.intercept('ElectLeaders', () => results(ErrorCode.NONE, ErrorCode.ELECTION_NOT_NEEDED))
    const places = [0, 1].map((partition) => ({ topic: 't', partition }))
    expect(await fake.until(admin.electLeaders('unclean', places))).toEqual([
      { topic: 't', partition: 0, elected: true },
      { topic: 't', partition: 1, elected: false },
    ])
    expect(fake.requests('ElectLeaders')).toMatchObject([
      { electionType: 1, topicPartitions: [{ topic: 't', partitions: [0, 1] }] },
    ])
  })

  it('asks for all partitions with null, and for none not at all', async () => {
    fake.intercept('ElectLeaders', () => ({ replicaElectionResults: [] }))
    expect(await fake.until(admin.electLeaders('preferred', []))).toEqual([])
    expect(await fake.until(admin.electLeaders('preferred', null))).toEqual([])
    expect(fake.requests('ElectLeaders')).toMatchObject([{ electionType: 0, topicPartitions: null }])
  })

  it('does not try again what the controller has decided, although it may change', async () => {
    const code = ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE
    fake.intercept('ElectLeaders', () => results(code))
    const election = fake.until(admin.electLeaders('unclean', [{ topic: 't', partition: 0 }]))
    await expect(election).rejects.toMatchObject({ code: 'ELIGIBLE_LEADERS_NOT_AVAILABLE' })
    fake.intercept('ElectLeaders', () => results(ErrorCode.NONE, code))
    const failed: unknown = await fake.until(admin.electLeaders('unclean', null)).catch((error) => error)
    expect(failed).toBeInstanceOf(PartialFailureError)
    expect([...(failed as PartialFailureError).failures.keys()]).toEqual(['t-1'])
    expect(fake.requests('ElectLeaders')).toHaveLength(2)
  })

  it.each([
    ['as a whole', { errorCode: ErrorCode.NOT_CONTROLLER, replicaElectionResults: [] }],
    ['by partition', results(ErrorCode.NOT_CONTROLLER)],
  ])('is tried again while there is no controller, said %s', async (_how, refusal) => {
    let tries = 0
    fake.intercept('ElectLeaders', () => (tries++ === 0 ? refusal : results(ErrorCode.NONE)))
    expect(await fake.until(admin.electLeaders('preferred', null))).toMatchObject([{ elected: true }])
  })
})

describe('alterPartitionReassignments', () => {
  const answer = (...errorCodes: number[]): ResponseInputOf<'AlterPartitionReassignments'> => ({
    responses: [
      {
        name: 't',
        partitions: errorCodes.map((errorCode, partitionIndex) => ({ partitionIndex, errorCode })),
      },
    ],
  })

  it('sends the brokers in their order, and null to cancel', async () => {
    fake.intercept('AlterPartitionReassignments', () => answer(0, 0))
    await fake.until(
      admin.alterPartitionReassignments([
        { topic: 't', partition: 0, replicas: [3, 1, 2] },
        { topic: 't', partition: 1, replicas: null },
      ]),
    )
    expect(fake.requests('AlterPartitionReassignments')).toMatchObject([
      {
        topics: [
          {
            name: 't',
            partitions: [
              { partitionIndex: 0, replicas: [3, 1, 2] },
              { partitionIndex: 1, replicas: null },
            ],
          },
        ],
      },
    ])
  })

  it('fails for the partitions that were refused, with what the controller says', async () => {
    const refused = { errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT, errorMessage: 'no such broker' }
    const refusal: ResponseInputOf<'AlterPartitionReassignments'> = {
      responses: [{ name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1, ...refused }] }],
    }
    fake.intercept('AlterPartitionReassignments', () => refusal)
    const moves = [0, 1].map((partition) => ({ topic: 't', partition, replicas: [9] }))
    const failed: unknown = await fake.until(admin.alterPartitionReassignments(moves)).catch((error) => error)
    expect((failed as PartialFailureError).failures.get('t-1')!.message).toMatch(
      /reassign t-1: no such broker/,
    )
  })

  it('tells of nothing to cancel, but not when an earlier try has cancelled it', async () => {
    const cancel = () =>
      fake.until(admin.alterPartitionReassignments([{ topic: 't', partition: 0, replicas: null }]))
    const nothing = answer(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS)
    fake.intercept('AlterPartitionReassignments', () => nothing)
    await expect(cancel()).rejects.toMatchObject({ code: 'NO_REASSIGNMENT_IN_PROGRESS' })
    let tries = 0
    fake.intercept('AlterPartitionReassignments', () => (tries++ === 0 ? 'drop' : nothing))
    await cancel()
    expect(tries).toBe(2)
  })
})

describe('listPartitionReassignments', () => {
  it('lists by topic and number what is on its way, and asks for all by default', async () => {
    const moving = (partitionIndex: number) => ({
      partitionIndex,
      replicas: [1, 2, 3].map(nodeId),
      addingReplicas: [nodeId(3)],
      removingReplicas: [nodeId(1)],
    })
    fake.intercept('ListPartitionReassignments', () => ({
      topics: [
        { name: 'b', partitions: [moving(0)] },
        { name: 'a', partitions: [moving(2), moving(1)] },
      ],
    }))
    const listed = await fake.until(admin.listPartitionReassignments())
    expect(listed.map(({ topic, partition }) => `${topic}-${partition}`)).toEqual(['a-1', 'a-2', 'b-0'])
    expect(listed[0]).toMatchObject({ replicas: [1, 2, 3], addingReplicas: [3], removingReplicas: [1] })
    await fake.until(admin.listPartitionReassignments([{ topic: 'a', partition: 2 }]))
    expect(fake.requests('ListPartitionReassignments').map(({ topics }) => topics)).toEqual([
      null,
      [{ name: 'a', partitionIndexes: [2] }],
    ])
  })
})

describe('describeReplicas', () => {
  const directory = (partitionSize: number, followers: { replicaId: number; offsetLag: number }[] = []) => ({
    results: [
      {
        logDir: '/data',
        topics: [
          {
            name: 't',
            partitions: [
              {
                partitionIndex: 0,
                partitionSize,
                offsetLag: 0,
                followers: followers.map((each) => ({ ...each, replicaId: nodeId(each.replicaId) })),
              },
            ],
          },
        ],
      },
    ],
  })

  beforeEach(() => {
    fake.createTopic('t')
    fake.nativeWire = 1
  })

  it('has sizes from each broker, and lags from the leader', async () => {
    const followers = [
      { replicaId: 2, offsetLag: 40 },
      { replicaId: 3, offsetLag: -1 },
    ]
    fake.intercept('DescribeLogDirs', (_request, broker) =>
      broker === 1 ? directory(500, followers) : directory(300),
    )
    const { replicas, unreachable } = await fake.until(admin.describeReplicas(['t']))
    expect(unreachable).toEqual([])
    expect(replicas).toEqual([
      { topic: 't', partition: 0, broker: 1, sizeBytes: 500, lag: null },
      { topic: 't', partition: 0, broker: 2, sizeBytes: 300, lag: 40 },
      { topic: 't', partition: 0, broker: 3, sizeBytes: null, lag: null },
    ])
  })

  it('goes on without a broker that does not answer, and names it', async () => {
    fake.intercept('DescribeLogDirs', (_request, broker) => (broker === 1 ? directory(500) : 'drop'))
    expect(await fake.until(admin.describeReplicas(null))).toMatchObject({
      replicas: [{ broker: 1, sizeBytes: 500 }],
      unreachable: [2],
    })
  })
})
