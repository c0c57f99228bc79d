import { ErrorCode, type RequestOf } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleIncrementalAlterConfigs } from '../src/alter-configs.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { createTopics, TestCluster, topic } from './cluster.ts'

type Resource = RequestOf<'IncrementalAlterConfigs'>['resources'][number]
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

function clusterWithTopic(): TestCluster {
  const cluster = new TestCluster(1)
  cluster.run(handleCreateTopics, createTopics([topic('t')]))
  return cluster
}

const ofTopic = (name: string, ...configs: [string, number, string | null][]): Resource =>
  resource(2, name, configs)
const ofBroker = (name: string, ...configs: [string, number, string | null][]): Resource =>
  resource(4, name, configs)

function resource(
  resourceType: number,
  resourceName: string,
  configs: [string, number, string | null][],
): Resource {
  return {
    resourceType,
    resourceName,
    configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })),
  }
}

const alter = (cluster: TestCluster, resources: Resource[], validateOnly = false) =>
  cluster.run(handleIncrementalAlterConfigs, { resources, validateOnly }).responses
const entries = (cluster: TestCluster) => Object.fromEntries(cluster.image.configs.forTopic('t'))

test('keys are set and deleted one by one; those not named stay', () => {
  const cluster = clusterWithTopic()
  alter(cluster, [ofTopic('t', ['retention.ms', SET, '5'], ['segment.ms', SET, '6'])])
  expect(entries(cluster)).toEqual({ 'retention.ms': '5', 'segment.ms': '6' })
  const [result] = alter(cluster, [ofTopic('t', ['retention.ms', DELETE, null])])
  expect(result).toEqual({ resourceType: 2, resourceName: 't', errorCode: 0, errorMessage: null })
  expect(entries(cluster)).toEqual({ 'segment.ms': '6' })
})

test('lists are appended to and subtracted from, starting at what holds without own value', () => {
  const cluster = clusterWithTopic()
  alter(cluster, [ofTopic('t', ['cleanup.policy', APPEND, 'compact'])])
  expect(entries(cluster)).toEqual({ 'cleanup.policy': 'delete,compact' })
  alter(cluster, [ofTopic('t', ['cleanup.policy', APPEND, 'compact'])])
  expect(entries(cluster)).toEqual({ 'cleanup.policy': 'delete,compact' })
  alter(cluster, [ofTopic('t', ['cleanup.policy', SUBTRACT, 'delete'])])
  expect(entries(cluster)).toEqual({ 'cleanup.policy': 'compact' })
})

test('a value that is there already makes no record', () => {
  const cluster = clusterWithTopic()
  const request = { resources: [ofTopic('t', ['retention.ms', SET, '5'])], validateOnly: false }
  expect(handleIncrementalAlterConfigs(request, cluster.context()).records.length).toBe(1)
  cluster.run(handleIncrementalAlterConfigs, request)
  expect(handleIncrementalAlterConfigs(request, cluster.context())).toMatchObject({
    records: [],
    response: { responses: [{ errorCode: 0 }] },
  })
})

test('only checking changes nothing', () => {
  const cluster = clusterWithTopic()
  expect(alter(cluster, [ofTopic('t', ['retention.ms', SET, '5'])], true)[0]!.errorCode).toBe(0)
  expect(entries(cluster)).toEqual({})
})

test('a resource with one bad change is left as it was, with the reason', () => {
  const cases: readonly (readonly [Resource, number, string])[] = [
    [ofTopic('t', ['retention.sm', SET, '5']), ErrorCode.INVALID_CONFIG, 'Did you mean retention.ms?'],
    [ofTopic('t', ['retention.sm', DELETE, null]), ErrorCode.INVALID_CONFIG, 'Unknown configuration'],
    [ofTopic('t', ['retention.ms', SET, 'x']), ErrorCode.INVALID_CONFIG, 'LONG'],
    [ofTopic('t', ['retention.ms', SET, null]), ErrorCode.INVALID_REQUEST, 'Null value'],
    [ofTopic('t', ['retention.ms', 7, '5']), ErrorCode.INVALID_REQUEST, 'operation 7'],
    [ofTopic('t', ['retention.ms', APPEND, '5']), ErrorCode.INVALID_CONFIG, 'not LIST'],
    [ofTopic('t', ['cleanup.policy', APPEND, 'shrink']), ErrorCode.INVALID_CONFIG, 'shrink'],
    [
      ofTopic('t', ['retention.ms', SET, '5'], ['retention.ms', DELETE, null]),
      ErrorCode.INVALID_REQUEST,
      'duplicate',
    ],
    [
      ofTopic('t', ['min.compaction.lag.ms', SET, '9'], ['max.compaction.lag.ms', SET, '5']),
      ErrorCode.INVALID_CONFIG,
      'must not exceed',
    ],
    [ofTopic('nowhere', ['retention.ms', SET, '5']), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'nowhere'],
    [ofTopic('a/b', ['retention.ms', SET, '5']), ErrorCode.INVALID_TOPIC_EXCEPTION, 'characters'],
    [ofBroker('9', ['log.retention.ms', SET, '5']), ErrorCode.BROKER_ID_NOT_REGISTERED, 'id 9'],
    [ofBroker('one', ['log.retention.ms', SET, '5']), ErrorCode.INVALID_REQUEST, 'integer'],
    [ofBroker('1', ['num.partitions', SET, '5']), ErrorCode.INVALID_REQUEST, 'restart'],
    [ofBroker('1', ['log.retention.ms', SET, 'x']), ErrorCode.INVALID_CONFIG, 'LONG'],
    [ofBroker('1', ['log.retention.sm', SET, '5']), ErrorCode.INVALID_CONFIG, 'log.retention.ms'],
    [resource(8, '1', [['x', SET, 'y']]), ErrorCode.INVALID_REQUEST, 'resource type'],
  ]
  for (const [bad, errorCode, message] of cases) {
    const cluster = clusterWithTopic()
    const [refused] = alter(cluster, [bad])
    expect(refused, message).toMatchObject({ errorCode })
    expect(refused!.errorMessage).toContain(message)
    expect(entries(cluster)).toEqual({})
  }
})

test('no value grows beyond 32,767, not by appending either, and one request sets at most 1 MiB', () => {
  const cluster = clusterWithTopic()
  const key = 'leader.replication.throttled.replicas'
  const list = (prefix: string) => Array.from({ length: 1500 }, (_, index) => `${prefix}${index}:1`).join(',')
  expect(alter(cluster, [ofTopic('t', [key, APPEND, list('10')])])[0]!.errorCode).toBe(0)
  expect(alter(cluster, [ofTopic('t', [key, APPEND, list('20')])])[0]!.errorCode).toBe(0)
  const before = cluster.image
  const [grown] = alter(cluster, [ofTopic('t', [key, APPEND, list('30')])])
  expect(grown).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST })
  expect(grown!.errorMessage).toContain('at most 32767')
  const much = Array.from({ length: 40 }, (_, index) => ofTopic(`t${index}`, [key, SET, '*'.repeat(30_000)]))
  for (const { errorCode } of alter(cluster, [...much, ofTopic('t', ['retention.ms', SET, '5'])])) {
    expect(errorCode).toBe(ErrorCode.POLICY_VIOLATION)
  }
  expect(cluster.image).toBe(before)
})

test('a resource named twice is refused each time, and the others change', () => {
  const cluster = clusterWithTopic()
  const set = ofTopic('t', ['retention.ms', SET, '5'])
  const results = alter(cluster, [set, ofBroker('', ['log.retention.ms', SET, '7']), set])
  expect(results.map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.INVALID_REQUEST,
    0,
    ErrorCode.INVALID_REQUEST,
  ])
  expect(cluster.image.configs.forAllBrokers().get('log.retention.ms')).toBe('7')
  expect(entries(cluster)).toEqual({})
})

test('brokers are configured one by one or all at once', () => {
  const cluster = clusterWithTopic()
  alter(cluster, [
    ofBroker('', ['log.retention.ms', SET, '7']),
    ofBroker('1', ['log.retention.ms', SET, '8']),
  ])
  expect(cluster.image.configs.forBroker(cluster.config.nodeId).get('log.retention.ms')).toBe('8')
  expect(cluster.image.configs.forAllBrokers().get('log.retention.ms')).toBe('7')
})
