import { createTopic, errorName, scenario, type World } from '../scenario.ts'

const TOPIC = 2
const BROKER = 4

interface DescribedConfigs {
  readonly error: string
  readonly configs: readonly {
    readonly name: string
    readonly value: string | null
    readonly configSource: number
    readonly configType: number
  }[]
}

async function describeConfigs(
  world: World,
  resourceName: string,
  keys: string[] | null,
  resourceType = TOPIC,
): Promise<DescribedConfigs> {
  const resources = [{ resourceType, resourceName, configurationKeys: keys }]
  const body = { resources, includeSynonyms: true, includeDocumentation: false }
  const response = await world.connection.request('DescribeConfigs', 3, body as never)
  const { errorCode, configs } = response.results[0]!
  return {
    error: errorName(errorCode),
    configs: configs
      .map(({ name, value, readOnly, configSource, isSensitive, configType, synonyms }) => ({
        name,
        value,
        readOnly,
        configSource,
        isSensitive,
        configType,
        synonyms: synonyms.map((synonym) => ({
          name: synonym.name,
          value: synonym.value,
          source: synonym.source,
        })),
      }))
      .sort((a, b) => a.name.localeCompare(b.name)),
  }
}

interface Alteration {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

async function alter(
  world: World,
  resourceName: string,
  configs: Alteration[],
  validateOnly = false,
  resourceType = TOPIC,
): Promise<string> {
  const resources = [{ resourceType, resourceName, configs }]
  const response = await world.connection.request('IncrementalAlterConfigs', 1, { resources, validateOnly })
  return errorName(response.responses[0]!.errorCode)
}

/** Configs spread asynchronously in Kafka: asks until the value is the expected one, and returns the whole answer. */
async function eventually(
  world: World,
  name: string,
  key: string,
  value: string,
  type = TOPIC,
): Promise<DescribedConfigs> {
  for (;;) {
    const answer = await describeConfigs(world, name, [key], type)
    if (answer.configs[0]?.value === value) return answer
  }
}

const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

export const configs = [
  scenario('the keys asked for are answered, with defaults and sources', async (world) => {
    const topic = await createTopic(world, 'conf', { configs: { 'retention.ms': '1234567' } })
    return describeConfigs(world, topic, [
      'retention.ms',
      'cleanup.policy',
      'max.message.bytes',
      'segment.bytes',
    ])
  }),
  scenario('an unknown key is left out', async (world) =>
    describeConfigs(world, await createTopic(world, 'conf'), ['no.such.key']),
  ),
  scenario('an unknown topic', async (world) => describeConfigs(world, world.topicName('nowhere'), null)),
  scenario('set, append, subtract, delete', async (world) => {
    const topic = await createTopic(world, 'alter')
    const answers: unknown[] = []
    answers.push(await alter(world, topic, [{ name: 'retention.ms', configOperation: SET!, value: '99' }]))
    answers.push(await eventually(world, topic, 'retention.ms', '99'))
    answers.push(
      await alter(world, topic, [{ name: 'cleanup.policy', configOperation: APPEND!, value: 'compact' }]),
    )
    answers.push(await eventually(world, topic, 'cleanup.policy', 'delete,compact'))
    answers.push(
      await alter(world, topic, [{ name: 'cleanup.policy', configOperation: SUBTRACT!, value: 'delete' }]),
    )
    answers.push(await eventually(world, topic, 'cleanup.policy', 'compact'))
    answers.push(await alter(world, topic, [{ name: 'retention.ms', configOperation: DELETE!, value: null }]))
    answers.push(await eventually(world, topic, 'retention.ms', '604800000'))
    return answers
  }),
  scenario('bad alterations are refused', async (world) => {
    const topic = await createTopic(world, 'bad')
    const set = (name: string, value: string | null): Promise<string> =>
      alter(world, topic, [{ name, configOperation: SET!, value }])
    return {
      unknown: await set('no.such.key', '1'),
      type: await set('retention.ms', 'soon'),
      bounds: await set('segment.bytes', '1'),
      nothing: await set('retention.ms', null),
      appendToNumber: await alter(world, topic, [
        { name: 'retention.ms', configOperation: APPEND!, value: '1' },
      ]),
      operation: await alter(world, topic, [{ name: 'retention.ms', configOperation: 9, value: '1' }]),
      twice: await alter(world, topic, [
        { name: 'retention.ms', configOperation: SET!, value: '1' },
        { name: 'retention.ms', configOperation: SET!, value: '2' },
      ]),
      topic: await alter(world, world.topicName('nowhere'), [
        { name: 'retention.ms', configOperation: SET!, value: '1' },
      ]),
    }
  }),
  scenario('validateOnly alters nothing', async (world) => {
    const topic = await createTopic(world, 'validate')
    const answer = await alter(
      world,
      topic,
      [{ name: 'retention.ms', configOperation: SET!, value: '99' }],
      true,
    )
    return { answer, afterwards: await describeConfigs(world, topic, ['retention.ms']) }
  }),
  scenario('replicas are throttled by pairs of partition and broker, or all', async (world) => {
    const topic = await createTopic(world, 'throttled')
    const answers: unknown[] = []
    for (const name of ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas']) {
      const change = (configOperation: number, value: string): Promise<string> =>
        alter(world, topic, [{ name, configOperation, value }])
      for (const value of ['0:1,1:2', '*'])
        answers.push(await change(SET!, value), await eventually(world, topic, name, value))
      for (const value of ['0', '0:', '0:1:2', 'x:1', '**', '*,0:1', '0:1,*', '-1:1'])
        answers.push([value, await change(SET!, value)])
      answers.push(await change(APPEND!, '0:1'), await change(SUBTRACT!, '*'))
      answers.push(await eventually(world, topic, name, ''))
      answers.push(await change(APPEND!, '0:1'), await eventually(world, topic, name, '0:1'))
    }
    return answers
  }),
  scenario('rates of throttled replication are set for a broker and for all', async (world) => {
    const { brokers } = await world.connection.request('Metadata', 12, { topics: [] } as never)
    const name = 'leader.replication.throttled.rate'
    const answers: unknown[] = []
    for (const broker of [String(brokers[0]!.nodeId), '']) {
      const change = (configOperation: number, value: string | null): Promise<string> =>
        alter(world, broker, [{ name, configOperation, value }], false, BROKER)
      for (const value of ['1000000', '0']) {
        const answer = await change(SET!, value)
        const [entry] = (await eventually(world, broker, name, value, BROKER)).configs
        answers.push(answer, [entry!.value, entry!.configSource, entry!.configType])
      }
      answers.push({ negative: await change(SET!, '-1'), word: await change(SET!, 'fast') })
      answers.push(await change(DELETE!, null))
    }
    return answers
  }),
]
