import { Cluster, ConfigError } from '@millrace/client'
import { ErrorCode, NATIVE_WIRE_VERSION } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { FakeCluster } from '../fake/fake-cluster.ts'

function open(
  fake: FakeCluster,
  options: { bootstrap?: string; wire?: 'native' | 'kafka' | 'auto' } = {},
): Cluster {
  return new Cluster({ bootstrap: fake.bootstrap, env: fake.env, allowAutoTopicCreation: false, ...options })
}

describe('cluster', () => {
  it('learns all brokers from one', async () => {
    const fake = await FakeCluster.start(3)
    const cluster = open(fake)
    await fake.until(cluster.connect(cluster.scope()))
    expect(cluster.metadata.brokers.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3])
    expect(cluster.metadata.clusterId).toBe('fake')
    cluster.close()
  })

  it.each([
    ['auto', NATIVE_WIRE_VERSION, 'native'],
    ['auto', 0, 'kafka'],
    ['kafka', NATIVE_WIRE_VERSION, 'kafka'],
    ['native', NATIVE_WIRE_VERSION, 'native'],
  ] as const)(
    'with wire %s, and a broker that offers native wire %i, speaks %s',
    async (wire, offered, spoken) => {
      const fake = await FakeCluster.start()
      fake.nativeWire = offered
      const cluster = open(fake, { wire })
      await fake.until(cluster.connect(cluster.scope()))
      expect(cluster.wire).toBe(spoken)
      cluster.close()
    },
  )

  it('goes on to the next bootstrap address when one does not answer', async () => {
    const fake = await FakeCluster.start()
    const cluster = open(fake, { bootstrap: `127.0.0.1:1,127.0.0.1:2,${fake.bootstrap}` })
    await fake.until(cluster.connect(cluster.scope()))
    expect(cluster.metadata.brokers.length).toBe(1)
    cluster.close()
  })

  it('is not held up by a broker that takes connections and never says a word', async () => {
    const fake = await FakeCluster.start(2)
    fake.intercept('ApiVersions', (_request, broker) => (broker === 1 ? 'ignore' : undefined))
    const bootstrap = '127.0.0.1:9001,127.0.0.1:9002'
    // Which address comes first is drawn: both, within so many draws.
    for (let draw = 0; draw < 8; draw++) {
      const cluster = open(fake, { bootstrap })
      await fake.until(cluster.connect(cluster.scope({ timeoutMs: 1000 })))
      cluster.close()
    }
    const asked = fake.seen.filter(({ request }) => request.api === 'ApiVersions')
    expect(new Set(asked.map(({ brokerId }) => brokerId))).toEqual(new Set([1, 2]))
  })

  it('says which addresses it tried when nobody answers', async () => {
    const fake = await FakeCluster.start()
    const cluster = open(fake, { bootstrap: '127.0.0.1:1,127.0.0.1:2' })
    const connected = fake.until(cluster.connect(cluster.scope({ timeoutMs: 1000 })))
    await expect(connected).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expect(connected).rejects.toThrow(
      /no broker answers: 127.0.0.1:\d: .*refused.* \(tried 127.0.0.1:\d, 127.0.0.1:\d\). Is one running there\?/,
    )
    cluster.close()
  })

  it('gives a topic time to appear, then says that it does not exist', async () => {
    const fake = await FakeCluster.start()
    const cluster = open(fake)
    const startMs = fake.world.clock.monoMs()
    const missing = fake.until(cluster.topic('nope', cluster.scope()))
    await expect(missing).rejects.toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION })
    await expect(missing).rejects.toThrow('create it first')
    expect(fake.world.clock.monoMs() - startMs).toBeLessThan(6_000)

    const late = cluster.topic('late', cluster.scope())
    await fake.advance(2_000)
    fake.createTopic('late', 4)
    expect((await fake.until(late)).partitions.length).toBe(4)
    cluster.close()
  })

  it('does not wait for a topic name that can never exist', async () => {
    const fake = await FakeCluster.start()
    fake.intercept('Metadata', ({ topics }) =>
      topics?.length === 1
        ? {
            brokers: fake.brokers,
            topics: [{ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, name: 'a/b', partitions: [] }],
          }
        : undefined,
    )
    const cluster = open(fake)
    const startMs = fake.world.clock.monoMs()
    await expect(fake.until(cluster.topic('a/b', cluster.scope()))).rejects.toMatchObject({
      code: 'INVALID_TOPIC_EXCEPTION',
    })
    expect(fake.world.clock.monoMs() - startMs).toBeLessThan(100)
    cluster.close()
  })

  it('finds the cluster again through a broker that it learned about', async () => {
    const fake = await FakeCluster.start(2)
    const cluster = open(fake)
    await fake.until(cluster.connect(cluster.scope()))
    await fake.killBroker(1)
    await fake.until(cluster.connect(cluster.scope()))
    expect(fake.seen.at(-1)!.brokerId).toBe(2)
    cluster.close()
  })

  it('asks the next broker for metadata when one that it is connected to says nothing', async () => {
    const fake = await FakeCluster.start(2)
    const cluster = open(fake)
    await fake.until(cluster.connect(cluster.scope()))
    fake.intercept('Metadata', (_request, broker) => (broker === 1 ? 'ignore' : undefined))
    const startMs = fake.world.clock.monoMs()
    await fake.until(cluster.refresh())
    expect(fake.seen.at(-1)).toMatchObject({ brokerId: 2, request: { api: 'Metadata' } })
    expect(fake.world.clock.monoMs() - startMs).toBeLessThan(600)
    cluster.close()
  })

  it('asks another broker when the last one knew no leader', async () => {
    const fake = await FakeCluster.start(2)
    fake.createTopic('flights')
    const cluster = open(fake)
    await fake.until(cluster.topic('flights', cluster.scope()))
    const leaderless = {
      errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
      partitionIndex: 0,
      leaderId: -1 as never,
      replicaNodes: [],
      isrNodes: [],
    }
    fake.intercept('Metadata', (_request, broker) =>
      broker === 1
        ? { brokers: fake.brokers, topics: [{ errorCode: 0, name: 'flights', partitions: [leaderless] }] }
        : undefined,
    )
    await fake.until(cluster.refresh())
    expect(cluster.route('flights', 0)).toBeUndefined()
    await fake.until(cluster.refresh())
    expect(cluster.route('flights', 0)).toBeDefined()
    expect(fake.seen.at(-1)!.brokerId).toBe(2)
    cluster.close()
  })

  it('asks no broker that keeps other requests of this client waiting, while there is another one', async () => {
    const fake = await FakeCluster.start(2)
    const cluster = open(fake)
    await fake.until(cluster.connect(cluster.scope()))
    fake.intercept('ListOffsets', () => 'ignore')
    const [first] = cluster.metadata.brokers
    const request = { replicaId: -1 as never, topics: [] }
    const lost = cluster.request(first!, 'ListOffsets', request, { lane: 'other', timeoutMs: 5000 })
    const unanswered = expect(lost).rejects.toMatchObject({ code: 'TIMEOUT' })
    await fake.advance(999)
    const seen = fake.seen.length
    // It notices after a second, and asks who leads now.
    await fake.advance(10)
    await fake.until(cluster.refresh())
    const asked = fake.seen.slice(seen).filter(({ request: { api } }) => api === 'Metadata')
    expect(asked.map(({ brokerId }) => brokerId)).toEqual([2, 2])
    await fake.advance(5000)
    await unanswered
    cluster.close()
  })

  it("sends requests to a broker thread's own port only while that can be reached", async () => {
    const fake = await FakeCluster.start()
    fake.createTopic('flights')
    fake.nativeWire = NATIVE_WIRE_VERSION
    const cluster = open(fake)
    fake.intercept('Metadata', () => ({
      brokers: fake.brokers,
      topics: [
        {
          errorCode: 0,
          name: 'flights',
          partitions: [
            {
              errorCode: 0,
              partitionIndex: 0,
              leaderId: fake.brokers[0]!.nodeId,
              replicaNodes: [],
              isrNodes: [],
              shardPort: 9555,
            },
          ],
        },
      ],
    }))
    await fake.until(cluster.topic('flights', cluster.scope()))
    expect(cluster.route('flights', 0)).toEqual({ host: '127.0.0.1', port: 9555 })
    await expect(fake.until(cluster.link(cluster.route('flights', 0)!))).rejects.toMatchObject({
      code: 'CONNECTION',
    })
    expect(cluster.route('flights', 0)).toMatchObject({ port: 9001 })
    await fake.advance(60_001)
    expect(cluster.route('flights', 0)).toMatchObject({ port: 9555 })
    cluster.close()
  })

  it('refuses options that cannot work, by name', async () => {
    const fake = await FakeCluster.start()
    expect(() => new Cluster({ bootstrap: 'x', requestTimeoutMs: 0, allowAutoTopicCreation: false })).toThrow(
      'requestTimeoutMs must be',
    )
    expect(() => open(fake, { wire: 'tcp' as never })).toThrow(ConfigError)
  })
})
