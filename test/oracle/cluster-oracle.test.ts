/**
 * Apache Kafka as oracle of what three brokers do together: each scenario runs against a Millrace and a Kafka of three
 * brokers, while all live, while one or two are dead, and when they are back. See oracle.test.ts.
 */
import { afterAll, beforeAll, describe, it } from 'vitest'
import { Cluster } from '../rig/cluster.ts'
import { KafkaCluster } from '../rig/kafka-cluster.ts'
import { acceptedClusterDifferences } from './accepted-differences.ts'
import { type ClusterScenario, type ClusterScenarios, type Phase, PHASES } from './cluster-scenario.ts'
import { creating } from './cluster-scenarios/creating.ts'
import { describing } from './cluster-scenarios/describing.ts'
import { electing } from './cluster-scenarios/electing.ts'
import { epochs } from './cluster-scenarios/epochs.ts'
import { idempotence } from './cluster-scenarios/idempotence.ts'
import { membership } from './cluster-scenarios/membership.ts'
import { producing } from './cluster-scenarios/producing.ts'
import { reassigning } from './cluster-scenarios/reassigning.ts'
import { type ClusterProcesses, ClusterUnderTest } from './cluster-under-test.ts'
import { Comparison, javaWorks } from './comparison.ts'

const groups: Readonly<Record<string, ClusterScenarios>> = {
  producing,
  epochs,
  idempotence,
  describing,
  electing,
  reassigning,
  creating,
  membership,
}

interface Listed {
  readonly key: string
  readonly phase: Phase
  readonly scenario: ClusterScenario
}

const listed: readonly Listed[] = PHASES.flatMap((phase) =>
  Object.entries(groups).flatMap(([group, byPhase]) =>
    (byPhase[phase] ?? []).map((scenario) => ({
      key: `${phase}: ${group}: ${scenario.name}`,
      phase,
      scenario,
    })),
  ),
)
const keys = listed.map(({ key }) => key)
const comparison = new Comparison('kafka-4.2.0-cluster.json', acceptedClusterDifferences)

/** Leaders move only when they have to. */
const SETTINGS = {
  'auto.create.topics.enable': false,
  'auto.leader.rebalance.enable': false,
  'default.replication.factor': 3,
}
/** By which Kafka notices that a broker is gone, and nothing else. Millrace sees that its port refuses. */
const KAFKA_SETTINGS = {
  ...SETTINGS,
  'broker.session.timeout.ms': 4000,
  'broker.heartbeat.interval.ms': 400,
}
/** On a machine that is busy with other things as well, a broker that is slow is not to be taken for dead. */
const MILLRACE_SETTINGS = { ...SETTINGS, 'broker.session.timeout.ms': 10_000 }

let kafka: ClusterUnderTest | null = null
let millrace: ClusterUnderTest

const running = new AsyncDisposableStack()

/** One after the other: the JVMs need all processors while they start. */
beforeAll(async () => {
  millrace = running.use(await ClusterUnderTest.open(await startMillrace()))
  if (javaWorks()) {
    const processes = await KafkaCluster.start({ name: 'kafka-cluster-oracle', settings: KAFKA_SETTINGS })
    kafka = running.use(await ClusterUnderTest.open(processes))
  }
  const both = kafka === null ? [millrace] : [millrace, kafka]
  await Promise.all(
    both.flatMap((cluster) => listed.map(({ key, scenario }) => cluster.begin(key, scenario))),
  )
}, 240_000)

afterAll(async () => {
  await running.disposeAsync()
  comparison.save(keys)
})

async function startMillrace(): Promise<ClusterProcesses> {
  const cluster = await Cluster.start({ controllers: 1, settings: MILLRACE_SETTINGS })
  return {
    port: (broker) => cluster.node(broker).port,
    kill: (broker) => cluster.node(broker).kill(),
    spawn: (broker) => cluster.node(broker).spawn(),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

for (const phase of PHASES) {
  describe(phase, () => {
    beforeAll(() => Promise.all([millrace.enter(phase), kafka?.enter(phase)]), 120_000)

    it.each(listed.filter((entry) => entry.phase === phase).map(({ key }) => [key]))('%s', async (key) => {
      const [ours, theirs] = await Promise.all([millrace.observe(key), kafka?.observe(key)])
      if (kafka !== null) comparison.kafka(key, theirs)
      comparison.millrace(key, ours)
    })
  })
}

it('accepts no difference for a scenario that does not exist', () => comparison.coversOnly(keys))
