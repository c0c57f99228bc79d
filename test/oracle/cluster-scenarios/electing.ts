import {
  atSurvivor,
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  createAssigned,
  knownEverywhere,
  partitionsOf,
  prepared,
} from '../cluster-scenario.ts'
import { errorName, type World } from '../scenario.ts'

const PREFERRED = 0
const UNCLEAN = 1

type Asked = readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null

async function elect(at: World, electionType: number, topicPartitions: Asked, version = 2): Promise<unknown> {
  const body = { electionType, topicPartitions, timeoutMs: 10_000 }
  const response = await at.connection.request('ElectLeaders', version, body as never)
  return {
    error: errorName(response.errorCode),
    hasTopics: response.replicaElectionResults.length > 0,
    partitions: response.replicaElectionResults.flatMap(({ partitionResult }) =>
      partitionResult.map(({ partitionId, errorCode }) => `${partitionId} ${errorName(errorCode)}`),
    ),
  }
}

async function leaderOf(world: ClusterWorld, topic: string): Promise<number> {
  const [partition] = await partitionsOf((await world.at(1)).connection, topic)
  return partition!.leaderId
}

export const electing: ClusterScenarios = {
  'all live': [
    clusterScenario('the preferred replica leads already', async (world) => {
      const topic = await createAssigned(world, 'preferred', [
        [1, 2],
        [2, 1],
      ])
      const at = await world.at(1)
      const asked = [{ topic, partitions: [0, 1] }]
      return {
        preferred: await elect(at, PREFERRED, asked),
        unclean: await elect(at, UNCLEAN, asked),
        versions: [await elect(at, PREFERRED, asked, 0), await elect(at, PREFERRED, asked, 1)],
      }
    }),
    atSurvivor('of topics and partitions that do not exist', async (world) => ({
      topic: await elect(world, PREFERRED, [{ topic: world.topicName('nowhere'), partitions: [0, 1] }]),
      unclean: await elect(world, UNCLEAN, [{ topic: world.topicName('nowhere'), partitions: [0] }]),
      nothing: await elect(world, PREFERRED, []),
      noPartitions: await elect(world, PREFERRED, [{ topic: world.topicName('nowhere'), partitions: [] }]),
    })),
    clusterScenario('of a partition that the topic does not have', async (world) => {
      const topic = await createAssigned(world, 'small', [[1, 2]])
      return elect(await world.at(1), PREFERRED, [{ topic, partitions: [0, 7, -1] }])
    }),
    clusterScenario('in a way that there is not', async (world) => {
      const topic = await createAssigned(world, 'ways', [[1, 2]])
      return elect(await world.at(1), 7, [{ topic, partitions: [0] }])
    }),
    clusterScenario('the same partition twice', async (world) => {
      const topic = await createAssigned(world, 'twice', [[1, 2]])
      return elect(await world.at(1), PREFERRED, [{ topic, partitions: [0, 0] }])
    }),
    atSurvivor('all partitions, none of which needs it', (world) => elect(world, PREFERRED, null)),
  ],
  'one dead': [
    prepared(
      'the preferred replica is dead',
      (world) => createAssigned(world, 'absent', [[3, 1]]),
      async (world, topic) => {
        const at = await world.at(2)
        const asked = [{ topic, partitions: [0] }]
        return { preferred: await elect(at, PREFERRED, asked), unclean: await elect(at, UNCLEAN, asked) }
      },
    ),
    prepared(
      'every replica is dead',
      (world) => createAssigned(world, 'orphan', [[3]]),
      async (world, topic) => {
        const at = await world.at(2)
        const asked = [{ topic, partitions: [0] }]
        return { preferred: await elect(at, PREFERRED, asked), unclean: await elect(at, UNCLEAN, asked) }
      },
    ),
  ],
  'one back': [
    prepared(
      'a replica that was not in sync leads when an operator says so, and not before',
      (world) => createAssigned(world, 'unclean', [[2, 3]]),
      async (world, topic) => {
        const at = await world.at(1)
        const asked = [{ topic, partitions: [0] }]
        const before = await leaderOf(world, topic)
        const preferred = await elect(at, PREFERRED, asked)
        const unclean = await elect(at, UNCLEAN, asked)
        await knownEverywhere(world, topic, ([partition]) => partition!.leaderId === 3)
        return { before, preferred, unclean, again: await elect(at, UNCLEAN, asked) }
      },
    ),
  ],
  'all back': [
    prepared(
      'the eligible replica that is back first, and the one that led last',
      (world) => createAssigned(world, 'eligible', [[2, 3]], { 'min.insync.replicas': 2 }),
      async (world, topic) => {
        await knownEverywhere(world, topic, ([partition]) => partition!.isrNodes.length === 2)
        return { leader: await leaderOf(world, topic) }
      },
    ),
    prepared(
      'the preferred replica leads again when it is asked for',
      (world) => createAssigned(world, 'again', [[3, 1, 2]]),
      async (world, topic) => {
        await knownEverywhere(world, topic, ([partition]) => partition!.isrNodes.length === 3)
        const at = await world.at(2)
        const before = await leaderOf(world, topic)
        const elected = await elect(at, PREFERRED, [{ topic, partitions: [0] }])
        await knownEverywhere(world, topic, ([partition]) => partition!.leaderId === 3)
        return { before, elected, again: await elect(at, PREFERRED, [{ topic, partitions: [0] }]) }
      },
    ),
  ],
}
