import { type Uuid, ZERO_UUID } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleCreateTopics } from '../src/create-topics.ts'
import { handleDeleteTopics } from '../src/delete-topics.ts'
import { createTopics, TestCluster, topic, uuid } from './cluster.ts'

function clusterWith(...names: string[]): TestCluster {
  const cluster = new TestCluster(1)
  cluster.run(handleCreateTopics, createTopics(names.map((name) => topic(name))))
  return cluster
}

const remove = (
  cluster: TestCluster,
  topics: { name: string | null; topicId: Uuid }[],
  topicNames: string[] = [],
) => cluster.run(handleDeleteTopics, { topics, topicNames, timeoutMs: 1000 }).responses

test('a topic is deleted by name in either form of the request, or by id', () => {
  const cluster = clusterWith('a', 'b', 'c', 'd')
  const id = cluster.image.topics.byName('b')!.id
  const results = remove(
    cluster,
    [
      { name: 'a', topicId: ZERO_UUID },
      { name: null, topicId: id },
    ],
    ['c'],
  )
  expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['c', 0],
    ['a', 0],
    ['b', 0],
  ])
  expect([...cluster.image.topics.values()].map(({ name }) => name)).toEqual(['d'])
})

test('topics that do not exist are refused, and the others deleted', () => {
  const cluster = clusterWith('a')
  const results = remove(cluster, [
    { name: 'nowhere', topicId: ZERO_UUID },
    { name: null, topicId: uuid(4242) },
    { name: 'a', topicId: ZERO_UUID },
  ])
  expect(results.map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
    0,
  ])
  expect(results[1]).toMatchObject({ name: null, topicId: uuid(4242) })
  expect(cluster.image.topics.size).toBe(0)
})

test('a topic named twice is deleted once; both ways or neither is refused', () => {
  const cluster = clusterWith('a', 'b')
  const id = cluster.image.topics.byName('a')!.id
  const results = remove(cluster, [
    { name: 'a', topicId: ZERO_UUID },
    { name: null, topicId: id },
    { name: 'b', topicId: id },
    { name: null, topicId: ZERO_UUID },
  ])
  const { INVALID_REQUEST } = ErrorCode
  expect(results.map(({ errorCode }) => errorCode)).toEqual([
    0,
    INVALID_REQUEST,
    INVALID_REQUEST,
    INVALID_REQUEST,
  ])
  expect(cluster.image.topics.byName('b')).toBeDefined()
})

test('a topic may be created again under its name, with another id', () => {
  const cluster = clusterWith('a')
  const before = cluster.image.topics.byName('a')!.id
  remove(cluster, [], ['a'])
  cluster.run(handleCreateTopics, createTopics([topic('a')]))
  expect(cluster.image.topics.byName('a')!.id).not.toBe(before)
})
