import { Admin, BrokerError, PartialFailureError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { FakeCluster } from '../fake/fake-cluster.ts'

async function rig(brokers = 1): Promise<{ fake: FakeCluster; admin: Admin }> {
  const fake = await FakeCluster.start(brokers)
  return { fake, admin: new Admin({ bootstrap: fake.bootstrap, env: fake.env }) }
}

describe('admin client', () => {
  it('creates topics and tells what was created', async () => {
    const { fake, admin } = await rig()
    const created = await fake.until(
      admin.createTopics([{ name: 'flights', partitions: 6, configs: { 'retention.ms': '1' } }]),
    )
    expect(created).toEqual([
      { name: 'flights', topicId: fake.topics.get('flights')!.topicId, partitions: 6, replicationFactor: 1 },
    ])
    expect(fake.requests('CreateTopics')[0]!.topics[0]!.configs).toEqual([
      { name: 'retention.ms', value: '1' },
    ])
  })

  it("rejects with Kafka's code when the only topic is refused", async () => {
    const { fake, admin } = await rig()
    fake.createTopic('flights')
    const created = fake.until(admin.createTopics([{ name: 'flights' }]))
    await expect(created).rejects.toBeInstanceOf(BrokerError)
    await expect(created).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
      errorCode: 36,
      retriable: false,
    })
  })

  it('rejects with an error by topic when some of several are refused', async () => {
    const { fake, admin } = await rig()
    fake.createTopic('old')
    const error: unknown = await fake
      .until(admin.createTopics([{ name: 'old' }, { name: 'new' }]))
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(PartialFailureError)
    expect([...(error as PartialFailureError).failures.keys()]).toEqual(['old'])
    expect(fake.topics.has('new')).toBe(true)
  })

  it('says that an own earlier try may have created the topic, when that got no answer', async () => {
    const { fake, admin } = await rig()
    let tries = 0
    fake.intercept('CreateTopics', ({ topics }) => ({
      topics: topics.map(({ name }) => ({
        name,
        errorCode: ++tries === 1 ? ErrorCode.REQUEST_TIMED_OUT : ErrorCode.TOPIC_ALREADY_EXISTS,
        errorMessage: `Topic '${name}' already exists.`,
      })),
    }))
    await expect(fake.until(admin.createTopics([{ name: 'flights' }]))).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
      message: expect.stringContaining(
        'An earlier try of this call, which got no answer, may have created it',
      ),
    })
    const first = fake.until(admin.createTopics([{ name: 'flights' }]))
    await expect(first).rejects.toMatchObject({ message: expect.stringContaining('already exists.') })
  })

  it('sends again only what failed retriably', async () => {
    const { fake, admin } = await rig()
    const asked: string[][] = []
    fake.intercept('CreateTopics', ({ topics }) => {
      asked.push(topics.map(({ name }) => name))
      return {
        topics: topics.map(({ name }) => ({
          name,
          errorCode: name === 'slow' && asked.length < 3 ? ErrorCode.NOT_CONTROLLER : 0,
          numPartitions: 1,
          replicationFactor: 1,
        })),
      }
    })
    const created = await fake.until(admin.createTopics([{ name: 'quick' }, { name: 'slow' }]))
    expect(created.map(({ name }) => name)).toEqual(['quick', 'slow'])
    expect(asked).toEqual([['quick', 'slow'], ['slow'], ['slow']])
  })

  it('asks the leaders for offsets, and again where the leader has moved', async () => {
    const { fake, admin } = await rig(2)
    fake.createTopic('flights', 2)
    fake.partition('flights', 1).logStartOffset = 5
    fake.moveLeader('flights', 1, 2)
    await fake.until(admin.listOffsets([{ topic: 'flights', partition: 0, at: 'end' }]))
    fake.moveLeader('flights', 0, 2)
    const found = await fake.until(
      admin.listOffsets([
        { topic: 'flights', partition: 1, at: 'beginning' },
        { topic: 'flights', partition: 0, at: 'end' },
      ]),
    )
    expect(found.map(({ partition, offset }) => [partition, offset])).toEqual([
      [1, 5],
      [0, 0],
    ])
  })

  it('does not look for ever for the offsets of a topic that was deleted', async () => {
    const { fake, admin } = await rig()
    fake.createTopic('flights')
    await fake.until(admin.listOffsets([{ topic: 'flights', partition: 0, at: 'end' }]))
    fake.topics.delete('flights')
    const startMs = fake.world.clock.monoMs()
    const found = fake.until(admin.listOffsets([{ topic: 'flights', partition: 0, at: 'end' }]))
    await expect(found).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(fake.world.clock.monoMs() - startMs).toBeLessThan(7_000)
  })

  it('says at once that a topic to describe does not exist', async () => {
    const { fake, admin } = await rig()
    const startMs = fake.world.clock.monoMs()
    const described = fake.until(admin.describeTopics(['nope']))
    await expect(described).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(fake.world.clock.monoMs() - startMs).toBeLessThan(50)
  })

  it('names the partitions that there are when asked for one that is not', async () => {
    const { fake, admin } = await rig()
    fake.createTopic('flights', 2)
    const found = fake.until(
      admin.listOffsets([{ topic: 'flights', partition: 2, at: 'end' }], { timeoutMs: 1000 }),
    )
    await expect(found).rejects.toThrow('partitions 0 to 1')
  })

  it('lists and describes topics and the cluster', async () => {
    const { fake, admin } = await rig(2)
    fake.createTopic('b', 2)
    fake.createTopic('a', 1)
    expect((await fake.until(admin.listTopics())).map(({ name, partitions }) => [name, partitions])).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    const [described] = await fake.until(admin.describeTopics(['b']))
    expect(described!.partitions.map(({ leader }) => leader)).toEqual([1, 1])
    expect(await fake.until(admin.describeCluster())).toMatchObject({
      clusterId: 'fake',
      controllerId: 1,
      brokers: [{ nodeId: 1 }, { nodeId: 2 }],
    })
  })

  it('gives up at the deadline and when aborted', async () => {
    const { fake, admin } = await rig()
    fake.intercept('CreateTopics', () => 'ignore')
    await expect(fake.until(admin.createTopics([{ name: 'a' }], { timeoutMs: 500 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    const controller = new AbortController()
    const aborted = admin.createTopics([{ name: 'b' }], { signal: controller.signal })
    const rejected = expect(aborted).rejects.toBe('changed my mind')
    await fake.rest()
    controller.abort('changed my mind')
    await rejected
  })

  it('rejects calls after it was closed', async () => {
    const { fake, admin } = await rig()
    await admin.close()
    await expect(fake.until(admin.listTopics())).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
