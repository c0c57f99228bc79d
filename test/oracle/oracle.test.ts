/**
 * Apache Kafka as oracle: each scenario runs against Millrace and against Kafka 4.2 and must see the same, unless
 * accepted-differences.ts says why not. Kafka's answers are kept in kafka-4.2.0.json (ORACLE_UPDATE=1 rewrites
 * it), so that the Millrace half is still compared where Java is missing.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { BrokerProcess, root } from '../rig/broker-process.ts'
import { lowPort } from '../rig/kafka-cluster.ts'
import { RawConnection } from '../rig/raw-connection.ts'
import { acceptedDifferences } from './accepted-differences.ts'
import { Comparison, javaWorks } from './comparison.ts'
import { plain, type Scenario, type World } from './scenario.ts'
import { configs } from './scenarios/configs.ts'
import { fetching } from './scenarios/fetch.ts'
import { offsets } from './scenarios/offsets.ts'
import { producing } from './scenarios/produce.ts'
import { topics } from './scenarios/topics.ts'

const groups: Readonly<Record<string, readonly Scenario[]>> = {
  topics,
  producing,
  fetching,
  offsets,
  configs,
}
const keys = Object.entries(groups).flatMap(([group, scenarios]) =>
  scenarios.map(({ name }) => `${group}: ${name}`),
)
const comparison = new Comparison('kafka-4.2.0.json', acceptedDifferences)
const script = join(root, 'scripts/kafka')

let broker: BrokerProcess
let kafkaPort: number | null = null
let kafkaEnv: NodeJS.ProcessEnv

beforeAll(async () => {
  broker = await BrokerProcess.start({ config: { 'auto.create.topics.enable': false } })
  if (!javaWorks()) return
  const port = await lowPort([0, 1])
  kafkaEnv = {
    ...process.env,
    KAFKA_PORT: String(port),
    KAFKA_DATA: join(root, '.cache/kafka-oracle'),
  }
  execFileSync(script, ['up'], { env: kafkaEnv, stdio: ['ignore', 'ignore', 'inherit'] })
  kafkaPort = port
}, 240_000)

afterAll(async () => {
  if (kafkaPort !== null) execFileSync(script, ['down'], { env: kafkaEnv })
  await broker[Symbol.asyncDispose]()
  comparison.save(keys)
})

let names = 0
async function observe(scenario: Scenario, port: number): Promise<unknown> {
  const connections: RawConnection[] = []
  const open = async (): Promise<RawConnection> => {
    const connection = await RawConnection.open(port, 'kafka')
    connections.push(connection)
    return connection
  }
  const world: World = { connection: await open(), open, topicName: (hint) => `${hint}-${++names}` }
  try {
    return plain(await scenario.run(world))
  } finally {
    for (const connection of connections) connection[Symbol.dispose]()
  }
}

for (const [group, scenarios] of Object.entries(groups)) {
  describe(group, () => {
    it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', async (name, scenario) => {
      const key = `${group}: ${name}`
      if (kafkaPort !== null) comparison.kafka(key, await observe(scenario, kafkaPort))
      comparison.millrace(key, await observe(scenario, broker.port))
    })
  })
}

it('accepts no difference for a scenario that does not exist', () => comparison.coversOnly(keys))
