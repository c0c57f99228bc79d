import { ErrorCode } from '@millrace/protocol'
import { describe, expect, test } from 'vitest'
import { handleAlterPartitionReassignments } from '../src/alter-partition-reassignments.ts'
import { handleCreatePartitions } from '../src/create-partitions.ts'
import { handleListPartitionReassignments } from '../src/list-partition-reassignments.ts'
import { ReplicatedCluster } from './replicated-cluster.ts'

test('new replicas are added in front of those that will go, and nothing else changes yet', () => {
  const cluster = new ReplicatedCluster()
  expect(cluster.reassign([4, 1])).toEqual({ partitionIndex: 0, errorCode: 0, errorMessage: null })
  expect(cluster.partition()).toMatchObject({
    replicas: [4, 1, 2, 3],
    addingReplicas: [4],
    removingReplicas: [2, 3],
    isr: [1, 2, 3],
    leader: 1,
    leaderEpoch: 0,
  })
})

test('what only removes replicas or changes their order is done at once', () => {
  const cluster = new ReplicatedCluster()
  cluster.reassign([3, 2])
  expect(cluster.partition()).toMatchObject({
    replicas: [3, 2],
    isr: [2, 3],
    removingReplicas: [],
    leader: 3,
    leaderEpoch: 1,
  })
  cluster.reassign([2, 3])
  expect(cluster.partition()).toMatchObject({ replicas: [2, 3], leader: 3, leaderEpoch: 1 })
})

describe('a reassignment in progress', () => {
  const moving = () => {
    const cluster = new ReplicatedCluster()
    cluster.reassign([4, 1])
    return cluster
  }

  test('is cancelled: new replicas go, in a new epoch, the old ones stay', () => {
    const cluster = moving()
    expect(cluster.reassign(null).errorCode).toBe(ErrorCode.NONE)
    expect(cluster.partition()).toMatchObject({
      replicas: [1, 2, 3],
      isr: [1, 2, 3],
      addingReplicas: [],
      removingReplicas: [],
      leader: 1,
      leaderEpoch: 1,
    })
    expect(cluster.reassign(null).errorCode).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS)
  })

  test('is replaced: what the first wanted to add and the second does not is gone', () => {
    const cluster = moving()
    cluster.crash(3)
    cluster.restart(3)
    expect(cluster.reassign([1, 2, 3]).errorCode).toBe(ErrorCode.NONE)
    expect(cluster.partition()).toMatchObject({
      replicas: [1, 2, 3],
      addingReplicas: [],
      removingReplicas: [],
    })
  })

  test('is not cancelled while only new replicas are in sync', () => {
    const cluster = new ReplicatedCluster([[1, 2]], { 'min.insync.replicas': '1' })
    cluster.reassign([3, 4])
    cluster.alter([1, 2, 3])
    cluster.crash(1)
    cluster.crash(2)
    expect(cluster.partition()).toMatchObject({ leader: 3, isr: [3] })
    expect(cluster.reassign(null).errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    expect(cluster.reassign([1, 2, 4]).errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    expect(cluster.partition()).toMatchObject({ replicas: [3, 4, 1, 2], isr: [3] })
  })

  test('is listed, by name or with all others', () => {
    const cluster = moving()
    const listed = [
      {
        name: 't',
        partitions: [
          { partitionIndex: 0, replicas: [4, 1, 2, 3], addingReplicas: [4], removingReplicas: [2, 3] },
        ],
      },
    ]
    const list = (topics: { name: string; partitionIndexes: number[] }[] | null) =>
      cluster.run(handleListPartitionReassignments, { timeoutMs: 1, topics }).topics
    expect(list(null)).toEqual(listed)
    expect(
      list([
        { name: 't', partitionIndexes: [0, 5] },
        { name: 'other', partitionIndexes: [0] },
      ]),
    ).toEqual(listed)
    cluster.reassign(null)
    expect(list(null)).toEqual([])
  })

  test('gives new partitions as many replicas as there will be', () => {
    const cluster = moving()
    const topics = [{ name: 't', count: 2, assignments: null }]
    cluster.run(handleCreatePartitions, { topics, timeoutMs: 1, validateOnly: false })
    expect(cluster.partition(1).replicas.length).toBe(2)
  })
})

describe('refuses', () => {
  test('targets that no partition can have', () => {
    const cluster = new ReplicatedCluster()
    const before = cluster.image
    for (const target of [[], [1, 1], [1, 9]]) {
      expect(cluster.reassign(target).errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    }
    expect(cluster.reassign([1, 4], 0, false)).toMatchObject({
      errorCode: ErrorCode.INVALID_REPLICATION_FACTOR,
      errorMessage: 'The replication factor is changed from 3 to 2',
    })
    expect(cluster.reassign([1, 2], 7).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(cluster.image).toBe(before)
    expect(cluster.reassign([1, 2, 4], 0, false).errorCode).toBe(ErrorCode.NONE)
  })

  test('a topic that does not exist', () => {
    const topics = [{ name: 'other', partitions: [{ partitionIndex: 0, replicas: null }] }]
    const request = { timeoutMs: 1, allowReplicationFactorChange: true, topics }
    const { responses } = new ReplicatedCluster().run(handleAlterPartitionReassignments, request)
    expect(responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })
})

test('a broker is drained: everything moves to others, then nothing of it is left', () => {
  const cluster = new ReplicatedCluster([
    [1, 2, 3],
    [2, 3, 1],
  ])
  cluster.reassign([4, 2, 3], 0)
  cluster.reassign([2, 3, 4], 1)
  cluster.alter([1, 2, 3, 4])
  cluster.alter([2, 3, 1, 4], { partitionIndex: 1 })
  for (const { replicas, isr, leader } of [cluster.partition(0), cluster.partition(1)]) {
    expect([...replicas, ...isr, leader]).not.toContain(1)
  }
})
