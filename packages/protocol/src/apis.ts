/**
 * All declared APIs by name and by key, and the version table that ApiVersions answers.
 * A new API is declared in `api/` and listed here; from then on the compiler asks for its handler.
 */
import { addRaftVoter } from './api/add-raft-voter.ts'
import { allocateProducerIds } from './api/allocate-producer-ids.ts'
import { alterPartition } from './api/alter-partition.ts'
import { alterPartitionReassignments } from './api/alter-partition-reassignments.ts'
import { apiVersions } from './api/api-versions.ts'
import { beginQuorumEpoch } from './api/begin-quorum-epoch.ts'
import { brokerHeartbeat } from './api/broker-heartbeat.ts'
import { brokerRegistration } from './api/broker-registration.ts'
import { createPartitions } from './api/create-partitions.ts'
import { createTopics } from './api/create-topics.ts'
import { deleteRecords } from './api/delete-records.ts'
import { deleteTopics } from './api/delete-topics.ts'
import { describeCluster } from './api/describe-cluster.ts'
import { describeConfigs } from './api/describe-configs.ts'
import { describeLogDirs } from './api/describe-log-dirs.ts'
import { describeQuorum } from './api/describe-quorum.ts'
import { describeTopicPartitions } from './api/describe-topic-partitions.ts'
import { electLeaders } from './api/elect-leaders.ts'
import { endQuorumEpoch } from './api/end-quorum-epoch.ts'
import { fetch } from './api/fetch.ts'
import { fetchSnapshot } from './api/fetch-snapshot.ts'
import { findCoordinator } from './api/find-coordinator.ts'
import { incrementalAlterConfigs } from './api/incremental-alter-configs.ts'
import { initProducerId } from './api/init-producer-id.ts'
import { listOffsets } from './api/list-offsets.ts'
import { listPartitionReassignments } from './api/list-partition-reassignments.ts'
import { metadata } from './api/metadata.ts'
import { offsetForLeaderEpoch } from './api/offset-for-leader-epoch.ts'
import { produce } from './api/produce.ts'
import { removeRaftVoter } from './api/remove-raft-voter.ts'
import { unregisterBroker } from './api/unregister-broker.ts'
import { updateRaftVoter } from './api/update-raft-voter.ts'
import { vote } from './api/vote.ts'
import type {
  Api,
  ListenerType,
  RequestBody,
  RequestInput,
  ResponseBody,
  ResponseInput,
} from './schema/define-api.ts'

export const apis = {
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  Metadata: metadata,
  FindCoordinator: findCoordinator,
  ApiVersions: apiVersions,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  DeleteRecords: deleteRecords,
  InitProducerId: initProducerId,
  OffsetForLeaderEpoch: offsetForLeaderEpoch,
  DescribeConfigs: describeConfigs,
  DescribeLogDirs: describeLogDirs,
  CreatePartitions: createPartitions,
  ElectLeaders: electLeaders,
  IncrementalAlterConfigs: incrementalAlterConfigs,
  AlterPartitionReassignments: alterPartitionReassignments,
  ListPartitionReassignments: listPartitionReassignments,
  Vote: vote,
  BeginQuorumEpoch: beginQuorumEpoch,
  EndQuorumEpoch: endQuorumEpoch,
  DescribeQuorum: describeQuorum,
  FetchSnapshot: fetchSnapshot,
  DescribeCluster: describeCluster,
  BrokerRegistration: brokerRegistration,
  BrokerHeartbeat: brokerHeartbeat,
  AlterPartition: alterPartition,
  UnregisterBroker: unregisterBroker,
  AddRaftVoter: addRaftVoter,
  RemoveRaftVoter: removeRaftVoter,
  UpdateRaftVoter: updateRaftVoter,
  AllocateProducerIds: allocateProducerIds,
  DescribeTopicPartitions: describeTopicPartitions,
} as const

type Apis = typeof apis
export type ApiName = keyof Apis

/** The APIs that are served on one kind of listener. */
export type ApiNameOn<Listener extends ListenerType> = {
  [N in ApiName]: Listener extends Apis[N]['listeners'][number] ? N : never
}[ApiName]
export type BrokerApiName = ApiNameOn<'broker'>
export type ControllerApiName = ApiNameOn<'controller'>

/** A decoded request: every field is there. */
export type RequestOf<N extends ApiName> = RequestBody<Apis[N]>
/** A decoded response: every field is there. */
export type ResponseOf<N extends ApiName> = ResponseBody<Apis[N]>
/** A request to encode: fields with a default may be left out. A decoded one fits, too. */
export type RequestInputOf<N extends ApiName> = RequestInput<Apis[N]>
/** A response to encode: fields with a default may be left out. A decoded one fits, too. */
export type ResponseInputOf<N extends ApiName> = ResponseInput<Apis[N]>

export const apiNames = Object.keys(apis) as ApiName[]

const nameByKey: (ApiName | undefined)[] = []
for (const name of apiNames) nameByKey[apis[name].key] = name

/** @returns the API with that key, or undefined for one that is not declared */
export function apiNameOf(key: number): ApiName | undefined {
  return nameByKey[key]
}

export function apiOf(name: ApiName): Api {
  return apis[name]
}

/** An API that is not served on a listener is unknown there, however well it is declared. */
export function isServedOn<Listener extends ListenerType>(
  listener: Listener,
  name: ApiName,
): name is ApiNameOn<Listener> {
  return apiOf(name).listeners.includes(listener)
}

/** What ApiVersions answers: nothing that is not served, except the old Produce versions that clients look for. */
export function advertisedVersions(listener: ListenerType): ResponseInputOf<'ApiVersions'>['apiKeys'] {
  return apiNames
    .filter((name) => isServedOn(listener, name))
    .map((name) => ({
      apiKey: apis[name].key,
      minVersion: apis[name].advertised.min,
      maxVersion: apis[name].advertised.max,
    }))
    .sort((a, b) => a.apiKey - b.apiKey)
}
