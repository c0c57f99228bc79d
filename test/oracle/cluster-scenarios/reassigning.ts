import {
  atSurvivor,
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  createAssigned,
  knownEverywhere,
  partitionsOf,
  prepared,
  sorted,
} from '../cluster-scenario.ts'
import { errorName, type World } from '../scenario.ts'

interface Asked {
  readonly topic: string
  readonly partition?: number
  /** Null: cancel. */
  readonly replicas: readonly number[] | null
}

interface Options {
  readonly version?: number
  readonly allowReplicationFactorChange?: boolean
}

async function reassign(at: World, asked: readonly Asked[], options: Options = {}): Promise<unknown> {
  const topics = asked.map(({ topic, partition = 0, replicas }) => ({
    name: topic,
    partitions: [{ partitionIndex: partition, replicas }],
  }))
  const { version = 1, allowReplicationFactorChange = true } = options
  const body = { timeoutMs: 10_000, allowReplicationFactorChange, topics }
  const response = await at.connection.request('AlterPartitionReassignments', version, body as never)
  return {
    error: errorName(response.errorCode),
    partitions: response.responses.flatMap(({ partitions }) =>
      partitions.map(({ errorCode }) => errorName(errorCode)),
    ),
  }
}

interface Moving {
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

async function list(
  at: World,
  topic: string | null,
  partitionIndexes: readonly number[] = [0],
): Promise<Moving[]> {
  const topics = topic === null ? null : [{ name: topic, partitionIndexes }]
  const body = { timeoutMs: 10_000, topics }
  const response = await at.connection.request('ListPartitionReassignments', 0, body as never)
  if (response.errorCode !== 0) throw new Error(`no list: ${errorName(response.errorCode)}`)
  return response.topics.flatMap(({ partitions }) =>
    partitions.map(({ replicas, addingReplicas, removingReplicas }) => ({
      replicas,
      adding: sorted(addingReplicas),
      removing: sorted(removingReplicas),
    })),
  )
}

async function replicasOf(world: ClusterWorld, topic: string): Promise<unknown> {
  const [partition] = await partitionsOf((await world.at(1)).connection, topic)
  const { replicaNodes, isrNodes, leaderId } = partition!
  return { replicaNodes, isrNodes: sorted(isrNodes), leaderId }
}

async function done(world: ClusterWorld, topic: string, target: readonly number[]): Promise<void> {
  await knownEverywhere(
    world,
    topic,
    ([partition]) =>
      partition!.replicaNodes.join() === target.join() && partition!.isrNodes.length === target.length,
  )
}

/** Moves a partition, waits until it has moved. */
async function move(world: ClusterWorld, from: readonly number[], to: readonly number[]): Promise<unknown> {
  const topic = await createAssigned(world, 'move', [from])
  const at = await world.at(1)
  const answer = await reassign(at, [{ topic, replicas: to }])
  await done(world, topic, to)
  return { answer, after: await replicasOf(world, topic), left: await list(at, topic) }
}

/** A replacement of 2 by 3, which does not come about while 3 is dead. */
const onItsWay = (world: ClusterWorld) => createAssigned(world, 'way', [[1, 2]])

export const reassigning: ClusterScenarios = {
  'all live': [
    clusterScenario('to the same replicas', (world) => move(world, [1, 2], [1, 2])),
    clusterScenario('to another order', (world) => move(world, [1, 2], [2, 1])),
    clusterScenario('one replica is replaced', (world) => move(world, [1, 2], [1, 3])),
    clusterScenario('the leader is replaced', (world) => move(world, [2, 1], [3, 1])),
    clusterScenario('everybody is replaced', (world) => move(world, [1], [2])),
    clusterScenario('to more replicas', (world) => move(world, [1], [1, 2, 3])),
    clusterScenario('to fewer replicas', (world) => move(world, [1, 2, 3], [3])),
    clusterScenario('in another number, when that is not allowed', async (world) => {
      const topic = await createAssigned(world, 'factor', [[1, 2]])
      const at = await world.at(1)
      const strict = { allowReplicationFactorChange: false }
      const same = await reassign(at, [{ topic, replicas: [1, 3] }], strict)
      await done(world, topic, [1, 3])
      return {
        same,
        more: await reassign(at, [{ topic, replicas: [1, 2, 3] }], strict),
        fewer: await reassign(at, [{ topic, replicas: [1] }], strict),
        fewerByTheFirstVersion: await reassign(at, [{ topic, replicas: [1] }], { version: 0 }),
      }
    }),
    clusterScenario('to replicas that cannot be', async (world) => {
      const topic = await createAssigned(world, 'bad', [[1, 2]])
      const at = await world.at(1)
      return {
        none: await reassign(at, [{ topic, replicas: [] }]),
        twice: await reassign(at, [{ topic, replicas: [1, 1] }]),
        unknown: await reassign(at, [{ topic, replicas: [1, 99] }]),
        negative: await reassign(at, [{ topic, replicas: [1, -1] }]),
        noneWhenTheNumberIsFixed: await reassign(at, [{ topic, replicas: [] }], {
          allowReplicationFactorChange: false,
        }),
        after: await replicasOf(world, topic),
      }
    }),
    clusterScenario('a cancellation of nothing', async (world) => {
      const topic = await createAssigned(world, 'calm', [[1, 2]])
      return reassign(await world.at(1), [{ topic, replicas: null }])
    }),
    clusterScenario('of topics and partitions that do not exist', async (world) => {
      const topic = await createAssigned(world, 'small', [[1, 2]])
      const nowhere = world.topicName('nowhere')
      const at = await world.at(1)
      return {
        topic: await reassign(at, [{ topic: nowhere, replicas: [1] }]),
        cancelled: await reassign(at, [{ topic: nowhere, replicas: null }]),
        invalid: await reassign(at, [{ topic: 'a/b', replicas: [1] }]),
        partition: await reassign(at, [{ topic, partition: 7, replicas: [1] }]),
        negative: await reassign(at, [{ topic, partition: -1, replicas: [1] }]),
        nothing: await reassign(at, []),
        beside: await reassign(at, [
          { topic: nowhere, replicas: [1] },
          { topic, replicas: [2, 1] },
        ]),
      }
    }),
    atSurvivor('the list of topics that do not exist, and of none', async (world) => ({
      unknown: await list(world, world.topicName('nowhere')),
      invalid: await list(world, 'a/b'),
    })),
    clusterScenario('the list of what is not moving', async (world) => {
      const topic = await createAssigned(world, 'still', [[1, 2]])
      return list(await world.at(1), topic, [0, 7, -1])
    }),
  ],
  'one dead': [
    prepared('to a dead broker: listed, then cancelled', onItsWay, async (world, topic) => {
      const at = await world.at(2)
      const answer = await reassign(at, [{ topic, replicas: [1, 3] }])
      const listed = await list(at, topic)
      const isInAll = (await list(at, null)).some(({ adding }) => adding.includes(3))
      const during = await replicasOf(world, topic)
      const cancelled = await reassign(at, [{ topic, replicas: null }])
      await knownEverywhere(world, topic, ([partition]) => partition!.replicaNodes.length === 2)
      const again = await reassign(at, [{ topic, replicas: null }])
      return { answer, listed, isInAll, during, cancelled, after: await replicasOf(world, topic), again }
    }),
    prepared('to a dead broker alone: whoever has the records stays', onItsWay, async (world, topic) => {
      const at = await world.at(2)
      const answer = await reassign(at, [{ topic, replicas: [3] }])
      return { answer, listed: await list(at, topic), during: await replicasOf(world, topic) }
    }),
    prepared('a reassignment that is going on is replaced', onItsWay, async (world, topic) => {
      const at = await world.at(2)
      await reassign(at, [{ topic, replicas: [3, 2] }])
      const first = await list(at, topic)
      const answer = await reassign(at, [{ topic, replicas: [2] }])
      await knownEverywhere(world, topic, ([partition]) => partition!.replicaNodes.join() === '2')
      return { first, answer, left: await list(at, topic), after: await replicasOf(world, topic) }
    }),
    prepared(
      'a dead replica is taken away',
      (world) => createAssigned(world, 'shrink', [[1, 3]]),
      async (world, topic) => {
        const answer = await reassign(await world.at(2), [{ topic, replicas: [1] }])
        await knownEverywhere(world, topic, ([partition]) => partition!.replicaNodes.join() === '1')
        return { answer, after: await replicasOf(world, topic) }
      },
    ),
    prepared(
      'a partition that nobody leads, to a broker that lives',
      (world) => createAssigned(world, 'orphan', [[3]]),
      async (world, topic) => {
        const at = await world.at(2)
        const answer = await reassign(at, [{ topic, replicas: [1] }])
        return { answer, listed: await list(at, topic), during: await replicasOf(world, topic) }
      },
    ),
  ],
}
