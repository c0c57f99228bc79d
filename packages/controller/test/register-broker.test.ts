import { expect, test } from 'vitest'
import { handleCreateTopics } from '../src/create-topics.ts'
import { type BrokerRegistration, handleRegisterBroker } from '../src/register-broker.ts'
import { createTopics, node, TestCluster, topic, uuid } from './cluster.ts'

const process = (id: number, incarnation: number): BrokerRegistration => ({
  brokerId: node(id),
  incarnationId: uuid(incarnation),
  endpoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
  rack: 'r1',
  logDirs: [uuid(5)],
})

function register(cluster: TestCluster, registration: BrokerRegistration): number {
  const { records, response } = handleRegisterBroker(registration, cluster.image)
  if (records.length > 0) cluster.apply(records)
  return response.brokerEpoch
}

test('a process that registers is available at once, under the offset of its record', () => {
  const cluster = new TestCluster(0)
  expect(register(cluster, process(1, 1))).toBe(0)
  expect(cluster.image.brokers.get(node(1))).toMatchObject({
    epoch: 0,
    fenced: false,
    rack: 'r1',
    logDirs: [uuid(5)],
  })
})

test('a new process of a broker raises the leader epochs of what the broker leads, and of nothing else', () => {
  const cluster = new TestCluster(2)
  cluster.run(handleCreateTopics, createTopics([topic('t', { numPartitions: 4 })]))
  const before = cluster.partitions('t')
  expect(register(cluster, process(1, 77))).toBeGreaterThan(1)
  for (const [index, partition] of cluster.partitions('t').entries()) {
    const raised = before[index]!.leader === node(1) ? 1 : 0
    expect(partition.leaderEpoch).toBe(before[index]!.leaderEpoch + raised)
    expect(partition.leader).toBe(before[index]!.leader)
  }
})

test('the same process registering again changes nothing', () => {
  const cluster = new TestCluster(1)
  const epoch = register(cluster, process(1, 77))
  const { image } = cluster
  expect(register(cluster, process(1, 77))).toBe(epoch)
  expect(cluster.image).toBe(image)
})
