import { metadataRecord } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleCreateTopics } from '../src/create-topics.ts'
import { balanceLeaders } from '../src/leader-balance.ts'
import { createTopics, node, TestCluster, topic } from './cluster.ts'
import { ReplicatedCluster } from './replicated-cluster.ts'

test('preferred replicas that are in sync lead again', () => {
  const cluster = new ReplicatedCluster([
    [1, 2],
    [1, 3],
    [2, 1],
  ])
  cluster.restart(1)
  cluster.alter([1, 2])
  cluster.alter([1, 2], { partitionIndex: 2 })
  const decision = balanceLeaders(cluster.context(), 10)
  expect(decision.response).toEqual({ elections: 1, isCutShort: false })
  cluster.carryOut(decision)
  expect([0, 1, 2].map((index) => cluster.partition(index).leader)).toEqual([1, 3, 2])
  expect(balanceLeaders(cluster.context(), 10).records).toEqual([])
})

test('as much imbalance as is allowed stays, and so does a partition that is being reassigned', () => {
  const cluster = new ReplicatedCluster([
    [1, 2],
    [1, 2],
  ])
  cluster.restart(1)
  cluster.alter([1, 2])
  cluster.alter([1, 2], { partitionIndex: 1 })
  expect(balanceLeaders(cluster.context(), 100).response.elections).toBe(0)
  expect(balanceLeaders(cluster.context(), 99).response.elections).toBe(2)
  cluster.reassign([1, 3], 1)
  expect(balanceLeaders(cluster.context(), 99).response.elections).toBe(1)
})

test('one decision moves a thousand leaderships at most, and says that there are more', () => {
  const cluster = new TestCluster(2)
  const request = topic('t', { numPartitions: 2500, replicationFactor: 2 })
  cluster.run(handleCreateTopics, createTopics([request]))
  const { epoch: brokerEpoch } = cluster.broker(1)!
  const strayed = balanceLeaders(cluster.context(), 0)
  expect(strayed.response).toEqual({ elections: 0, isCutShort: false })
  cluster.fence({ brokerId: node(1), brokerEpoch })
  cluster.heartbeat(1)
  const { id: topicId, partitions } = cluster.image.topics.byName('t')!
  // Back in sync, as leaders say.
  const isr = [1, 2].map(node)
  cluster.apply(
    [...partitions.keys()].map((partitionId) =>
      metadataRecord('PartitionChangeRecord', { topicId, partitionId, isr }),
    ),
  )
  const first = balanceLeaders(cluster.context(), 0)
  expect(first.response).toEqual({ elections: 1000, isCutShort: true })
  cluster.carryOut(first)
  expect(balanceLeaders(cluster.context(), 0).response).toEqual({ elections: 250, isCutShort: false })
})
