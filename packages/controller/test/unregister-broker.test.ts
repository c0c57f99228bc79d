import { NO_NODE } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleCreateTopics } from '../src/create-topics.ts'
import { handleUnregisterBroker } from '../src/unregister-broker.ts'
import { createTopics, node, TestCluster, topic } from './cluster.ts'

const unregister = (cluster: TestCluster, id: number) =>
  cluster.run(handleUnregisterBroker, { brokerId: node(id) })

test('a broker that is unregistered is gone, leads nothing, and its replicas stay assigned (KIP-631)', () => {
  const cluster = new TestCluster(2)
  const topics = [
    topic('alone', { numPartitions: 2, replicationFactor: 1 }),
    topic('both', { numPartitions: 2, replicationFactor: 2 }),
  ]
  cluster.run(handleCreateTopics, createTopics(topics))
  expect(unregister(cluster, 1)).toEqual({})
  expect(cluster.broker(1)).toBeUndefined()
  expect(cluster.image.partition('alone', 0)).toMatchObject({ replicas: [1], isr: [1], leader: NO_NODE })
  expect(cluster.image.partition('both', 0)).toMatchObject({ isr: [2], leader: 2 })
  expect(cluster.replicas('both')[0]).toContain(1)
})

test('a broker that is not registered is refused, with a reason', () => {
  expect(unregister(new TestCluster(1), 2)).toEqual({
    errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED,
    errorMessage: 'Broker ID 2 is not currently registered.',
  })
})

test('a broker that runs although it was unregistered learns of it, and comes back by registering', () => {
  const cluster = new TestCluster(1)
  cluster.run(handleCreateTopics, createTopics([topic('t', { numPartitions: 1 })]))
  unregister(cluster, 1)
  expect(cluster.heartbeat(1).errorCode).toBe(ErrorCode.BROKER_ID_NOT_REGISTERED)
  cluster.register(1)
  cluster.heartbeat(1)
  expect(cluster.image.partition('t', 0)).toMatchObject({ leader: 1, isr: [1] })
})
