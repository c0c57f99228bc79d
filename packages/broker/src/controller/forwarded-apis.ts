/**
 * What forwarding has to know of each API: how long the client wants to wait, which errors an answer has inside, and what
 * an answer looks like in which everything is refused.
 */
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ForwardedApi } from '../controller-channel.ts'

interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string
}

interface Forwarded<N extends ForwardedApi> {
  /** null: the request does not say. */
  timeoutMs(request: RequestOf<N>): number | null
  errorCodes(response: ResponseInputOf<N>): (number | undefined)[]
  refuse(request: RequestOf<N>, refusal: Refusal): ResponseInputOf<N>
}

/** For APIs whose answer has one error for all of it. */
const AS_A_WHOLE = {
  timeoutMs: () => null,
  errorCodes: ({ errorCode }: { readonly errorCode?: number | undefined }) => [errorCode],
  refuse: (_request: unknown, refusal: Refusal) => refusal,
}

export const forwardedApis: { readonly [N in ForwardedApi]: Forwarded<N> } = {
  CreateTopics: {
    timeoutMs: (request) => request.timeoutMs,
    errorCodes: ({ topics }) => topics.map(({ errorCode }) => errorCode),
    refuse: ({ topics }, refusal) => ({
      topics: topics.map(({ name }) => ({ name, ...refusal, configs: [] })),
    }),
  },
  DeleteTopics: {
    timeoutMs: (request) => request.timeoutMs,
    errorCodes: ({ responses }) => responses.map(({ errorCode }) => errorCode),
    refuse: ({ topics, topicNames }, refusal) => ({
      responses: [
        ...topicNames.map((name) => ({ name, ...refusal })),
        ...topics.map(({ name, topicId }) => ({ name, topicId, ...refusal })),
      ],
    }),
  },
  CreatePartitions: {
    timeoutMs: (request) => request.timeoutMs,
    errorCodes: ({ results }) => results.map(({ errorCode }) => errorCode),
    refuse: ({ topics }, refusal) => ({ results: topics.map(({ name }) => ({ name, ...refusal })) }),
  },
  IncrementalAlterConfigs: {
    timeoutMs: () => null,
    errorCodes: ({ responses }) => responses.map(({ errorCode }) => errorCode),
    refuse: ({ resources }, refusal) => ({
      responses: resources.map(({ resourceType, resourceName }) => ({
        resourceType,
        resourceName,
        ...refusal,
      })),
    }),
  },
  ElectLeaders: {
    timeoutMs: (request) => request.timeoutMs,
    errorCodes: ({ errorCode, replicaElectionResults }) => [
      errorCode,
      ...replicaElectionResults.flatMap((topic) => topic.partitionResult.map((result) => result.errorCode)),
    ],
    // Version 0 has no error for all of it.
    refuse: ({ topicPartitions }, refusal) => ({
      errorCode: refusal.errorCode,
      replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, ...refusal })),
      })),
    }),
  },
  AlterPartitionReassignments: {
    timeoutMs: (request) => request.timeoutMs,
    errorCodes: ({ errorCode, responses }) => [
      errorCode,
      ...responses.flatMap(({ partitions }) => partitions.map((partition) => partition.errorCode)),
    ],
    refuse: (_request, refusal) => ({ ...refusal, responses: [] }),
  },
  ListPartitionReassignments: {
    timeoutMs: (request) => request.timeoutMs,
    errorCodes: ({ errorCode }) => [errorCode],
    refuse: (_request, refusal) => ({ ...refusal, topics: [] }),
  },
  DescribeQuorum: {
    timeoutMs: () => null,
    errorCodes: ({ errorCode, topics }) => [
      errorCode,
      ...topics.flatMap(({ partitions }) => partitions.map((partition) => partition.errorCode)),
    ],
    refuse: (_request, refusal) => ({ ...refusal, topics: [] }),
  },
  UnregisterBroker: AS_A_WHOLE,
  AddRaftVoter: { ...AS_A_WHOLE, timeoutMs: (request) => request.timeoutMs },
  RemoveRaftVoter: AS_A_WHOLE,
}
