/**
 * Apache Kafka as oracle: each scenario runs against Millrace and against Kafka 4.2 and must see the same, unless
 * accepted-differences.ts says why not. Kafka's answers are kept in kafka-4.2.0.json (ORACLE_UPDATE=1 rewrites
 * it), so that the Millrace half is still compared where Java is missing.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accepts, BrokerProcess, root } from '../rig/broker-process.ts'
import { RawConnection } from '../rig/raw-connection.ts'
import { acceptedDifferences } from './accepted-differences.ts'
import type { Scenario, World } from './scenario.ts'
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
const recordedPath = new URL('./kafka-4.2.0.json', import.meta.url).pathname
const recorded = new Map<string, unknown>(
  Object.entries(JSON.parse(readFileSync(recordedPath, 'utf8')) as object),
)
const updating = process.env['ORACLE_UPDATE'] === '1'
const script = join(root, 'scripts/kafka')

let broker: BrokerProcess
let kafkaPort: number | null = null
let kafkaEnv: NodeJS.ProcessEnv

beforeAll(async () => {
  broker = await BrokerProcess.start({ config: { 'auto.create.topics.enable': false } })
  if (!javaWorks()) return
  const port = await freePortPair()
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
  if (updating) writeFileSync(recordedPath, `${JSON.stringify(Object.fromEntries(recorded), null, 1)}\n`)
})

/**
 * A port for the broker with the next one free for its controller. Not where the system takes ports for outgoing
 * connections: one of those could take the second between the look and the start.
 */
async function freePortPair(): Promise<number> {
  for (let port = 20_000 + (process.pid % 5000); ; port += 2) {
    if (!(await accepts(port)) && !(await accepts(port + 1))) return port
  }
}

function javaWorks(): boolean {
  const works = spawnSync('java', ['-version']).status === 0
  if (!works)
    console.warn(
      'NOT TESTED: Apache Kafka itself, Java is missing; comparing with its recorded answers instead',
    )
  return works
}

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
    // through JSON, so that what is compared now and what is recorded have the same form
    return JSON.parse(JSON.stringify(await scenario.run(world))) as unknown
  } finally {
    for (const connection of connections) connection[Symbol.dispose]()
  }
}

for (const [group, scenarios] of Object.entries(groups)) {
  describe(group, () => {
    it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', async (name, scenario) => {
      const key = `${group}: ${name}`
      if (kafkaPort !== null) {
        const answer = await observe(scenario, kafkaPort)
        if (updating) recorded.set(key, answer)
        else expect(answer, 'Kafka answers otherwise than recorded').toEqual(recorded.get(key))
      }
      const accepted = acceptedDifferences.get(key)
      const ours = await observe(scenario, broker.port)
      expect(ours).toEqual(accepted === undefined ? recorded.get(key) : accepted.millrace)
      if (accepted !== undefined)
        expect(ours, 'no difference any more: take it off the list').not.toEqual(recorded.get(key))
    })
  })
}

it('accepts no difference for a scenario that does not exist', () => {
  const keys = Object.entries(groups).flatMap(([group, scenarios]) =>
    scenarios.map(({ name }) => `${group}: ${name}`),
  )
  for (const key of acceptedDifferences.keys()) expect(keys).toContain(key)
})
