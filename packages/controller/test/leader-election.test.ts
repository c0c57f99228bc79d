import { NO_NODE } from '@millrace/base'
import { describe, expect, test } from 'vitest'
import { handleBrokerHeartbeat } from '../src/broker-heartbeat.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { fenceBroker } from '../src/fence-broker.ts'
import { createTopics, node, TestCluster, topic, uuid } from './cluster.ts'
import { callsOf } from './image-calls.ts'
import { ReplicatedCluster } from './replicated-cluster.ts'

test('a broker that is gone leaves ISRs and leads nothing; eligible replicas take over when none in sync is live', () => {
  const cluster = new ReplicatedCluster()
  cluster.crash(1)
  expect(cluster.partition()).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] })
  cluster.crash(3)
  expect(cluster.partition()).toMatchObject({
    leader: 2,
    leaderEpoch: 1,
    isr: [2],
    eligibleLeaderReplicas: [3],
  })
  cluster.crash(2)
  expect(cluster.partition()).toMatchObject({
    leader: NO_NODE,
    leaderEpoch: 2,
    isr: [2],
    eligibleLeaderReplicas: [3],
  })
  cluster.heartbeat(1)
  expect(cluster.partition(), '1 left before the ISR was too small').toMatchObject({ leader: NO_NODE })
  cluster.heartbeat(3)
  expect(cluster.partition()).toMatchObject({
    leader: 3,
    leaderEpoch: 3,
    isr: [3],
    eligibleLeaderReplicas: [2],
  })
  expect(cluster.uncleanElections).toEqual([])
})

describe('a new process', () => {
  const crashed = (configs: Record<string, string>) => {
    const cluster = new ReplicatedCluster([[1, 2, 3]], configs)
    cluster.alter([1])
    cluster.crash(2, 3, 1)
    expect(cluster.partition()).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2, 3] })
    return cluster
  }

  test('stays eligible after a crash where acknowledged records are on disk', () => {
    const cluster = crashed({})
    cluster.restart(2)
    expect(cluster.partition()).toMatchObject({ leader: 2, isr: [2], eligibleLeaderReplicas: [1, 3] })
  })

  test('is not eligible after a crash where the operating system had them', () => {
    const cluster = crashed({ 'flush.policy': 'os' })
    cluster.restart(2)
    expect(cluster.partition()).toMatchObject({
      leader: NO_NODE,
      isr: [1],
      eligibleLeaderReplicas: [3],
      lastKnownElr: [2],
    })
  })

  test('is eligible there after a clean end', () => {
    const cluster = crashed({ 'flush.policy': 'os' })
    cluster.restart(2, { previousBrokerEpoch: cluster.epochOf(2) })
    expect(cluster.partition()).toMatchObject({ leader: 2, isr: [2] })
  })

  test('with another disk is neither eligible nor in sync while somebody else may have everything', () => {
    const cluster = crashed({})
    cluster.restart(2, { logDirs: [uuid(1)] })
    expect(cluster.partition()).toMatchObject({ leader: NO_NODE, isr: [1], eligibleLeaderReplicas: [3] })
    cluster.restart(1, { logDirs: [uuid(2)] })
    expect(cluster.partition()).toMatchObject({ leader: NO_NODE, isr: [], eligibleLeaderReplicas: [3] })
    cluster.restart(3)
    expect(cluster.partition()).toMatchObject({ leader: 3, isr: [3] })
  })
})

test('controlled shutdown moves leaderships inside the ISR; what is left below the minimum is eligible', () => {
  const cluster = new ReplicatedCluster()
  cluster.heartbeat(1, { wantShutDown: true })
  expect(cluster.partition()).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] })
  cluster.heartbeat(2, { wantShutDown: true })
  expect(cluster.partition()).toMatchObject({
    leader: 3,
    leaderEpoch: 2,
    isr: [3],
    eligibleLeaderReplicas: [2],
  })
  cluster.heartbeat(3, { wantShutDown: true })
  expect(cluster.partition(), 'it leads on until it is fenced').toMatchObject({ leader: NO_NODE, isr: [3] })
})

test('where the topic allows it a broker that comes is elected although it may lack records, and that is told', () => {
  const cluster = new ReplicatedCluster([[1, 2]], { 'unclean.leader.election.enable': 'true' })
  cluster.crash(1)
  cluster.crash(2)
  // 1 left an ISR of two, and is eligible.
  cluster.restart(1, { logDirs: [uuid(1)] })
  expect(cluster.partition()).toMatchObject({ leader: 1, isr: [1], leaderRecoveryState: 1 })
  const [election] = cluster.uncleanElections
  expect(election).toMatchObject({ topic: 't', partition: 0, leader: 1 })
})

test('a broker that is fenced and unfenced costs as much for each of its partitions, however many it has', () => {
  const costs = (topicCount: number) => {
    const cluster = new TestCluster(3)
    const configs = [{ name: 'min.insync.replicas', value: '2' }]
    const topics = Array.from({ length: topicCount }, (_, index) =>
      topic(`t${index}`, { numPartitions: 3, replicationFactor: 3, configs }),
    )
    cluster.run(handleCreateTopics, createTopics(topics))
    const callsFor = (decide: () => readonly unknown[]): Map<string, number> =>
      callsOf(cluster, () => expect(decide().length).toBe(3 * topicCount + 1))
    const brokerOf = (id: number) => ({ brokerId: node(id), brokerEpoch: cluster.broker(id)!.epoch })
    const context = cluster.context()
    const fenced = callsFor(() => fenceBroker(brokerOf(1), context).records)
    for (const id of [1, 2, 3]) cluster.fence(brokerOf(id))
    const without = cluster.context()
    const { lastOffset: currentMetadataOffset } = cluster.image.position
    const heartbeat = { wantFence: false, wantShutDown: false, offlineLogDirs: [], currentMetadataOffset }
    const unfenced = callsFor(() => handleBrokerHeartbeat({ ...brokerOf(3), ...heartbeat }, without).records)
    return [...fenced, ...unfenced]
  }
  const few = costs(20)
  expect(few.reduce((sum, [, calls]) => sum + calls, 0)).toBeGreaterThan(2 * 60)
  const many = costs(200)
  expect(many.map(([name]) => name)).toEqual(few.map(([name]) => name))
  for (const [at, [name, calls]] of many.entries()) expect(calls, name).toBeLessThanOrEqual(10 * few[at]![1])
})
