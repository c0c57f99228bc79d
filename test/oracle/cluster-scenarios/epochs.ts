import {
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  createAssigned,
  each,
  knownEverywhere,
  partitionsOf,
  prepared,
  served,
} from '../cluster-scenario.ts'
import { batchOf, errorName, fetchFrom, listOffset, produce, type World } from '../scenario.ts'

/** With where to go instead (KIP-951), in the version that has topics' ids and leaders' addresses. */
async function fetchAt(at: World, topic: string, currentLeaderEpoch: number): Promise<unknown> {
  const metadata = await at.connection.request('Metadata', 12, { topics: [{ name: topic }] } as never)
  const partition = { partition: 0, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1 << 20 }
  const topics = [{ topicId: metadata.topics[0]!.topicId, partitions: [partition] }]
  const response = await at.connection.request('Fetch', 16, { maxWaitMs: 0, minBytes: 0, topics } as never)
  const { errorCode, records, preferredReadReplica, currentLeader } = response.responses[0]!.partitions[0]!
  return {
    error: errorName(errorCode),
    hasRecords: (records?.length ?? 0) > 0,
    preferredReadReplica,
    leader: currentLeader.leaderId,
    endpoints: response.nodeEndpoints.map(({ nodeId }) => nodeId),
  }
}

async function endOfEpoch(at: World, topic: string, asked: number, currentLeaderEpoch: number) {
  const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch: asked }]
  const body = { replicaId: -1, topics: [{ topic, partitions }] }
  const response = await at.connection.request('OffsetForLeaderEpoch', 4, body as never)
  const { errorCode, leaderEpoch, endOffset } = response.topics[0]!.partitions[0]!
  return { error: errorName(errorCode), epoch: leaderEpoch, endOffset }
}

/** What names an epoch, with each epoch that a client might believe in. */
async function believing(
  at: World,
  topic: string,
  epochs: Readonly<Record<string, number>>,
): Promise<unknown> {
  const answers: Record<string, unknown> = {}
  for (const [belief, epoch] of Object.entries(epochs)) {
    const listed = errorOf(await listOffset(at, topic, -1, 5, epoch))
    answers[belief] = { listed, ended: (await endOfEpoch(at, topic, 0, epoch)).error }
  }
  return answers
}

/** The same of a consumer that fetches from the beginning. */
async function fetching(
  at: World,
  topic: string,
  epochs: Readonly<Record<string, number>>,
): Promise<unknown> {
  const answers: Record<string, unknown> = {}
  for (const [belief, epoch] of Object.entries(epochs)) answers[belief] = await fetchAt(at, topic, epoch)
  return answers
}

const errorOf = (found: unknown): string => (found as { error: string }).error

async function epochsAround(world: ClusterWorld, topic: string) {
  const [partition] = await partitionsOf((await world.at(1)).connection, topic)
  const current = partition!.leaderEpoch
  return { none: -1, stale: current - 1, current, future: current + 1 }
}

/** Led by 3 with two records in its epoch. */
async function ledByTheKilled(world: ClusterWorld): Promise<string> {
  const topic = await createAssigned(world, 'led', [[3, 1, 2]])
  await produce(await world.at(3), topic, batchOf([{ value: 'a' }, { value: 'b' }]))
  return topic
}

async function movedTo1(world: ClusterWorld, topic: string): Promise<void> {
  await knownEverywhere(world, topic, ([partition]) => partition!.leaderId === 1)
  await served(await world.at(1), topic, [0])
}

export const epochs: ClusterScenarios = {
  'all live': [
    clusterScenario('at the leader, a follower and a stranger before any change of leader', async (world) => {
      const topic = await createAssigned(world, 'calm', [[1, 2]])
      return each(world, [1, 2, 3], (at) => believing(at, topic, { none: -1, current: 0, future: 1 }))
    }),
    clusterScenario('fetches at the leader and at a stranger before any change of leader', async (world) => {
      const topic = await createAssigned(world, 'calm', [[1, 2]])
      await produce(await world.at(1), topic, batchOf([{ value: 'a' }]))
      return each(world, [1, 3], (at) => fetching(at, topic, { none: -1, current: 0, future: 1 }))
    }),
    clusterScenario('fetches at a follower', async (world) => {
      const topic = await createAssigned(world, 'follower', [[1, 2]])
      return fetching(await world.at(2), topic, { none: -1, current: 0, future: 1 })
    }),
    clusterScenario(
      'a consumer with a rack is not sent elsewhere, as nothing chooses replicas',
      async (world) => {
        const topic = await createAssigned(world, 'rack', [[1, 2]])
        await produce(await world.at(1), topic, batchOf([{ value: 'a' }]))
        const response = await fetchFrom(await world.at(1), topic, 0, { rackId: 'rack-2' })
        const { errorCode, preferredReadReplica, records } = response.responses[0]!.partitions[0]!
        return { error: errorName(errorCode), preferredReadReplica, hasRecords: records!.length > 0 }
      },
    ),
    clusterScenario('a consumer with a rack at a follower, by version', async (world) => {
      const topic = await createAssigned(world, 'rack', [[1, 2]])
      await produce(await world.at(1), topic, batchOf([{ value: 'a' }]))
      const follower = await world.at(2)
      const answers: Record<string, string> = {}
      for (const version of [10, 11, 12]) {
        const response = await fetchFrom(follower, topic, 0, { rackId: 'rack-2', version })
        answers[`version ${version}`] = errorName(response.responses[0]!.partitions[0]!.errorCode)
      }
      return answers
    }),
  ],
  'one dead': [
    prepared(
      'at the new leader and a follower after a change of leader',
      ledByTheKilled,
      async (world, topic) => {
        await movedTo1(world, topic)
        return each(world, [1, 2], async (at) => believing(at, topic, await epochsAround(world, topic)))
      },
    ),
    prepared(
      'fetches at the new leader, and by an epoch that is not the current one at a follower',
      ledByTheKilled,
      async (world, topic) => {
        await movedTo1(world, topic)
        const epochs = await epochsAround(world, topic)
        const { stale, future } = epochs
        return {
          leader: await fetching(await world.at(1), topic, epochs),
          follower: await fetching(await world.at(2), topic, { stale, future }),
        }
      },
    ),
    prepared('where an epoch ended, after a change of leader', ledByTheKilled, async (world, topic) => {
      await movedTo1(world, topic)
      const leader = await world.at(1)
      const { current } = await epochsAround(world, topic)
      const before = { old: await endOfEpoch(leader, topic, 0, -1) }
      await produce(leader, topic, batchOf([{ value: 'c' }]))
      const after = await endOfEpoch(leader, topic, current!, -1)
      return {
        before,
        old: await endOfEpoch(leader, topic, 0, -1),
        current: { ...after, epoch: after.epoch === current },
        future: await endOfEpoch(leader, topic, current! + 5, -1),
        latest: { ...((await listOffset(leader, topic, -1)) as object), epoch: 'left out' },
      }
    }),
    prepared(
      'of a partition that nobody leads',
      async (world) => createAssigned(world, 'orphan', [[3]]),
      async (world, topic) =>
        each(world, [1, 2], (at) => believing(at, topic, { none: -1, first: 0, future: 9 })),
    ),
    prepared(
      'at a broker without a replica, after a change of leader',
      (world) => createAssigned(world, 'strange', [[3, 2]]),
      async (world, topic) => {
        await knownEverywhere(world, topic, ([partition]) => partition!.leaderId === 2)
        return believing(await world.at(1), topic, { none: -1, first: 0, future: 9 })
      },
    ),
  ],
}
