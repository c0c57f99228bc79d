import { type LeaderEpoch, NO_NODE, type Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, test } from 'vitest'
import { handleAlterPartition } from '../src/alter-partition.ts'
import { node, uuid } from './cluster.ts'
import { ReplicatedCluster } from './replicated-cluster.ts'

test('a leader takes replicas out of the ISR and in again, in the same leader epoch', () => {
  const cluster = new ReplicatedCluster()
  expect(cluster.alter([1, 2])).toEqual({
    partitionIndex: 0,
    leaderId: 1,
    leaderEpoch: 0,
    isr: [1, 2],
    leaderRecoveryState: 0,
    partitionEpoch: 1,
  })
  expect(cluster.alter([1, 2, 3])).toMatchObject({ isr: [1, 2, 3], partitionEpoch: 2 })
  expect(cluster.partition()).toMatchObject({ leader: 1, leaderEpoch: 0, isr: [1, 2, 3] })
})

test('the ISR as it is raises the partition epoch: an expansion under way has failed then', () => {
  const cluster = new ReplicatedCluster()
  cluster.alter([1, 2])
  const expansion = cluster.request([1, 2, 3])
  expect(cluster.alter([1, 2])).toMatchObject({ partitionEpoch: 2 })
  const { topics } = cluster.run(handleAlterPartition, expansion)
  expect(topics![0]!.partitions[0]!.errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION)
})

test('members without epochs, as version 2 names them, are taken at their registered ones', () => {
  const cluster = new ReplicatedCluster()
  cluster.alter([1])
  expect(cluster.alter([], { newIsr: [1, 2].map(node) })).toMatchObject({ isr: [1, 2] })
})

describe('refuses', () => {
  const refusal = (
    fields: Parameters<ReplicatedCluster['alter']>[1],
    { isr = [1, 2], by = 1 }: { isr?: number[]; by?: number } = {},
  ) => {
    const cluster = new ReplicatedCluster()
    cluster.alter([1, 2])
    const before = cluster.image
    const answer = cluster.alter(isr, fields, by)
    expect(cluster.image, 'nothing changes').toBe(before)
    return answer?.errorCode
  }

  test('other epochs than those of the partition, and other leaders', () => {
    expect(refusal({ leaderEpoch: -1 as LeaderEpoch })).toBe(ErrorCode.FENCED_LEADER_EPOCH)
    expect(refusal({ leaderEpoch: 1 as LeaderEpoch })).toBe(ErrorCode.NOT_CONTROLLER)
    expect(refusal({ partitionEpoch: 0 })).toBe(ErrorCode.INVALID_UPDATE_VERSION)
    expect(refusal({ partitionEpoch: 2 })).toBe(ErrorCode.NOT_CONTROLLER)
    expect(refusal({}, { by: 2 })).toBe(ErrorCode.FENCED_LEADER_EPOCH)
  })

  test('an ISR without the leader, with strangers, or with one twice', () => {
    for (const isr of [[2], [], [1, 4], [1, 2, 2]]) {
      expect(refusal({}, { isr })).toBe(ErrorCode.INVALID_REQUEST)
    }
    expect(refusal({ leaderRecoveryState: 1 })).toBe(ErrorCode.INVALID_REQUEST)
    expect(refusal({ partitionIndex: 0, leaderRecoveryState: 2 })).toBe(ErrorCode.INVALID_REQUEST)
  })

  test('what does not exist', () => {
    const cluster = new ReplicatedCluster()
    const { topics, ...request } = cluster.request([1])
    const topicId: Uuid = uuid(999)
    const unknown = cluster.run(handleAlterPartition, { ...request, topics: [{ ...topics[0]!, topicId }] })
    expect(unknown.topics![0]!.partitions[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
    const asked = { ...topics[0]!.partitions[0]!, partitionIndex: 7 }
    const missing = cluster.run(handleAlterPartition, {
      ...request,
      topics: [{ ...topics[0]!, partitions: [asked] }],
    })
    expect(missing.topics![0]!.partitions[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('a process that is not the registered one', () => {
    const cluster = new ReplicatedCluster()
    const request = { ...cluster.request([1, 2]), brokerEpoch: 77 }
    expect(cluster.run(handleAlterPartition, request)).toEqual({ errorCode: ErrorCode.STALE_BROKER_EPOCH })
  })

  test('who is fenced, stopping or a newer process than the leader saw', () => {
    const cluster = new ReplicatedCluster()
    cluster.alter([1])
    cluster.crash(2)
    expect(cluster.alter([1, 2])!.errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA)
    const old = cluster.members(3)
    cluster.restart(3)
    const newIsrWithEpochs = [...cluster.members(1), ...old]
    expect(cluster.alter([], { newIsrWithEpochs })!.errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA)
    const unseen = [...cluster.members(1), { brokerId: node(3), brokerEpoch: -1 }]
    expect(cluster.alter([], { newIsrWithEpochs: unseen })!.errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA)
    expect(cluster.alter([1, 3])!.isr).toEqual([1, 3])
    const stopping = new ReplicatedCluster([
      [1, 2, 3],
      [3, 1, 2],
    ])
    stopping.alter([1, 2])
    stopping.heartbeat(3, { wantShutDown: true })
    expect(stopping.broker(3)).toMatchObject({ fenced: false, inControlledShutdown: true })
    expect(stopping.alter([1, 2, 3])!.errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA)
  })
})

test('an ISR below the minimum makes those who left eligible, until enough are in sync', () => {
  const cluster = new ReplicatedCluster()
  cluster.alter([1])
  expect(cluster.partition()).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2, 3] })
  cluster.alter([1, 3])
  expect(cluster.partition()).toMatchObject({ isr: [1, 3], eligibleLeaderReplicas: [] })
})

test('the change that brings the last new replica into sync completes a reassignment; the epoch asked in is over', () => {
  const cluster = new ReplicatedCluster()
  cluster.reassign([2, 3, 4])
  expect(cluster.alter([1, 2, 3])).toMatchObject({ isr: [1, 2, 3] })
  expect(cluster.partition()).toMatchObject({ addingReplicas: [4], removingReplicas: [1], leader: 1 })
  expect(cluster.alter([1, 2, 3, 4])!.errorCode).toBe(ErrorCode.NEW_LEADER_ELECTED)
  expect(cluster.partition()).toMatchObject({
    replicas: [2, 3, 4],
    isr: [2, 3, 4],
    addingReplicas: [],
    removingReplicas: [],
    leader: 2,
    leaderEpoch: 1,
  })
})

describe('a leader that must not lead', () => {
  const damaged = { leadershipRefusal: 1, partitionEpoch: -1 }

  test('is out of sync, and another leads, however the partition epoch has moved on', () => {
    const cluster = new ReplicatedCluster()
    expect(cluster.alter([], damaged)!.errorCode).toBe(ErrorCode.NEW_LEADER_ELECTED)
    expect(cluster.partition()).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] })
  })

  test('is not eligible either', () => {
    const cluster = new ReplicatedCluster()
    cluster.alter([1])
    cluster.alter([], damaged)
    expect(cluster.partition()).toMatchObject({
      leader: 2,
      isr: [2],
      eligibleLeaderReplicas: [3],
      lastKnownElr: [1],
    })
  })

  test('refuses once: told again it finds another epoch', () => {
    const cluster = new ReplicatedCluster()
    const request = cluster.request([], damaged)
    cluster.run(handleAlterPartition, request)
    const { topics } = cluster.run(handleAlterPartition, request)
    expect(topics![0]!.partitions[0]!.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH)
  })

  test('leaves nobody behind when it is the last; only for a spent epoch it gets a new one', () => {
    const cluster = new ReplicatedCluster([[1]])
    cluster.alter([], damaged)
    expect(cluster.partition()).toMatchObject({ leader: NO_NODE, leaderEpoch: 1, isr: [1] })
    const spent = new ReplicatedCluster([[1]])
    spent.alter([], { ...damaged, leadershipRefusal: 3 })
    expect(spent.partition()).toMatchObject({ leader: 1, leaderEpoch: 1, isr: [1] })
  })
})

test('each partition of a request is judged by itself, also the same one named twice', () => {
  const cluster = new ReplicatedCluster([
    [1, 2],
    [1, 3],
    [2, 1],
  ])
  const { topics, ...request } = cluster.request([1])
  const [first] = topics[0]!.partitions
  const partitions = [0, 1, 2, 1].map((partitionIndex) => ({ ...first!, partitionIndex }))
  const answer = cluster.run(handleAlterPartition, { ...request, topics: [{ ...topics[0]!, partitions }] })
  expect(answer.topics![0]!.partitions.map(({ errorCode = 0 }) => errorCode)).toEqual([
    0,
    0,
    ErrorCode.FENCED_LEADER_EPOCH,
    ErrorCode.INVALID_UPDATE_VERSION,
  ])
  expect([0, 1, 2].map((index) => cluster.partition(index).isr)).toEqual([[1], [1], [2, 1]])
})
