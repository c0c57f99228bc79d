import { ZERO_UUID } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { handleCreateTopics, topicIdsNeeded } from '../src/create-topics.ts'
import { createTopics, node, TestCluster, type TestBroker, topic, uuid } from './cluster.ts'
import { callsOf } from './image-calls.ts'

const create = (cluster: TestCluster, ...topics: ReturnType<typeof topic>[]) =>
  cluster.run(handleCreateTopics, createTopics(topics)).topics
const assignments = (...brokerIds: number[][]) =>
  brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids.map(node) }))

test('a topic gets the partitions and replicas asked for, and the answer tells them', () => {
  const cluster = new TestCluster(3)
  const [result] = create(cluster, topic('flights', { numPartitions: 4, replicationFactor: 2 }))
  expect(result).toMatchObject({ name: 'flights', errorCode: 0, numPartitions: 4, replicationFactor: 2 })
  expect(cluster.image.topics.byName('flights')?.id).toBe(result!.topicId)
  for (const partition of cluster.partitions('flights')) {
    expect(partition.replicas.length).toBe(2)
    expect(partition).toMatchObject({
      leader: partition.replicas[0],
      isr: partition.replicas,
      leaderEpoch: 0,
    })
  }
})

test('-1 stands for the defaults of the cluster', () => {
  const cluster = new TestCluster(2)
  cluster.config = { ...cluster.config, defaultPartitions: 5, defaultReplicationFactor: 2 }
  expect(create(cluster, topic('t'))[0]).toMatchObject({ numPartitions: 5, replicationFactor: 2 })
})

test('the same input gives the same records', () => {
  const request = createTopics([topic('a', { numPartitions: 3 }), topic('b')])
  const decide = () => handleCreateTopics(request, new TestCluster(3).context())
  expect(decide()).toEqual(decide())
})

test('the answer tells the whole configuration, with own values marked as such', () => {
  const cluster = new TestCluster(1)
  const config = [{ name: 'retention.ms', value: '1000' }]
  const [own, plain] = create(cluster, topic('own', { configs: config }), topic('plain'))
  const find = (result: typeof own, name: string) => result!.configs!.find((entry) => entry.name === name)
  expect(find(own, 'retention.ms')).toMatchObject({ value: '1000', configSource: 1, readOnly: false })
  expect(find(plain, 'retention.ms')).toMatchObject({ value: '604800000', configSource: 5 })
  expect(cluster.image.configs.forTopic('own')).toEqual(new Map([['retention.ms', '1000']]))
})

test('only checking decides the same and changes nothing', () => {
  const cluster = new TestCluster(1)
  const { records, response } = handleCreateTopics(
    createTopics([topic('t', { numPartitions: 3 }), topic('a/b')], true),
    cluster.context(),
  )
  expect(records).toEqual([])
  expect(response.topics[0]).toMatchObject({ errorCode: 0, numPartitions: 3 })
  expect(response.topics[0]!.topicId ?? ZERO_UUID).toBe(ZERO_UUID)
  expect(response.topics[1]).toMatchObject({ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION })
})

describe('each topic of a request is refused on its own', () => {
  const cases: readonly (readonly [string, ReturnType<typeof topic>, number, string])[] = [
    ['a path in its name', topic('../etc'), ErrorCode.INVALID_TOPIC_EXCEPTION, 'characters'],
    ['no partitions', topic('t', { numPartitions: 0 }), ErrorCode.INVALID_PARTITIONS, 'larger than 0'],
    [
      'no replicas',
      topic('t', { replicationFactor: 0 }),
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'larger than 0',
    ],
    [
      'more replicas than brokers',
      topic('t', { replicationFactor: 4 }),
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'only 3 broker(s) are registered. Start more brokers',
    ],
    [
      'an unknown key',
      topic('t', { configs: [{ name: 'retention.sm', value: '1' }] }),
      ErrorCode.INVALID_CONFIG,
      'Did you mean retention.ms?',
    ],
    [
      'a bad value',
      topic('t', { configs: [{ name: 'retention.ms', value: 'x' }] }),
      ErrorCode.INVALID_CONFIG,
      'LONG',
    ],
    [
      'a null value',
      topic('t', { configs: [{ name: 'retention.ms', value: null }] }),
      ErrorCode.INVALID_CONFIG,
      'Null value',
    ],
    [
      'an assignment and a number',
      topic('t', { numPartitions: 1, assignments: assignments([1]) }),
      ErrorCode.INVALID_REQUEST,
      'not set to -1',
    ],
    [
      'an assignment and a factor',
      topic('t', { replicationFactor: 1, assignments: assignments([1]) }),
      ErrorCode.INVALID_REQUEST,
      'not set to -1',
    ],
    [
      'an unknown broker',
      topic('t', { assignments: assignments([9]) }),
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'broker 9',
    ],
    [
      'a broker twice',
      topic('t', { assignments: assignments([1, 1]) }),
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'more than once',
    ],
    [
      'no brokers',
      topic('t', { assignments: assignments([]) }),
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'empty replica list',
    ],
    [
      'uneven replicas',
      topic('t', { assignments: assignments([1, 2], [1]) }),
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'not consistent',
    ],
    [
      'a gap in its partitions',
      topic('t', { assignments: [{ partitionIndex: 1, brokerIds: [node(1)] }] }),
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'consecutive',
    ],
    [
      'a partition twice',
      topic('t', { assignments: [...assignments([1]), ...assignments([2])] }),
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'multiple manual',
    ],
  ]
  for (const [what, bad, errorCode, message] of cases) {
    test(what, () => {
      const cluster = new TestCluster(3)
      const [refused, good] = create(cluster, bad, topic('good'))
      expect(refused).toMatchObject({ errorCode, configs: [] })
      expect(refused!.errorMessage).toContain(message)
      expect(good!.errorCode).toBe(0)
      expect([...cluster.image.topics.values()].map(({ name }) => name)).toEqual(['good'])
    })
  }
})

test('a name is refused when it exists, is asked for twice, or collides with another', () => {
  const cluster = new TestCluster(1)
  create(cluster, topic('exists'), topic('under_score'))
  const results = create(
    cluster,
    topic('exists'),
    topic('twice'),
    topic('twice'),
    topic('under.score'),
    topic('x.y'),
    topic('x_y'),
  )
  expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['exists', ErrorCode.TOPIC_ALREADY_EXISTS],
    ['twice', ErrorCode.INVALID_REQUEST],
    ['under.score', ErrorCode.INVALID_TOPIC_EXCEPTION],
    ['x.y', 0],
    ['x_y', ErrorCode.INVALID_TOPIC_EXCEPTION],
  ])
  expect(results[2]!.errorMessage).toContain("collides with topic 'under_score'")
})

test('a manual assignment is taken as it is, led by its first broker that is alive', () => {
  const directory = uuid(777)
  const brokers: TestBroker[] = [{ id: 1, fenced: true }, { id: 2, logDirs: [directory] }, { id: 3 }]
  const cluster = new TestCluster(brokers)
  const [result] = create(cluster, topic('t', { assignments: assignments([1, 2], [3, 1]) }))
  expect(result).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 2 })
  expect(cluster.replicas('t')).toEqual([
    [1, 2],
    [3, 1],
  ])
  expect(cluster.partitions('t')[0]).toMatchObject({ leader: 2, isr: [2] })
  expect(cluster.partitions('t')[0]!.directories[1]).toBe(directory)
  const [dead] = create(cluster, topic('dead', { assignments: assignments([1]) }))
  expect(dead).toMatchObject({ errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT })
})

test('without a live broker nothing is placed, and the message says so', () => {
  const [result] = create(new TestCluster([{ id: 1, fenced: true }]), topic('t'))
  expect(result).toMatchObject({ errorCode: ErrorCode.INVALID_REPLICATION_FACTOR })
  expect(result!.errorMessage).toContain('none of 1 registered broker(s) is live. Start the brokers')
})

test('a broker that is down gets replicas where there are not enough others: it is not in sync until it is back', () => {
  const cluster = new TestCluster([{ id: 1 }, { id: 2, fenced: true }, { id: 3 }])
  const [whole, tooMany] = create(
    cluster,
    topic('whole', { replicationFactor: 3 }),
    topic('too-many', { replicationFactor: 4 }),
  )
  expect(whole).toMatchObject({ errorCode: 0, replicationFactor: 3 })
  const [partition] = cluster.partitions('whole')
  expect(partition!.replicas[2]).toBe(2)
  expect(partition!.isr.toSorted((a, b) => a - b)).toEqual([1, 3])
  expect(tooMany).toMatchObject({ errorCode: ErrorCode.INVALID_REPLICATION_FACTOR })
})

test('a request for too much at once is refused before anything is made of it', () => {
  const cluster = new TestCluster(1)
  const huge = create(cluster, topic('huge', { numPartitions: 2 ** 31 - 1 }), topic('small'))
  expect(huge.map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.POLICY_VIOLATION,
    ErrorCode.POLICY_VIOLATION,
  ])
  const many = createTopics(Array.from({ length: 20_000 }, (_, index) => topic(`t${index}`)))
  expect(topicIdsNeeded(many, cluster.config)).toBe(10_000)
  expect(cluster.run(handleCreateTopics, many).topics.every(({ errorCode }) => errorCode !== 0)).toBe(true)
})

test('topics that leave the number of partitions to the cluster count with its default', () => {
  const cluster = new TestCluster(1)
  cluster.config = { ...cluster.config, defaultPartitions: 4, partitionsPerRequestMax: 7 }
  const [first] = create(cluster, topic('a'), topic('b'))
  expect(first).toMatchObject({ errorCode: ErrorCode.POLICY_VIOLATION })
  expect(first!.errorMessage).toContain('would create 8 partitions, and at most 7')
  expect(create(cluster, topic('a'))[0]).toMatchObject({ errorCode: 0 })
})

test('a value longer than 32,767 is refused, and so is more than 1 MiB of configuration in one request', () => {
  const cluster = new TestCluster(1)
  const key = 'leader.replication.throttled.replicas'
  const configured = (name: string, length: number) =>
    topic(name, { configs: [{ name: key, value: '*'.repeat(length) }] })
  const [long, fits] = create(cluster, configured('long', 32_768), topic('fits'))
  expect(long).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST })
  expect(long!.errorMessage).toContain(`${key} would be 32768 characters long`)
  expect(fits).toMatchObject({ errorCode: 0 })
  const much = Array.from({ length: 40 }, (_, index) => configured(`t${index}`, 32_000))
  const refused = create(cluster, ...much)
  expect(new Set(refused.map(({ errorCode }) => errorCode))).toEqual(new Set([ErrorCode.POLICY_VIOLATION]))
  expect(refused[0]!.errorMessage).toContain('Set fewer keys per request')
})

test('the longest legal name is taken, and one that is longer is refused without being repeated', () => {
  const cluster = new TestCluster(1)
  const [longest, longer] = create(cluster, topic('x'.repeat(249)), topic('y'.repeat(30_000)))
  expect(longest).toMatchObject({ errorCode: 0 })
  expect(longer).toMatchObject({ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION })
  expect(longer!.errorMessage!.length).toBeLessThan(200)
})

test('whatever is asked for, every name is answered once and the records can be applied', () => {
  const anyTopic = fc.record({
    name: fc.constantFrom('a', 'b', 'c.d', 'c_d', '', 'no/good'),
    numPartitions: fc.integer({ min: -2, max: 5 }),
    replicationFactor: fc.integer({ min: -2, max: 4 }),
    assignments: fc.array(
      fc.record({
        partitionIndex: fc.integer({ min: -1, max: 2 }),
        brokerIds: fc.array(fc.nat(4).map(node), { maxLength: 3 }),
      }),
      { maxLength: 2 },
    ),
    configs: fc.array(
      fc.record({
        name: fc.constantFrom('retention.ms', 'oops'),
        value: fc.option(fc.constantFrom('1', 'x')),
      }),
      { maxLength: 2 },
    ),
  })
  fc.assert(
    fc.property(
      fc.array(anyTopic, { maxLength: 6 }),
      fc.array(anyTopic, { maxLength: 6 }),
      (first, second) => {
        const cluster = new TestCluster(3)
        for (const topics of [first, second]) {
          const results = create(cluster, ...topics)
          expect(results.map(({ name }) => name).toSorted()).toEqual(
            [...new Set(topics.map(({ name }) => name))].toSorted(),
          )
          for (const { name, errorCode, numPartitions } of results) {
            if (errorCode === 0) expect(cluster.partitions(name).length).toBe(numPartitions)
          }
        }
      },
    ),
  )
})

const thousand = Array.from({ length: 1000 }, (_, index) => topic(`topic-${index}`, { numPartitions: 3 }))
const hundred = Array.from({ length: 100 }, (_, index) => topic(`new-${index}`, { numPartitions: 3 }))

test.each([
  ['one request', [hundred]],
  ['as many requests', hundred.map((one) => [one])],
])('100 topics in %s cost the same whether there are 1,000 others or none', (_, requests) => {
  const callsBeside = (others: typeof thousand) => {
    const cluster = new TestCluster(3)
    cluster.run(handleCreateTopics, createTopics(others))
    const calls = callsOf(cluster, () => {
      for (const topics of requests) cluster.run(handleCreateTopics, createTopics(topics))
    })
    expect(cluster.image.topics.size).toBe(others.length + 100)
    return calls
  }
  const calls = callsBeside(thousand)
  expect(calls).toEqual(callsBeside([]))
  expect(calls.get('byName')).toBeGreaterThanOrEqual(100)
  // They are never all looked at.
  for (const name of ['values', 'keys', 'entries']) expect(calls.get(name), name).toBeUndefined()
})
