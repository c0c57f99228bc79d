import { createTopic, errorName, scenario, type World } from '../scenario.ts'

interface NewTopic {
  readonly name: string
  readonly numPartitions?: number
  readonly replicationFactor?: number
  readonly assignments?: { partitionIndex: number; brokerIds: number[] }[]
  readonly configs?: { name: string; value: string | null }[]
}

async function create(
  world: World,
  topics: readonly NewTopic[],
  validateOnly = false,
  version = 7,
): Promise<unknown> {
  const complete = topics.map((topic) => ({
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...topic,
  }))
  const body = { topics: complete, timeoutMs: 10_000, validateOnly }
  const response = await world.connection.request('CreateTopics', version, body as never)
  return response.topics
    .map(({ errorCode, numPartitions, replicationFactor, configs }) => ({
      error: errorName(errorCode),
      numPartitions,
      replicationFactor,
      hasConfigs: configs !== null && configs.length > 0,
    }))
    .sort((a, b) => a.error.localeCompare(b.error))
}

async function describeTopic(world: World, name: string | null, version = 9): Promise<unknown> {
  const topics = name === null ? null : [{ name }]
  const response = await world.connection.request('Metadata', version, {
    topics,
    allowAutoTopicCreation: false,
  } as never)
  return response.topics
    .filter((topic) => name === null || topic.name === name)
    .map((topic) => ({
      error: errorName(topic.errorCode),
      isInternal: topic.isInternal,
      partitions: topic.partitions.length,
      leaders: new Set(topic.partitions.map(({ leaderId }) => leaderId >= 0)).size,
    }))
}

export const topics = [
  scenario('a topic is created with the partitions asked for', async (world) => {
    const name = world.topicName('created')
    return create(world, [{ name, numPartitions: 3 }])
  }),
  scenario('−1 partitions and replicas mean the default', async (world) =>
    create(world, [{ name: world.topicName('defaults'), numPartitions: -1, replicationFactor: -1 }]),
  ),
  scenario('a topic that exists is refused', async (world) => {
    const name = await createTopic(world, 'twice')
    return create(world, [{ name }])
  }),
  scenario('the same topic twice in one request is refused', async (world) => {
    const name = world.topicName('double')
    return create(world, [{ name }, { name }])
  }),
  scenario('zero partitions are refused', async (world) =>
    create(world, [{ name: world.topicName('p0'), numPartitions: 0 }]),
  ),
  scenario('zero replicas are refused', async (world) =>
    create(world, [{ name: world.topicName('r0'), replicationFactor: 0 }]),
  ),
  scenario('more replicas than brokers are refused', async (world) =>
    create(world, [{ name: world.topicName('r9'), replicationFactor: 9 }]),
  ),
  scenario('bad topic names are refused', async (world) => {
    const names = ['', '.', '..', 'a/b', 'a b', 'ü', 'x'.repeat(250)]
    const answers = []
    for (const name of names)
      answers.push({ name: name.slice(0, 5), answer: await create(world, [{ name }]) })
    return answers
  }),
  scenario('a name that differs from another only by . and _ is refused', async (world) => {
    const name = await createTopic(world, 'dots.and_lines')
    return create(world, [{ name: name.replace('dots.and', 'dots_and') }])
  }),
  scenario('an unknown config is refused', async (world) =>
    create(world, [{ name: world.topicName('conf'), configs: [{ name: 'no.such.config', value: '1' }] }]),
  ),
  scenario('a config value of the wrong type is refused', async (world) =>
    create(world, [{ name: world.topicName('conf'), configs: [{ name: 'retention.ms', value: 'soon' }] }]),
  ),
  scenario('a config value out of bounds is refused', async (world) =>
    create(world, [{ name: world.topicName('conf'), configs: [{ name: 'segment.bytes', value: '-5' }] }]),
  ),
  scenario('validateOnly creates nothing', async (world) => {
    const name = world.topicName('validated')
    return { answer: await create(world, [{ name }], true), afterwards: await describeTopic(world, name) }
  }),
  scenario('an assignment by hand is taken', async (world) => {
    const metadata = await world.connection.request('Metadata', 9, {
      topics: [],
      allowAutoTopicCreation: false,
    } as never)
    const broker = metadata.brokers[0]!.nodeId
    const assignments = [0, 1].map((partitionIndex) => ({ partitionIndex, brokerIds: [broker] }))
    return create(world, [
      { name: world.topicName('manual'), numPartitions: -1, replicationFactor: -1, assignments },
    ])
  }),
  scenario('an assignment to a broker that does not exist is refused', async (world) =>
    create(world, [
      {
        name: world.topicName('manual'),
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [4711] }],
      },
    ]),
  ),
  scenario('an assignment together with a partition count is refused', async (world) =>
    create(world, [
      {
        name: world.topicName('manual'),
        numPartitions: 2,
        assignments: [{ partitionIndex: 0, brokerIds: [1] }],
      },
    ]),
  ),
  scenario('an unknown topic is said to be unknown', async (world) =>
    describeTopic(world, world.topicName('nowhere')),
  ),
  scenario('metadata of a topic', async (world) =>
    describeTopic(world, await createTopic(world, 'meta', { partitions: 4 })),
  ),
  scenario('metadata of an empty list of topics has none', async (world) => {
    const body = { topics: [], allowAutoTopicCreation: false }
    const response = await world.connection.request('Metadata', 9, body)
    return {
      topics: response.topics.length,
      brokers: response.brokers.length,
      controller: response.controllerId >= 0,
    }
  }),
  scenario('a deleted topic is unknown, and deleting it again fails', async (world) => {
    const name = await createTopic(world, 'deleted')
    const remove = async (): Promise<string[]> => {
      const body = { topicNames: [name], timeoutMs: 10_000 }
      const response = await world.connection.request('DeleteTopics', 5, body as never)
      return response.responses.map(({ errorCode }) => errorName(errorCode))
    }
    const first = await remove()
    for (;;) {
      const [topic] = (await describeTopic(world, name)) as { error: string }[]
      if (topic!.error !== 'NONE') return { first, afterwards: topic, again: await remove() }
    }
  }),
  scenario('partitions can be added and not taken away', async (world) => {
    const name = await createTopic(world, 'grow', { partitions: 2 })
    const grow = async (topic: string, count: number): Promise<string> => {
      const body = {
        topics: [{ name: topic, count, assignments: null }],
        timeoutMs: 10_000,
        validateOnly: false,
      }
      const response = await world.connection.request('CreatePartitions', 2, body)
      return errorName(response.results[0]!.errorCode)
    }
    return {
      fewer: await grow(name, 1),
      same: await grow(name, 2),
      more: await grow(name, 3),
      unknown: await grow(world.topicName('nowhere'), 3),
    }
  }),
]
