import {
  atSurvivor,
  clusterScenario,
  type ClusterScenarios,
  createAssigned,
  knownEverywhere,
  partitionsOf,
  prepared,
} from '../cluster-scenario.ts'
import { errorName, type World } from '../scenario.ts'

type Assigned = readonly (readonly [partition: number, brokers: readonly number[]])[]

async function create(at: World, partitions: number, replicationFactor: number, assigned: Assigned = []) {
  const assignments = assigned.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds }))
  const name = at.topicName('created')
  const topic = { name, numPartitions: partitions, replicationFactor, assignments, configs: [] }
  const body = { topics: [topic], timeoutMs: 10_000, validateOnly: false }
  const response = await at.connection.request('CreateTopics', 7, body as never)
  const { errorCode, numPartitions, replicationFactor: factor } = response.topics[0]!
  return { error: errorName(errorCode), numPartitions, replicationFactor: factor }
}

const assign = (at: World, assigned: Assigned) => create(at, -1, -1, assigned)

async function grow(
  at: World,
  topic: string,
  count: number,
  replicas: readonly (readonly number[])[] | null = null,
): Promise<string> {
  const assignments = replicas?.map((brokerIds) => ({ brokerIds })) ?? null
  const body = { topics: [{ name: topic, count, assignments }], timeoutMs: 10_000, validateOnly: false }
  const response = await at.connection.request('CreatePartitions', 2, body as never)
  return errorName(response.results[0]!.errorCode)
}

export const creating: ClusterScenarios = {
  'all live': [
    atSurvivor('as many replicas as brokers, and more', async (world) => ({
      all: await create(world, 2, 3),
      more: await create(world, 1, 4),
      byDefault: await create(world, 1, -1),
      negative: await create(world, 1, -2),
    })),
    atSurvivor('assignments by hand that are taken', async (world) => ({
      one: await assign(world, [[0, [2]]]),
      outOfOrder: await assign(world, [
        [1, [2, 1]],
        [0, [1, 3]],
      ]),
    })),
    atSurvivor('assignments by hand that are refused', async (world) => ({
      brokerTwice: await assign(world, [[0, [1, 1]]]),
      unknownBroker: await assign(world, [[0, [1, 99]]]),
      negativeBroker: await assign(world, [[0, [1, -1]]]),
      noBroker: await assign(world, [[0, []]]),
      inconsistent: await assign(world, [
        [0, [1, 2]],
        [1, [1]],
      ]),
      gap: await assign(world, [
        [0, [1, 2]],
        [2, [1, 2]],
      ]),
      notFromZero: await assign(world, [[1, [1, 2]]]),
      negativePartition: await assign(world, [[-1, [1, 2]]]),
      partitionTwice: await assign(world, [
        [0, [1, 2]],
        [0, [2, 3]],
      ]),
      withReplicationFactor: await create(world, -1, 2, [[0, [1, 2]]]),
      withPartitions: await create(world, 1, -1, [[0, [1, 2]]]),
    })),
    clusterScenario('partitions are added where they are assigned', async (world) => {
      const topic = await createAssigned(world, 'grow', [[1, 2]])
      const at = await world.at(1)
      const answer = await grow(at, topic, 3, [
        [2, 3],
        [3, 1],
      ])
      await knownEverywhere(world, topic, (partitions) => partitions.length === 3)
      const partitions = await partitionsOf(at.connection, topic)
      return { answer, replicas: partitions.map(({ replicaNodes }) => replicaNodes) }
    }),
    clusterScenario('partitions that are refused', async (world) => {
      const topic = await createAssigned(world, 'stay', [
        [1, 2],
        [2, 3],
      ])
      const at = await world.at(1)
      return {
        tooFewAssignments: await grow(at, topic, 4, [[1, 2]]),
        tooManyAssignments: await grow(at, topic, 3, [
          [1, 2],
          [2, 3],
        ]),
        noAssignments: await grow(at, topic, 3, []),
        brokerTwice: await grow(at, topic, 3, [[1, 1]]),
        unknownBroker: await grow(at, topic, 3, [[1, 99]]),
        noBroker: await grow(at, topic, 3, [[]]),
        tooFewReplicas: await grow(at, topic, 3, [[1]]),
        tooManyReplicas: await grow(at, topic, 3, [[1, 2, 3]]),
        fewer: await grow(at, topic, 1),
        same: await grow(at, topic, 2),
        sameWithAssignments: await grow(at, topic, 2, []),
        none: await grow(at, topic, 0),
        negative: await grow(at, topic, -1),
        after: (await partitionsOf(at.connection, topic)).length,
      }
    }),
  ],
  'one dead': [
    atSurvivor('topics with a broker less', async (world) => ({
      two: await create(world, 1, 2),
      three: await create(world, 1, 3),
      assignedToTheDead: await assign(world, [[0, [3]]]),
      assignedToTheDeadToo: await assign(world, [[0, [3, 1]]]),
      assignedToTheDeadElsewhere: await assign(world, [
        [0, [1]],
        [1, [3]],
      ]),
    })),
    clusterScenario('a topic that is assigned to the dead as well is led by the living', async (world) => {
      const at = await world.at(1)
      const name = at.topicName('half')
      const assignments = [{ partitionIndex: 0, brokerIds: [3, 2] }]
      const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] }
      await at.connection.request('CreateTopics', 7, { topics: [topic], timeoutMs: 10_000 } as never)
      await knownEverywhere(world, name, () => true)
      const [partition] = await partitionsOf(at.connection, name)
      const { leaderId, replicaNodes, isrNodes } = partition!
      return { leaderId, replicaNodes, isrNodes }
    }),
    prepared(
      'partitions with a broker less',
      async (world) => ({
        three: await createAssigned(world, 'three', [[1, 2, 3]]),
        two: await createAssigned(world, 'two', [[1, 2]]),
        one: await createAssigned(world, 'one', [[1]]),
      }),
      async (world, { three, two, one }) => {
        const at = await world.at(2)
        return {
          three: await grow(at, three, 2),
          two: await grow(at, two, 2),
          assignedToTheDead: await grow(at, one, 2, [[3]]),
          assignedToTheDeadToo: await grow(at, two, 3, [[3, 1]]),
        }
      },
    ),
  ],
}
