import { NO_NODE, type Offset } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleBrokerHeartbeat } from '../src/broker-heartbeat.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { createTopics, node, TestCluster, topic } from './cluster.ts'

const running = { isCaughtUp: true, isFenced: false, shouldShutDown: false }
const stopping = { wantShutDown: true }

function clusterWith(brokers: number, replicationFactor: number, numPartitions = 3): TestCluster {
  const cluster = new TestCluster(brokers)
  cluster.run(handleCreateTopics, createTopics([topic('t', { numPartitions, replicationFactor })]))
  return cluster
}

test('a broker that is not registered, and a process that another has replaced, are told so (KIP-631)', () => {
  const cluster = new TestCluster(1)
  expect(cluster.heartbeat(2)).toEqual({ errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED })
  const { epoch } = cluster.broker(1)!
  cluster.pass(2000)
  cluster.register(1)
  const { image } = cluster
  expect(cluster.heartbeat(1, { brokerEpoch: epoch })).toEqual({ errorCode: ErrorCode.STALE_BROKER_EPOCH })
  expect(cluster.heartbeat(1, { brokerEpoch: 99 })).toEqual({ errorCode: ErrorCode.STALE_BROKER_EPOCH })
  expect(cluster.image).toBe(image)
})

test('a broker is unfenced when it wants to be and has caught up with its registration, not before', () => {
  const cluster = new TestCluster(0)
  const { brokerEpoch } = cluster.register(1)
  const behind = { currentMetadataOffset: (brokerEpoch! - 1) as Offset }
  expect(cluster.heartbeat(1, behind)).toEqual({ isCaughtUp: false, isFenced: true, shouldShutDown: false })
  expect(cluster.heartbeat(1, { wantFence: true })).toEqual({ ...running, isFenced: true })
  expect(cluster.broker(1)!.fenced).toBe(true)
  expect(cluster.heartbeat(1)).toEqual(running)
  expect(cluster.broker(1)!.fenced).toBe(false)
})

test('a heartbeat that changes nothing makes no record', () => {
  const cluster = clusterWith(1, 1)
  const { image } = cluster
  expect(cluster.heartbeat(1)).toEqual(running)
  expect(cluster.image).toBe(image)
})

test('a heartbeat that changes nothing does not look at partitions', () => {
  const cluster = clusterWith(1, 1)
  const { image } = cluster
  const context = {
    ...cluster.context(),
    image: Object.create(image, {
      topics: {
        get() {
          throw new Error('looked at topics')
        },
      },
    }) as typeof image,
  }
  const request = {
    brokerId: node(1),
    brokerEpoch: cluster.broker(1)!.epoch,
    currentMetadataOffset: image.position.lastOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
  }
  expect(handleBrokerHeartbeat(request, context).response).toEqual(running)
})

test('unfencing gives leaders to the partitions that only waited for this broker', () => {
  const cluster = clusterWith(2, 1, 4)
  cluster.pass(1000)
  cluster.heartbeat(2)
  cluster.pass(1000)
  expect(cluster.partitions('t').map(({ leader }) => leader as number)).toEqual([-1, 2, -1, 2])
  cluster.heartbeat(1)
  expect(cluster.partitions('t').map(({ leader, leaderEpoch }) => [leader, leaderEpoch])).toEqual([
    [1, 2],
    [2, 0],
    [1, 2],
    [2, 0],
  ])
})

test('a broker may ask to be fenced, and leads nothing then', () => {
  const cluster = clusterWith(1, 1)
  expect(cluster.heartbeat(1, { wantFence: true })).toEqual({ ...running, isFenced: true })
  expect(cluster.broker(1)!.fenced).toBe(true)
  for (const { leader, isr } of cluster.partitions('t')) expect([leader, isr]).toEqual([NO_NODE, [1]])
})

test('a broker that wants to stop hands over first, and stops when every live broker knows', () => {
  const cluster = clusterWith(3, 3)
  expect(cluster.heartbeat(1, stopping)).toEqual(running)
  expect(cluster.broker(1)).toMatchObject({ fenced: false, inControlledShutdown: true })
  const handedOver = cluster.image
  for (const { leader, isr } of cluster.partitions('t')) {
    expect(isr).not.toContain(node(1))
    expect(isr).toContain(leader)
  }
  // Brokers 2 and 3 have not said that they know.
  expect(cluster.heartbeat(1, stopping)).toEqual(running)
  cluster.heartbeat(2)
  cluster.heartbeat(3, { currentMetadataOffset: (handedOver.position.lastOffset - 1) as Offset })
  expect(cluster.heartbeat(1, stopping)).toEqual(running)
  expect(cluster.image).toBe(handedOver)
  cluster.heartbeat(3)
  expect(cluster.heartbeat(1, stopping)).toEqual({ ...running, isFenced: true, shouldShutDown: true })
  expect(cluster.broker(1)!.fenced).toBe(true)
})

test('a broker that is not heard from any more does not keep another from stopping', () => {
  const cluster = clusterWith(2, 2)
  cluster.nowMs = 1000
  cluster.heartbeat(1)
  cluster.heartbeat(1, stopping)
  expect(cluster.heartbeat(1, stopping).shouldShutDown).toBe(false)
  cluster.nowMs = 2000
  expect(cluster.heartbeat(1, stopping).shouldShutDown).toBe(true)
})

test('what no other replica can lead stays with a broker that wants to stop until it is fenced', () => {
  const alone = clusterWith(2, 1, 2)
  const before = alone.image
  expect(alone.heartbeat(1, stopping)).toMatchObject({ isFenced: true, shouldShutDown: true })
  expect(before.partition('t', 0)).toMatchObject({ leader: 1, isr: [1] })
  expect(alone.image.partition('t', 0)).toMatchObject({ leader: -1, isr: [1], leaderEpoch: 1 })
  expect(alone.image.partition('t', 1)).toBe(before.partition('t', 1))

  const mixed = clusterWith(2, 2, 2)
  mixed.run(handleCreateTopics, createTopics([topic('u', { numPartitions: 2, replicationFactor: 1 })]))
  mixed.heartbeat(1, stopping)
  expect(mixed.image.partition('u', 0)).toMatchObject({ leader: 1, leaderEpoch: 0 })
  expect(mixed.image.partition('t', 0)).toMatchObject({ leader: 2, isr: [2] })
  mixed.heartbeat(2)
  expect(mixed.heartbeat(1, stopping).shouldShutDown).toBe(true)
  expect(mixed.image.partition('u', 0)).toMatchObject({ leader: -1, isr: [1] })
})

test('a broker in controlled shutdown gets no replica and no leadership (KIP-841)', () => {
  const cluster = clusterWith(3, 3)
  cluster.heartbeat(1, stopping)
  cluster.run(handleCreateTopics, createTopics([topic('new', { numPartitions: 6, replicationFactor: 2 })]))
  for (const { replicas } of cluster.partitions('new')) expect(replicas).not.toContain(node(1))
  cluster.fence({ brokerId: node(2), brokerEpoch: cluster.broker(2)!.epoch })
  for (const { leader } of cluster.partitions('t')) expect(leader).toBe(node(3))
})

test('a process that began to stop leads nothing any more, also when it is fenced and asks to run again', () => {
  const cluster = clusterWith(2, 2)
  cluster.run(handleCreateTopics, createTopics([topic('u', { numPartitions: 2, replicationFactor: 1 })]))
  cluster.heartbeat(1, stopping)
  cluster.fence({ brokerId: node(1), brokerEpoch: cluster.broker(1)!.epoch })
  expect(cluster.heartbeat(1)).toEqual(running)
  expect(cluster.image.partition('u', 0)).toMatchObject({ leader: NO_NODE, isr: [1] })
  // The next process of it does.
  cluster.register(1)
  cluster.heartbeat(1)
  expect(cluster.image.partition('u', 0)).toMatchObject({ leader: 1, isr: [1] })
})

test('a fenced broker may stop at once', () => {
  const cluster = new TestCluster(0)
  cluster.register(1)
  expect(cluster.heartbeat(1, stopping)).toEqual({ ...running, isFenced: true, shouldShutDown: true })
  expect(cluster.broker(1)!.fenced).toBe(true)
})

test('a new controller waits for what the old one handed over', () => {
  const cluster = clusterWith(2, 2)
  cluster.heartbeat(1, stopping)
  cluster.sessions.reset(cluster.image, cluster.nowMs)
  expect(cluster.heartbeat(1, stopping).shouldShutDown).toBe(false)
  cluster.heartbeat(2)
  expect(cluster.heartbeat(1, stopping).shouldShutDown).toBe(true)
})
