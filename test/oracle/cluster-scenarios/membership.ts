import type { ApiName, RequestInputOf } from '@millrace/protocol'
import {
  atSurvivor,
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  each,
  SECOND_KILLED,
} from '../cluster-scenario.ts'
import { errorName, type World } from '../scenario.ts'

const BROKER_ENDPOINTS = 1
const CONTROLLER_ENDPOINTS = 2

interface Options {
  readonly version?: number
  readonly endpointType?: number
  readonly includeFencedBrokers?: boolean
}

async function describeCluster(at: World, options: Options = {}): Promise<unknown> {
  const { version = 2, endpointType = BROKER_ENDPOINTS, includeFencedBrokers = false } = options
  const body = { includeClusterAuthorizedOperations: false, endpointType, includeFencedBrokers }
  const response = await at.connection.request('DescribeCluster', version, body as never)
  return {
    error: errorName(response.errorCode),
    endpointType: response.endpointType,
    isControllerABroker: response.brokers.some(({ brokerId }) => brokerId === response.controllerId),
    brokers: response.brokers
      .toSorted((a, b) => a.brokerId - b.brokerId)
      .map(({ brokerId, isFenced, rack, port }) => ({ brokerId, isFenced, rack, hasPort: port > 0 })),
  }
}

async function everyKind(world: ClusterWorld): Promise<unknown> {
  return each(world, world.live, async (at) => ({
    plain: await describeCluster(at),
    withFenced: await describeCluster(at, { includeFencedBrokers: true }),
    first: await describeCluster(at, { version: 0 }),
  }))
}

async function unregister(at: World, brokerId: number): Promise<string> {
  const response = await at.connection.request('UnregisterBroker', 0, { brokerId } as never)
  return errorName(response.errorCode)
}

async function describeQuorum(at: World, topicName: string, partitionIndex: number, version = 2) {
  const topics = [{ topicName, partitions: [{ partitionIndex }] }]
  const response = await at.connection.request('DescribeQuorum', version, { topics } as never)
  return {
    error: errorName(response.errorCode),
    nodes: response.nodes.length > 0,
    partitions: response.topics.flatMap(({ partitions }) =>
      partitions.map((partition) => ({
        error: errorName(partition.errorCode),
        index: partition.partitionIndex,
        isLedByAVoter: partition.currentVoters.some(({ replicaId }) => replicaId === partition.leaderId),
        hasEpoch: partition.leaderEpoch > 0,
        hasHighWatermark: partition.highWatermark > 0,
        isEveryEndKnown: [...partition.currentVoters, ...partition.observers].every(
          ({ logEndOffset }) => logEndOffset > 0,
        ),
      })),
    ),
  }
}

/** What only brokers and controllers tell each other. @returns how the broker takes it from a client */
async function intrude<N extends ApiName>(
  at: World,
  api: N,
  version: number,
  body: RequestInputOf<N>,
): Promise<string> {
  const connection = await at.open()
  connection.send(connection.encode(api, version, body))
  await connection.whenClosed()
  return 'closed'
}

export const membership: ClusterScenarios = {
  'all live': [
    clusterScenario('brokers of the cluster', everyKind),
    clusterScenario('endpoints that a broker does not know', async (world) => {
      const at = await world.at(1)
      const controllers = (await describeCluster(at, { endpointType: CONTROLLER_ENDPOINTS })) as object
      return {
        controllers,
        none: await describeCluster(at, { endpointType: 0 }),
        third: await describeCluster(at, { endpointType: 3 }),
      }
    }),
    atSurvivor('a broker that nobody knows is unregistered', async (world) => ({
      unknown: await unregister(world, 99),
      negative: await unregister(world, -1),
    })),
    clusterScenario('the quorum of the metadata', (world) =>
      each(world, [1, 2], async (at) => ({
        first: await describeQuorum(at, '__cluster_metadata', 0, 0),
        second: await describeQuorum(at, '__cluster_metadata', 0, 1),
        third: await describeQuorum(at, '__cluster_metadata', 0),
      })),
    ),
    atSurvivor('the quorum of what has none', async (world) => ({
      topic: await describeQuorum(world, 'nothing', 0),
      partition: await describeQuorum(world, '__cluster_metadata', 1),
    })),
    atSurvivor('what brokers and controllers tell each other is not taken from a client', async (world) => ({
      producerIds: await intrude(world, 'AllocateProducerIds', 0, { brokerId: 1, brokerEpoch: 0 } as never),
      alterPartition: await intrude(world, 'AlterPartition', 3, { brokerId: 1, topics: [] } as never),
      heartbeat: await intrude(world, 'BrokerHeartbeat', 0, {
        brokerId: 1,
        brokerEpoch: 0,
        currentMetadataOffset: 0,
        wantFence: true,
        wantShutDown: false,
      } as never),
      vote: await intrude(world, 'Vote', 0, { clusterId: null, topics: [] } as never),
      beginEpoch: await intrude(world, 'BeginQuorumEpoch', 0, { clusterId: null, topics: [] } as never),
      endEpoch: await intrude(world, 'EndQuorumEpoch', 0, { clusterId: null, topics: [] } as never),
    })),
  ],
  'one dead': [clusterScenario('a dead broker is shown only to who asks for it', everyKind)],
  'two dead': [
    clusterScenario('a dead broker that is unregistered is forgotten', async (world) => {
      const at = await world.at(1)
      const both = await describeCluster(at, { includeFencedBrokers: true })
      const answer = await unregister(at, SECOND_KILLED)
      const again = await unregister(at, SECOND_KILLED)
      for (;;) {
        const after = await describeCluster(at, { includeFencedBrokers: true })
        if ((after as { brokers: readonly unknown[] }).brokers.length === 2)
          return { both, answer, again, after }
      }
    }),
  ],
  'all back': [clusterScenario('those that are back are shown', everyKind)],
}
