import { NO_NODE, ZERO_UUID } from '@millrace/base'
import { metadataRecord, ErrorCode, type RequestOf } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleCreateTopics } from '../src/create-topics.ts'
import { handleBrokerRegistration } from '../src/register-broker.ts'
import { createTopics, node, registrationOf, TestCluster, topic, uuid } from './cluster.ts'

const create = (cluster: TestCluster, name: string, replicationFactor: number, numPartitions = 3) =>
  cluster.run(handleCreateTopics, createTopics([topic(name, { numPartitions, replicationFactor })]))

test('a process that registers is fenced, under the offset of its record (KIP-631)', () => {
  const cluster = new TestCluster(2)
  create(cluster, 't', 1)
  const offset = cluster.image.position.lastOffset + 1
  const { records, response } = handleBrokerRegistration(registrationOf(7, { rack: 'r1' }), cluster.context())
  expect(response).toEqual({ brokerEpoch: offset })
  expect(records[0]).toMatchObject({ type: 'RegisterBrokerRecord', brokerEpoch: offset, fenced: true })
  cluster.register(7, { rack: 'r1' })
  expect(cluster.broker(7)).toEqual({
    id: 7,
    epoch: offset,
    incarnationId: uuid(8007),
    endpoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
    features: [],
    rack: 'r1',
    fenced: true,
    inControlledShutdown: false,
    logDirs: [uuid(7007)],
  })
})

test('the epoch is the offset of the registration also when it takes leaderships away', () => {
  const cluster = new TestCluster(1)
  create(cluster, 't', 1)
  cluster.nowMs = 2000
  const { records, response } = handleBrokerRegistration(registrationOf(1), cluster.context())
  expect(records.length).toBe(4)
  const index = records.findIndex(({ type }) => type === 'RegisterBrokerRecord')
  expect(response.brokerEpoch).toBe(cluster.image.position.lastOffset + 1 + index)
})

test('the same process registering again gets its epoch and changes nothing, fenced or not', () => {
  const cluster = new TestCluster(0)
  const { brokerEpoch } = cluster.register(1)
  const fenced = cluster.image
  expect(cluster.register(1)).toEqual({ brokerEpoch })
  expect(cluster.image).toBe(fenced)
  cluster.heartbeat(1)
  const unfenced = cluster.image
  expect(cluster.register(1)).toEqual({ brokerEpoch })
  expect(cluster.image).toBe(unfenced)
})

test('a second process of an id is refused while the first is heard from, and accepted when it is not', () => {
  const cluster = new TestCluster(1)
  const first = cluster.image
  expect(cluster.register(1)).toEqual({ errorCode: ErrorCode.DUPLICATE_BROKER_REGISTRATION })
  expect(cluster.image).toBe(first)
  cluster.nowMs = 1999
  expect(cluster.register(1).errorCode).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION)
  cluster.nowMs = 2000
  expect(cluster.register(1).errorCode).toBeUndefined()
  expect(cluster.broker(1)?.incarnationId).toBe(uuid(8001))
})

test('a process that is fenced or shutting down is replaced at once', () => {
  for (const change of [{ fenced: 1 }, { inControlledShutdown: 1 }]) {
    const cluster = new TestCluster(1)
    cluster.apply([
      metadataRecord('BrokerRegistrationChangeRecord', { brokerId: node(1), brokerEpoch: 0, ...change }),
    ])
    expect(cluster.register(1).errorCode).toBeUndefined()
    expect(cluster.broker(1)).toMatchObject({ fenced: true, inControlledShutdown: false })
  }
})

test('the epoch of a clean shutdown proves that the process before is gone (KIP-966); any other does not', () => {
  const cluster = new TestCluster(2)
  const epoch = cluster.broker(2)!.epoch
  const wrong = cluster.register(2, { previousBrokerEpoch: epoch - 1 })
  expect(wrong.errorCode).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION)
  expect(cluster.register(2, { previousBrokerEpoch: epoch }).errorCode).toBeUndefined()
})

test('what a new process of a broker led goes to an in-sync replica, or to nobody; always in a new epoch (KIP-903)', () => {
  const cluster = new TestCluster(3)
  create(cluster, 'alone', 1)
  create(cluster, 'together', 3)
  const before = { alone: cluster.partitions('alone'), together: cluster.partitions('together') }
  cluster.nowMs = 2000
  cluster.register(1)
  for (const [index, partition] of cluster.partitions('alone').entries()) {
    const old = before.alone[index]!
    const led = old.leader === node(1)
    expect(partition).toMatchObject({
      leader: led ? NO_NODE : old.leader,
      leaderEpoch: led ? 1 : 0,
      isr: old.isr,
    })
  }
  for (const [index, partition] of cluster.partitions('together').entries()) {
    const old = before.together[index]!
    expect(partition.isr).toEqual(old.isr.filter((id) => id !== node(1)))
    expect(partition.leader).not.toBe(node(1))
    expect(partition.leaderEpoch).toBe(old.leader === node(1) ? 1 : 0)
  }
})

test('what can not be a registration is refused', () => {
  const listener = { name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }
  const feature = { name: 'metadata.version', minSupportedVersion: 1, maxSupportedVersion: 7 }
  const cases: readonly (readonly [Partial<RequestOf<'BrokerRegistration'>>, number])[] = [
    [{ clusterId: 'another' }, ErrorCode.INCONSISTENT_CLUSTER_ID],
    [{ listeners: [] }, ErrorCode.INVALID_REGISTRATION],
    [{ listeners: [listener, listener] }, ErrorCode.INVALID_REGISTRATION],
    [{ logDirs: [uuid(1), uuid(1)] }, ErrorCode.INVALID_REGISTRATION],
    [{ incarnationId: ZERO_UUID }, ErrorCode.INVALID_REGISTRATION],
    [{ brokerId: NO_NODE }, ErrorCode.INVALID_REGISTRATION],
    [{ features: [feature] }, ErrorCode.UNSUPPORTED_VERSION],
  ]
  for (const [fields, errorCode] of cases) {
    const cluster = new TestCluster(0)
    cluster.apply([metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 8 })])
    const { image } = cluster
    expect(cluster.register(4, fields)).toEqual({ errorCode })
    expect(cluster.image).toBe(image)
  }
})

test('a broker whose software can run with the levels of the cluster is accepted', () => {
  const cluster = new TestCluster(0)
  cluster.apply([metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 8 })])
  const range = (name: string) => ({ name, minSupportedVersion: 1, maxSupportedVersion: 8 })
  const features = [range('metadata.version'), range('not.known')]
  expect(cluster.register(4, { features }).errorCode).toBeUndefined()
})
