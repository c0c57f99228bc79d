import { NO_NODE } from '@millrace/base'
import { ConfigResourceType } from '@millrace/metadata'
import { expect, test } from 'vitest'
import { ReplicatedCluster } from './replicated-cluster.ts'

const waiting = (configs: Record<string, string> = {}) => {
  const cluster = new ReplicatedCluster([[1, 2, 3]], configs)
  cluster.alter([1])
  cluster.crash(2)
  cluster.crash(3)
  return cluster
}

test('a smaller minimum takes the eligible with it: the leader may acknowledge what they lack', () => {
  const cluster = waiting()
  expect(cluster.partition()).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2, 3] })
  cluster.configure('min.insync.replicas', '1')
  expect(cluster.partition()).toMatchObject({ isr: [1], eligibleLeaderReplicas: [], leaderEpoch: 0 })
  cluster.crash(1)
  cluster.heartbeat(2)
  expect(cluster.partition()).toMatchObject({ leader: NO_NODE, isr: [1] })
})

test('the minimum of topics that set none is the least that holds on any broker', () => {
  const cluster = new ReplicatedCluster()
  cluster.configure('min.insync.replicas', '2', ConfigResourceType.BROKER)
  const configs = [{ name: 'min.insync.replicas', configOperation: 1, value: null }]
  cluster.alterConfigs([{ resourceType: ConfigResourceType.TOPIC, resourceName: 't', configs }])
  cluster.alter([1])
  expect(cluster.partition().eligibleLeaderReplicas).toEqual([2, 3])
  const lower = [{ name: 'min.insync.replicas', configOperation: 0, value: '1' }]
  cluster.alterConfigs([{ resourceType: ConfigResourceType.BROKER, resourceName: '3', configs: lower }])
  expect(cluster.partition().eligibleLeaderReplicas).toEqual([])
})

test('where unclean elections become allowed, partitions that wait for a leader get one', () => {
  const cluster = waiting({ 'min.insync.replicas': '1' })
  cluster.crash(1)
  cluster.heartbeat(3)
  expect(cluster.partition().leader).toBe(NO_NODE)
  cluster.configure('unclean.leader.election.enable', 'true')
  expect(cluster.partition()).toMatchObject({ leader: 3, isr: [3], leaderRecoveryState: 1 })
  expect(cluster.uncleanElections.length).toBe(1)
})

test('other keys change no partition', () => {
  const cluster = waiting()
  const before = cluster.partition()
  cluster.configure('retention.ms', '1000')
  expect(cluster.partition()).toBe(before)
})
