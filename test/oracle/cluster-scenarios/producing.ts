import {
  atSurvivor,
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  createAssigned,
  each,
  knownEverywhere,
  prepared,
  served,
} from '../cluster-scenario.ts'
import { batchOf, errorName, fetchFrom, listOffset, produce, seen, type World } from '../scenario.ts'

const batch = (): Buffer => batchOf([{ value: 'a' }])

/** With where to go instead (KIP-951). */
async function produceWithHint(world: World, topic: string, acks: number, partition = 0): Promise<unknown> {
  const topicData = [{ name: topic, partitionData: [{ index: partition, records: batch() }] }]
  const body = { transactionalId: null, acks, timeoutMs: 5000, topicData }
  const response = await world.connection.request('Produce', 10, body)
  const { errorCode, baseOffset, currentLeader } = response.responses[0]!.partitionResponses[0]!
  const endpoints = response.nodeEndpoints.map(({ nodeId }) => nodeId)
  return { error: errorName(errorCode), baseOffset, leader: currentLeader.leaderId, endpoints }
}

async function produceSilently(world: World, topic: string): Promise<void> {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch() }] }]
  const body = { transactionalId: null, acks: 0, timeoutMs: 1000, topicData }
  world.connection.send(world.connection.encode('Produce', 9, body))
}

/**
 * Every number of acknowledgements that there is, and two that there are not. All of them last: when it is answered, the
 * others have been seen by whoever is in sync, or never will be.
 */
async function everyAcks(leader: World, topic: string): Promise<unknown> {
  const answers: Record<string, unknown> = {}
  await produceSilently(leader, topic)
  for (const acks of [1, 2, -2, -1]) answers[`acks ${acks}`] = await produce(leader, topic, batch(), { acks })
  return { answers, afterwards: await ends(leader, topic) }
}

/** What was appended, and what of it consumers may see. */
async function ends(leader: World, topic: string): Promise<unknown> {
  return {
    latest: await listOffset(leader, topic, -1),
    fetched: seen(await fetchFrom(leader, topic, 0)),
  }
}

const minIsr = (count: number) => ({ 'min.insync.replicas': count })

/** Topics that want 1 to 4 of their 3 replicas in sync. */
async function wanting(world: ClusterWorld, replicas: readonly number[]): Promise<readonly string[]> {
  const topics: string[] = []
  for (const count of [1, 2, 3, 4])
    topics.push(await createAssigned(world, `min${count}`, [replicas], minIsr(count)))
  return topics
}

/** Leader first, of those that live. */
async function toEach(leader: World, topics: readonly string[]): Promise<unknown> {
  const answers: Record<string, unknown> = {}
  for (const [index, topic] of topics.entries()) {
    answers[`min.insync.replicas ${index + 1}`] = await everyAcks(leader, topic)
  }
  return answers
}

/** Sends as soon as a broker is gone, and hears the answer in the phase after. */
function whileItDies(
  name: string,
  replicas: readonly number[],
  acks: number,
  count: number,
  timeoutMs: number,
) {
  return prepared(
    name,
    async (world) => {
      const topic = await createAssigned(world, 'dying', [replicas], minIsr(count))
      const leader = await world.at(replicas[0]!)
      const answer = world.killed.then(() => produce(leader, topic, batch(), { acks, timeoutMs }))
      return { topic, leader, answer }
    },
    async (_, { topic, leader, answer }) => ({ answer: await answer, afterwards: await ends(leader, topic) }),
  )
}

export const producing: ClusterScenarios = {
  'all live': [
    clusterScenario(
      'every acks at a leader whose followers live, for each min.insync.replicas',
      async (world) => toEach(await world.at(1), await wanting(world, [1, 2, 3])),
    ),
    clusterScenario('at a follower, and at a broker without a replica', async (world) => {
      const topic = await createAssigned(world, 'elsewhere', [[1, 2]])
      return each(world, [2, 3], async (at) => ({
        one: await produceWithHint(at, topic, 1),
        all: await produceWithHint(at, topic, -1),
        other: await produceWithHint(at, topic, 2),
        unknownPartition: await produceWithHint(at, topic, 1, 9),
      }))
    }),
    clusterScenario('acks of 0 at a follower: the connection is closed', async (world) => {
      const topic = await createAssigned(world, 'silent', [[1, 2]])
      const follower = await world.at(2)
      await produceSilently(follower, topic)
      await follower.connection.whenClosed()
      return 'closed'
    }),
    atSurvivor('acks of 0 with a partition that does not exist: the connection is closed', async (world) => {
      await produceSilently(world, world.topicName('nowhere'))
      await world.connection.whenClosed()
      return 'closed'
    }),
  ],
  'one dead': [
    prepared(
      'every acks, for each min.insync.replicas',
      (world) => wanting(world, [1, 2, 3]),
      async (world, topics) => toEach(await world.at(1), topics),
    ),
    prepared(
      'every acks at a new leader, for each min.insync.replicas',
      (world) => wanting(world, [3, 1, 2]),
      async (world, topics) => {
        const leader = await world.at(1)
        for (const topic of topics) await served(leader, topic, [0])
        return toEach(leader, topics)
      },
    ),
    prepared(
      'at a follower after the leader was killed',
      (world) => createAssigned(world, 'moved', [[3, 1, 2]]),
      async (world, topic) => {
        await knownEverywhere(world, topic, ([partition]) => partition!.leaderId === 1)
        return produceWithHint(await world.at(2), topic, -1)
      },
    ),
    prepared(
      'to a partition that nobody leads',
      (world) => createAssigned(world, 'orphan', [[3]]),
      async (world, topic) =>
        each(world, [1, 2], async (at) => ({
          one: await produceWithHint(at, topic, 1),
          all: await produceWithHint(at, topic, -1),
        })),
    ),
    whileItDies('acks of all while a follower dies, enough being left', [1, 3], -1, 1, 10_000),
    whileItDies('acks of all while a follower dies, too few being left', [1, 3], -1, 2, 6000),
    whileItDies('acks of 1 while a follower dies', [1, 3], 1, 2, 6000),
    prepared(
      'a record that too few have is not seen by consumers',
      (world) => createAssigned(world, 'unseen', [[1, 3]], minIsr(2)),
      async (world, topic) => {
        const leader = await world.at(1)
        return {
          answer: await produce(leader, topic, batch(), { acks: 1 }),
          afterwards: await ends(leader, topic),
        }
      },
    ),
  ],
  'two dead': [
    prepared(
      'every acks, for each min.insync.replicas',
      (world) => wanting(world, [1, 2, 3]),
      async (world, topics) => toEach(await world.at(1), topics),
    ),
    prepared(
      'to a partition whose replicas are all dead',
      (world) => createAssigned(world, 'gone', [[2, 3]], minIsr(2)),
      async (world, topic) => {
        const at = await world.at(1)
        return { one: await produceWithHint(at, topic, 1), all: await produceWithHint(at, topic, -1) }
      },
    ),
  ],
  'all back': [
    prepared(
      'every acks once all replicas are in sync again, for each min.insync.replicas',
      (world) => wanting(world, [1, 2, 3]),
      async (world, topics) => {
        for (const topic of topics) {
          await knownEverywhere(world, topic, ([partition]) => partition!.isrNodes.length === 3)
        }
        return toEach(await world.at(1), topics)
      },
    ),
  ],
}
