import { NO_NODE } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import { expect, test, vi } from 'vitest'
import { handleCreateTopics } from '../src/create-topics.ts'
import { fenceBroker } from '../src/fence-broker.ts'
import { createTopics, node, TestCluster, topic } from './cluster.ts'

const process = (cluster: TestCluster, id: number) => ({
  brokerId: node(id),
  brokerEpoch: cluster.broker(id)?.epoch ?? -1,
})

test('a broker whose session has ended is fenced and leads nothing; the others go on', () => {
  const cluster = new TestCluster(3)
  const request = createTopics([topic('t', { numPartitions: 3, replicationFactor: 3 })])
  cluster.run(handleCreateTopics, request)
  cluster.pass(1500)
  cluster.heartbeat(2)
  cluster.heartbeat(3)
  cluster.pass(500)
  expect([1, 2, 3].map((id) => cluster.broker(id)!.fenced)).toEqual([true, false, false])
  for (const { leader, isr } of cluster.partitions('t')) {
    expect(leader).not.toBe(node(1))
    expect(new Set(isr)).toEqual(new Set([2, 3]))
  }
})

test('one after another all are fenced, and the last in-sync replica stays in the ISR without leading', () => {
  const cluster = new TestCluster(2)
  const request = createTopics([topic('t', { numPartitions: 1, replicationFactor: 2 })])
  cluster.run(handleCreateTopics, request)
  cluster.fence(process(cluster, 1))
  expect(cluster.image.partition('t', 0)).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2] })
  cluster.fence(process(cluster, 2))
  expect(cluster.image.partition('t', 0)).toMatchObject({ leader: NO_NODE, leaderEpoch: 2, isr: [2] })
  // Broker 1 may lack what only 2 has: it must not lead.
  cluster.heartbeat(1)
  expect(cluster.image.partition('t', 0)).toMatchObject({ leader: NO_NODE, isr: [2] })
  cluster.heartbeat(2)
  expect(cluster.image.partition('t', 0)).toMatchObject({ leader: 2, leaderEpoch: 3, isr: [2] })
})

test('an old process, a fenced broker and one that is not registered are not fenced', () => {
  const cluster = new TestCluster([{ id: 1 }, { id: 2, fenced: true }])
  const stale = { brokerId: node(1), brokerEpoch: cluster.broker(1)!.epoch - 1 }
  for (const broker of [stale, process(cluster, 2), process(cluster, 9)]) {
    expect(fenceBroker(broker, cluster.context())).toEqual({ records: [], response: { fenced: false } })
  }
})

test('only the first decision goes through all partitions; later ones look at those of their broker alone', () => {
  const cluster = new TestCluster(4)
  const topics = Array.from({ length: 100 }, (_, index) => topic(`t${index}`, { numPartitions: 4 }))
  cluster.run(handleCreateTopics, createTopics(topics))
  const scan = vi.spyOn(Object.getPrototypeOf(cluster.image.topics) as MetadataImage['topics'], 'values')
  try {
    cluster.fence(process(cluster, 1))
    expect(scan).toHaveBeenCalledTimes(1)
    cluster.run(handleCreateTopics, createTopics([topic('later', { numPartitions: 4 })]))
    cluster.fence(process(cluster, 2))
    cluster.heartbeat(1)
    cluster.register(3, { previousBrokerEpoch: cluster.broker(3)!.epoch })
    expect(scan).toHaveBeenCalledTimes(1)
  } finally {
    scan.mockRestore()
  }
  expect(cluster.image.topics.size).toBe(101)
  const leaders = [...cluster.image.topics.values()].flatMap(({ partitions }) =>
    partitions.map((p) => p.leader),
  )
  expect(new Set(leaders)).toEqual(new Set([1, -1, 4]))
})
