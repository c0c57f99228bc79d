import { nodeId, randomUuid, ZERO_UUID } from '@millrace/base'
import { nodeEntropy } from '@millrace/base/node'
import { describe, expect, it } from 'vitest'
import { NODE, partitionRecord } from '../support/local-metadata.ts'
import { ErrorCode, ShardFixture, TestConnection } from '../support/shard-fixture.ts'

const named = (...names: string[]) => names.map((name) => ({ name }))

describe('Metadata', () => {
  it('advertises the address that the client came in on, unless one is configured', async () => {
    await using fixture = await ShardFixture.open()
    await fixture.shard.announce({ brokerPort: 7001, clientPorts: [], shardPorts: [] })
    const { brokers, clusterId, controllerId } = await fixture.send('Metadata', { topics: [] })
    expect(brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: 7001, rack: null }])
    expect({ clusterId, controllerId }).toEqual({ clusterId: 'test-cluster', controllerId: 1 })

    const listener = {
      name: 'PLAINTEXT',
      host: '0.0.0.0',
      port: 0,
      advertisedHost: 'broker.example',
      advertisedPort: 9999,
      reachableHost: 'here',
    }
    await using configured = await ShardFixture.open({ config: { listener, rack: 'r1' } })
    const answer = await configured.send('Metadata', { topics: [] })
    expect(answer.brokers).toEqual([{ nodeId: 1, host: 'broker.example', port: 9999, rack: 'r1' }])
  })

  it('tells whoever came in by a listener the addresses of that name', async () => {
    const listener = (name: string, advertisedPort: number) => ({
      name,
      host: '127.0.0.1',
      port: 0,
      advertisedHost: `${name.toLowerCase()}.example`,
      advertisedPort,
      reachableHost: 'here',
    })
    const config = { listener: listener('PLAINTEXT', 9092), clientListeners: [listener('OUTSIDE', 19_091)] }
    await using fixture = await ShardFixture.open({ config })
    const { metadata } = fixture.broker
    const more = [{ name: 'OUTSIDE', host: 'two.example', port: 19_092, securityProtocol: 0 }]
    metadata.register(nodeId(2), { more })
    metadata.register(nodeId(3))

    const told = async (name: string) => {
      const connection = new TestConnection(name)
      const { brokers } = await fixture.send('Metadata', { topics: [] }, { connection })
      return brokers.map(({ host, port }) => `${host}:${port}`)
    }
    expect(await told('PLAINTEXT')).toEqual(['plaintext.example:9092', 'broker-2:9092', 'broker-3:9092'])
    // One that has no such listener, or not yet, is named as other nodes know it.
    expect(await told('OUTSIDE')).toEqual(['outside.example:19091', 'two.example:19092', 'broker-3:9092'])
  })

  it('takes null for all topics and an empty list for none, but for all in version 0', async () => {
    await using fixture = await ShardFixture.open({ topics: { a: 1, b: 2 } })
    const names = async (topics: [] | null, version: number) =>
      (await fixture.send('Metadata', { topics }, { version })).topics
        .map(({ name }) => name!)
        .sort((a, b) => a.localeCompare(b))
    expect(await names(null, 9)).toEqual(['a', 'b'])
    expect(await names([], 9)).toEqual([])
    expect(await names([], 0)).toEqual(['a', 'b'])
  })

  it('describes partitions with leader, epoch and replicas', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 2 } })
    const { topics } = await fixture.send('Metadata', { topics: named('t') })
    const { id } = fixture.broker.metadata.image.topics.byName('t')!
    expect(topics[0]).toMatchObject({ errorCode: 0, name: 't', topicId: id, isInternal: false })
    expect(topics[0]!.partitions).toMatchObject([
      {
        partitionIndex: 0,
        leaderId: 1,
        leaderEpoch: 0,
        replicaNodes: [1],
        isrNodes: [1],
        offlineReplicas: [],
      },
      {
        partitionIndex: 1,
        leaderId: 1,
        leaderEpoch: 0,
        replicaNodes: [1],
        isrNodes: [1],
        offlineReplicas: [],
      },
    ])
  })

  it('finds topics by id from version 12 on', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const { id } = fixture.broker.metadata.image.topics.byName('t')!
    const unknown = randomUuid(nodeEntropy)
    const body = {
      topics: [
        { name: null, topicId: id },
        { name: null, topicId: unknown },
      ],
    }
    const { topics } = await fixture.send('Metadata', body, { version: 12 })
    expect(topics[0]).toMatchObject({ errorCode: 0, name: 't', topicId: id })
    expect(topics[1]).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId: unknown })
    const early = await fixture.send('Metadata', { topics: [{ name: null, topicId: id }] }, { version: 10 })
    expect(early.topics[0]).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST, topicId: ZERO_UUID })
  })

  it('creates a missing topic and answers with its leader', async () => {
    await using fixture = await ShardFixture.open()
    const { topics } = await fixture.send('Metadata', { topics: named('fresh', 'fresh') })
    expect(topics).toMatchObject([{ errorCode: 0, name: 'fresh', partitions: [{ leaderId: 1 }] }])
    expect(fixture.broker.metadata.requests).toEqual(['CreateTopics'])
  })

  it('asks the controller once for a topic that many clients name at a time', async () => {
    await using fixture = await ShardFixture.open()
    const gate = Promise.withResolvers<void>()
    fixture.broker.metadata.gate = gate.promise
    const asked = [1, 2, 3].map(() => fixture.send('Metadata', { topics: named('fresh') }))
    gate.resolve()
    for (const { topics } of await Promise.all(asked)) expect(topics[0]!.errorCode).toBe(0)
    expect(fixture.broker.metadata.requests).toHaveLength(1)
  })

  it('answers LEADER_NOT_AVAILABLE when the creation takes too long', async () => {
    await using fixture = await ShardFixture.open()
    fixture.broker.metadata.gate = new Promise(() => {})
    const asked = fixture.send('Metadata', { topics: named('slow') })
    fixture.broker.time.advance(1000)
    expect((await asked).topics[0]).toMatchObject({ name: 'slow', errorCode: ErrorCode.LEADER_NOT_AVAILABLE })
  })

  it('creates nothing when broker or request forbid it, or the name is not allowed', async () => {
    await using fixture = await ShardFixture.open()
    const code = async (name: string, allowAutoTopicCreation = true) =>
      (await fixture.send('Metadata', { topics: named(name), allowAutoTopicCreation })).topics[0]!.errorCode
    expect(await code('no', false)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await code('../etc')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    expect(await code('..')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    expect(await code('__consumer_offsets')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    await using strict = await ShardFixture.open({ config: { autoCreateTopics: false } })
    const { topics } = await strict.send('Metadata', { topics: named('no') })
    expect(topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect([...fixture.broker.metadata.requests, ...strict.broker.metadata.requests]).toEqual([])
  })

  it('tells what one may do only when asked', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const silent = await fixture.send('Metadata', { topics: named('t') }, { version: 10 })
    expect(silent.topics[0]!.topicAuthorizedOperations).toBe(-0x80000000)
    const asked = await fixture.send(
      'Metadata',
      {
        topics: named('t'),
        includeTopicAuthorizedOperations: true,
        includeClusterAuthorizedOperations: true,
      },
      { version: 10 },
    )
    expect(asked.topics[0]!.topicAuthorizedOperations).toBe(3576)
    expect(asked.clusterAuthorizedOperations).toBe(8096)
  })
})

describe('a cluster of several brokers', () => {
  const OTHER = nodeId(2)

  it('is described with every broker that is not fenced, at the addresses that they registered', async () => {
    await using fixture = await ShardFixture.open()
    const { metadata } = fixture.broker
    metadata.register(OTHER, { port: 7002 })
    metadata.register(nodeId(3), { fenced: true })
    await fixture.shard.announce({ brokerPort: 7001, clientPorts: [], shardPorts: [] })
    const expected = [
      { nodeId: 1, host: '127.0.0.1', port: 7001, rack: null },
      { nodeId: 2, host: 'broker-2', port: 7002, rack: null },
    ]
    expect(await fixture.send('Metadata', { topics: [] })).toMatchObject({
      brokers: expected,
      controllerId: 1,
    })
    const { brokers, controllerId } = await fixture.send('DescribeCluster', {})
    expect(brokers.map(({ brokerId }) => brokerId)).toEqual([1, 2])
    expect(controllerId).toBe(1)
  })

  it('is described with its fenced brokers to those who ask for them (KIP-1073)', async () => {
    await using fixture = await ShardFixture.open()
    const { metadata } = fixture.broker
    metadata.register(OTHER)
    metadata.register(nodeId(3), { port: 7003, fenced: true })
    const states = async (includeFencedBrokers: boolean) => {
      const { brokers } = await fixture.send('DescribeCluster', { includeFencedBrokers }, { version: 2 })
      return brokers.map(({ brokerId, isFenced }): [number, boolean] => [brokerId, isFenced])
    }
    expect(await states(false)).toEqual([
      [1, false],
      [2, false],
    ])
    expect(await states(true)).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ])
    metadata.fence(NODE)
    metadata.fence(OTHER)
    expect(new Map(await states(true))).toEqual(
      new Map([
        [1, true],
        [2, true],
        [3, true],
      ]),
    )
  })

  it('is described by a fenced broker, too, which then sends clients to the others', async () => {
    await using fixture = await ShardFixture.open()
    const { metadata } = fixture.broker
    metadata.fence(NODE)
    const alone = await fixture.send('Metadata', { topics: [] })
    expect([alone.brokers.map((broker) => broker.nodeId), alone.controllerId]).toEqual([[1], 1])
    metadata.register(OTHER)
    const answer = await fixture.send('Metadata', { topics: [] })
    expect([answer.brokers.map((broker) => broker.nodeId), answer.controllerId]).toEqual([[2], 2])
  })

  it('has leaders elsewhere, and partitions without one, whose replicas are offline', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const { metadata } = fixture.broker
    const { id } = metadata.image.topics.byName('t')!
    metadata.register(OTHER)
    metadata.commit([partitionRecord(id, 1, OTHER, 5)])
    const { topics } = await fixture.send('Metadata', { topics: named('t') })
    expect(topics[0]!.partitions[1]).toMatchObject({
      errorCode: ErrorCode.NONE,
      leaderId: 2,
      leaderEpoch: 5,
      offlineReplicas: [],
      shardPort: 0,
    })
    metadata.fence(OTHER)
    metadata.fence(NODE)
    const without = await fixture.send('Metadata', { topics: named('t') })
    expect(without.topics[0]!.partitions).toMatchObject([
      { errorCode: ErrorCode.LEADER_NOT_AVAILABLE, leaderId: -1, offlineReplicas: [1] },
      { errorCode: ErrorCode.LEADER_NOT_AVAILABLE, leaderId: -1, leaderEpoch: 6, offlineReplicas: [2] },
    ])
  })
})

describe('DescribeConfigs', () => {
  it('is answered by the broker itself, without the controller', async () => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const ask = (resourceType: number, resourceName: string) =>
      fixture.send('DescribeConfigs', {
        resources: [{ resourceType, resourceName, configurationKeys: null }],
      })
    const topic = await ask(2, 't')
    expect(topic.results[0]!.configs.map(({ name }) => name)).toContain('retention.ms')
    const broker = await ask(4, '1')
    expect(broker.results[0]!.configs.find(({ name }) => name === 'log.flush.policy')!.value).toBe('os')
    const other = await ask(4, '2')
    expect(other.results[0]!.errorCode).toBe(ErrorCode.INVALID_REQUEST)
    expect(fixture.broker.metadata.requests).toEqual([])
  })
})

describe('DescribeCluster', () => {
  it('describes the brokers, and refuses to stand in for controllers', async () => {
    await using fixture = await ShardFixture.open()
    await fixture.shard.announce({ brokerPort: 7001, clientPorts: [], shardPorts: [] })
    const cluster = await fixture.send('DescribeCluster', {})
    expect(cluster).toMatchObject({ errorCode: 0, clusterId: 'test-cluster', controllerId: 1 })
    expect(cluster.brokers).toMatchObject([{ brokerId: 1, host: '127.0.0.1', port: 7001, rack: null }])
    const refused = await fixture.send('DescribeCluster', { endpointType: 2 })
    expect(refused.errorCode).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE)
    const unheardOf = await fixture.send('DescribeCluster', { endpointType: 3 })
    expect(unheardOf.errorCode).toBe(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)
  })
})

describe('FindCoordinator', () => {
  it('has none to offer, in either form of the request', async () => {
    await using fixture = await ShardFixture.open()
    const none = { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, nodeId: -1, host: '', port: -1 }
    expect(await fixture.send('FindCoordinator', { key: 'g' }, { version: 0 })).toMatchObject(none)
    const { coordinators } = await fixture.send(
      'FindCoordinator',
      { coordinatorKeys: ['a', 'b'] },
      { version: 4 },
    )
    expect(coordinators).toMatchObject([
      { key: 'a', ...none },
      { key: 'b', ...none },
    ])
  })
})

describe('ApiVersions', () => {
  it('shows the native wire to our own clients alone', async () => {
    await using fixture = await ShardFixture.open()
    const wire = async (clientSoftwareName: string) =>
      (await fixture.send('ApiVersions', { clientSoftwareName }, { version: 3 })).nativeWire
    expect(await wire('millrace')).toBe(1)
    expect(await wire('librdkafka')).toBe(0)
  })

  it('offers Produce from version 0, which old clients look for before they compress', async () => {
    await using fixture = await ShardFixture.open()
    const { apiKeys, supportedFeatures } = await fixture.send('ApiVersions', {}, { version: 3 })
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toMatchObject({ minVersion: 0 })
    expect(supportedFeatures).toEqual([])
  })
})
