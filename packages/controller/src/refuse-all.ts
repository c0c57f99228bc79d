/**
 * The answers to requests that nobody decided on, because this node is not the active controller, and to decisions that
 * could not be made durable: every item is refused alike.
 */
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { DecidedApi } from './controller-handlers.ts'
import type { Refusal } from './decision.ts'

type Refusers = {
  readonly [N in DecidedApi]: (request: RequestOf<N>, refusal: Refusal) => ResponseInputOf<N>
}

export const refuseAll: Refusers = {
  CreateTopics: ({ topics }, refusal) => ({
    topics: topics.map(({ name }) => ({ name, ...refusal, configs: [] })),
  }),
  DeleteTopics: ({ topics, topicNames }, refusal) => ({
    responses: [
      ...topicNames.map((name) => ({ name, ...refusal })),
      ...topics.map(({ name, topicId }) => ({ name, topicId, ...refusal })),
    ],
  }),
  CreatePartitions: ({ topics }, refusal) => ({
    results: topics.map(({ name }) => ({ name, ...refusal })),
  }),
  IncrementalAlterConfigs: ({ resources }, refusal) => ({
    responses: resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      ...refusal,
    })),
  }),
  BrokerRegistration: (_, { errorCode }) => ({ errorCode }),
  BrokerHeartbeat: (_, { errorCode }) => ({ errorCode }),
  AlterPartition: (_, { errorCode }) => ({ errorCode }),
  UnregisterBroker: (_, refusal) => refusal,
  ElectLeaders: ({ topicPartitions }, refusal) => ({
    errorCode: refusal.errorCode,
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({ partitionId, ...refusal })),
    })),
  }),
  AlterPartitionReassignments: (_, refusal) => ({ ...refusal, responses: [] }),
  ListPartitionReassignments: (_, refusal) => ({ ...refusal, topics: [] }),
  AllocateProducerIds: (_, { errorCode }) => ({ errorCode }),
}
