import type { ResponseOf } from '@millrace/protocol'
import {
  agreed,
  atSurvivor,
  type ClusterScenario,
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  createAssigned,
  each,
  knownEverywhere,
  prepared,
  sorted,
} from '../cluster-scenario.ts'
import { batchOf, errorName, produce, type World } from '../scenario.ts'

/** One line per partition: a difference should be seen at a glance. */
function line(
  index: number,
  partition: {
    readonly errorCode: number
    readonly leaderId: number
    readonly replicaNodes: readonly number[]
    readonly isrNodes: readonly number[]
    readonly offlineReplicas: readonly number[]
  },
): string {
  const { errorCode, leaderId, replicaNodes, isrNodes, offlineReplicas } = partition
  const parts = [`${index} of ${replicaNodes.join()}`, `leader ${leaderId}`, `isr ${sorted(isrNodes).join()}`]
  parts.push(`offline ${sorted(offlineReplicas).join()}`, errorName(errorCode))
  return parts.join(' | ')
}

async function metadataOf(at: World, topic: string, version = 12): Promise<unknown> {
  const topics = [{ name: topic }]
  // Before version 4 a broker decides alone.
  const body = version < 4 ? { topics } : { topics, allowAutoTopicCreation: false }
  const response = await at.connection.request('Metadata', version, body as never)
  const [found] = response.topics
  return {
    brokers: sorted(response.brokers.map(({ nodeId }) => nodeId)),
    isControllerABroker: response.brokers.some(({ nodeId }) => nodeId === response.controllerId),
    error: errorName(found!.errorCode),
    partitions: found!.partitions
      .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
      .map((partition) => line(partition.partitionIndex, partition)),
  }
}

type Described = ResponseOf<'DescribeTopicPartitions'>

function described({ topics, nextCursor }: Described, names: readonly string[] = []): unknown {
  return {
    topics: topics.map(({ name, errorCode, isInternal, partitions }) => ({
      topic: names.indexOf(name!),
      error: errorName(errorCode),
      isInternal,
      partitions: partitions.map((partition) => {
        const { eligibleLeaderReplicas, lastKnownElr, partitionIndex } = partition
        const eligible = eligibleLeaderReplicas && sorted(eligibleLeaderReplicas).join()
        return `${line(partitionIndex, partition)} | eligible ${eligible}, last known ${lastKnownElr?.join()}`
      }),
    })),
    nextCursor: nextCursor && {
      topic: names.indexOf(nextCursor.topicName),
      partition: nextCursor.partitionIndex,
    },
  }
}

async function describe(
  at: World,
  names: readonly string[],
  limit = 2000,
  cursor: { topicName: string; partitionIndex: number } | null = null,
): Promise<unknown> {
  const topics = names.map((name) => ({ name }))
  const body = { topics, responsePartitionLimit: limit, cursor }
  return described(await at.connection.request('DescribeTopicPartitions', 0, body as never), names)
}

async function inEveryWay(world: ClusterWorld, topic: string): Promise<unknown> {
  return agreed(world, async (at) => ({
    metadata: await metadataOf(at, topic),
    described: await describe(at, [topic]),
  }))
}

/** Every broker leads something, and is a follower somewhere. */
const REPLICAS: Readonly<Record<number, readonly (readonly number[])[]>> = {
  1: [[1], [2], [3]],
  2: [
    [1, 3],
    [2, 3],
    [3, 2],
  ],
  3: [
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
  ],
}

/** For each number of replicas that can be as many. */
function ofEveryKind(minInsyncReplicas: number): readonly ClusterScenario[] {
  const kinds = Object.entries(REPLICAS).filter(([count]) => Number(count) >= minInsyncReplicas)
  return kinds.map(([count, replicas]) =>
    prepared(
      `partitions of ${count}, min.insync.replicas ${minInsyncReplicas}`,
      (world) => createAssigned(world, 'kind', replicas, { 'min.insync.replicas': minInsyncReplicas }),
      async (world, topic) => {
        // Whoever is dead leads nothing any more.
        await knownEverywhere(world, topic, (partitions) =>
          partitions.every(({ leaderId }) => leaderId < 0 || world.live.includes(leaderId)),
        )
        return inEveryWay(world, topic)
      },
    ),
  )
}

function metadataOfVersions(name: string, versions: readonly number[]): ClusterScenario {
  return prepared(
    name,
    (world) => createAssigned(world, 'versions', REPLICAS[3]!),
    async (world, topic) => {
      await knownEverywhere(world, topic, (partitions) =>
        partitions.every(({ leaderId }) => world.live.includes(leaderId)),
      )
      const answers: Record<string, unknown> = {}
      for (const version of versions) {
        answers[`version ${version}`] = await metadataOf(await world.at(1), topic, version)
      }
      return answers
    },
  )
}

async function logDirs(at: World, topics: unknown, version = 4): Promise<unknown> {
  const response = await at.connection.request('DescribeLogDirs', version, { topics } as never)
  return {
    error: errorName(response.errorCode),
    results: response.results.map(({ errorCode, logDir, topics: found }) => ({
      error: errorName(errorCode),
      isAbsolute: logDir.startsWith('/'),
      topics: found.map(({ partitions }) =>
        partitions
          .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
          .map(({ partitionIndex, partitionSize, offsetLag, isFutureKey }) => ({
            partitionIndex,
            partitionSize,
            offsetLag,
            isFutureKey,
          })),
      ),
    })),
  }
}

export const describing: ClusterScenarios = {
  'all live': [
    ...ofEveryKind(1),
    ...ofEveryKind(2),
    clusterScenario('page by page', async (world) => {
      const names = [
        await createAssigned(world, 'page-a', [[1], [2], [3]]),
        await createAssigned(world, 'page-b', [[1], [2]]),
      ]
      const at = await world.at(1)
      const [first, second] = names as [string, string]
      return {
        whole: await describe(at, names),
        one: await describe(at, names, 1),
        three: await describe(at, names, 3),
        four: await describe(at, names, 4),
        five: await describe(at, names, 5),
        zero: await describe(at, names, 0),
        negative: await describe(at, names, -1),
        fromTheMiddle: await describe(at, names, 2, { topicName: first, partitionIndex: 1 }),
        fromTheSecond: await describe(at, names, 2, { topicName: second, partitionIndex: 0 }),
        beyondTheLast: await describe(at, names, 2, { topicName: second, partitionIndex: 9 }),
        onlyTheFirstFromTheSecond: await describe(at, [first], 2, { topicName: second, partitionIndex: 0 }),
      }
    }),
    atSurvivor('page by page from a cursor that no partition can have', async (world) =>
      describe(world, ['nothing'], 2, { topicName: 'nothing', partitionIndex: -1 }),
    ),
    atSurvivor('a topic that does not exist, and one that cannot', async (world) => ({
      unknown: await describe(world, [world.topicName('nowhere')]),
      invalid: await describe(world, ['a/b']),
      twice: await describe(world, ['x', 'x']),
      metadata: await metadataOf(world, world.topicName('nowhere')),
      invalidMetadata: await metadataOf(world, 'a/b'),
    })),
    atSurvivor('the volume of a log directory', async ({ connection }) => {
      const { results } = await connection.request('DescribeLogDirs', 4, { topics: [] } as never)
      return results.map(({ totalBytes, usableBytes }) => ({ isKnown: totalBytes > 0 && usableBytes > 0 }))
    }),
    clusterScenario('log directories of every replica', async (world) => {
      const topic = await createAssigned(world, 'sized', [
        [1, 2],
        [2, 3],
      ])
      for (const [index, leader] of [1, 2].entries()) {
        await produce(await world.at(leader), topic, batchOf([{ value: 'a' }]), { partition: index })
      }
      return each(world, [1, 2, 3], async (at) => ({
        both: await logDirs(at, [{ topic, partitions: [0, 1] }]),
        none: await logDirs(at, [{ topic, partitions: [] }]),
        empty: await logDirs(at, []),
        unknown: await logDirs(at, [{ topic: world.topicName('nowhere'), partitions: [0] }]),
        firstVersion: await logDirs(at, [{ topic, partitions: [0, 9] }], 1),
      }))
    }),
  ],
  'one dead': [
    ...ofEveryKind(1),
    ...ofEveryKind(2),
    metadataOfVersions('metadata by version', [1, 4, 5, 8, 12]),
    metadataOfVersions('metadata of version 0', [0]),
  ],
  'two dead': [...ofEveryKind(1), ...ofEveryKind(2), ...ofEveryKind(3)],
  'all back': Object.entries(REPLICAS).map(([count, replicas]) =>
    prepared(
      `partitions of ${count}, all of them in sync again`,
      (world) => createAssigned(world, 'again', replicas),
      async (world, topic) => {
        await knownEverywhere(world, topic, (partitions) =>
          partitions.every(({ isrNodes, replicaNodes }) => isrNodes.length === replicaNodes.length),
        )
        return inEveryWay(world, topic)
      },
    ),
  ),
}
