import { ErrorCode, type RequestOf } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleCreatePartitions } from '../src/create-partitions.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { createTopics, node, TestCluster, topic } from './cluster.ts'

type Growth = RequestOf<'CreatePartitions'>['topics'][number]

function clusterWith(...names: string[]): TestCluster {
  const cluster = new TestCluster(3)
  const topics = names.map((name) => topic(name, { numPartitions: 2, replicationFactor: 2 }))
  cluster.run(handleCreateTopics, createTopics(topics))
  return cluster
}

const grow = (cluster: TestCluster, topics: Growth[], validateOnly = false) =>
  cluster.run(handleCreatePartitions, { topics, timeoutMs: 1000, validateOnly }).results
const growth = (name: string, count: number, assignments: number[][] | null = null): Growth => ({
  name,
  count,
  assignments: assignments?.map((ids) => ({ brokerIds: ids.map(node) })) ?? null,
})

test('new partitions have as many replicas as the old ones, which stay where they are', () => {
  const cluster = clusterWith('t')
  const before = cluster.partitions('t')
  expect(grow(cluster, [growth('t', 5)])).toEqual([{ name: 't', errorCode: 0, errorMessage: null }])
  const after = cluster.partitions('t')
  expect(after.slice(0, 2)).toEqual(before)
  expect(after.length).toBe(5)
  for (const partition of after) expect(new Set(partition.replicas).size).toBe(2)
})

test('an assignment is taken as it is', () => {
  const cluster = clusterWith('t')
  grow(cluster, [
    growth('t', 4, [
      [3, 1],
      [2, 3],
    ]),
  ])
  expect(cluster.replicas('t').slice(2)).toEqual([
    [3, 1],
    [2, 3],
  ])
})

test('only checking changes nothing', () => {
  const cluster = clusterWith('t')
  expect(grow(cluster, [growth('t', 9)], true)[0]!.errorCode).toBe(0)
  expect(cluster.partitions('t').length).toBe(2)
})

test('what is no growth, or fits the topic not, is refused with what is the case', () => {
  const cluster = clusterWith('t')
  const cases: readonly (readonly [Growth, number, string])[] = [
    [growth('nowhere', 3), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'nowhere'],
    [growth('t', 2), ErrorCode.INVALID_PARTITIONS, 'already has 2'],
    [growth('t', 1), ErrorCode.INVALID_PARTITIONS, 'would not be an increase'],
    [growth('t', -5), ErrorCode.INVALID_PARTITIONS, 'would not be an increase'],
    [growth('t', 4, [[1, 2]]), ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'but 1 assignment(s)'],
    [growth('t', 3, [[1]]), ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'not consistent'],
    [growth('t', 3, [[1, 9]]), ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'broker 9'],
    [growth('t', 2 ** 31 - 1), ErrorCode.POLICY_VIOLATION, 'at most 10000'],
  ]
  for (const [request, errorCode, message] of cases) {
    const [result] = grow(cluster, [request])
    expect(result).toMatchObject({ errorCode })
    expect(result!.errorMessage).toContain(message)
  }
  expect(cluster.partitions('t').length).toBe(2)
})

test('a topic named twice is refused once, and the others grow', () => {
  const cluster = clusterWith('t', 'u')
  const results = grow(cluster, [growth('t', 3), growth('u', 3), growth('t', 4)])
  expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['t', ErrorCode.INVALID_REQUEST],
    ['u', 0],
  ])
})

test('the bound of one request counts all its topics together', () => {
  const cluster = clusterWith('t', 'u')
  cluster.config = { ...cluster.config, partitionsPerRequestMax: 5 }
  const results = grow(cluster, [growth('t', 6), growth('u', 4)])
  expect(results.map(({ errorCode }) => errorCode)).toEqual([0, ErrorCode.POLICY_VIOLATION])
})
