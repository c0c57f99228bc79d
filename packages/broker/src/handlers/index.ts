/** The list of handlers: one per API of brokers. An API that is declared for them but missing here does not compile. */
import type { RequestContext } from '@millrace/net'
import type { Handlers } from '@millrace/protocol'
import { handleApiVersions } from './api-versions.ts'
import { controllerHandler } from './controller-request.ts'
import { deleteRecordsHandler } from './delete-records.ts'
import { describeClusterHandler } from './describe-cluster.ts'
import { describeConfigsHandler } from './describe-configs.ts'
import { describeLogDirsHandler } from './describe-log-dirs.ts'
import { describeTopicPartitionsHandler } from './describe-topic-partitions.ts'
import { fetchHandler } from './fetch.ts'
import { handleFindCoordinator } from './find-coordinator.ts'
import { initProducerIdHandler } from './init-producer-id.ts'
import { listOffsetsHandler } from './list-offsets.ts'
import { metadataHandler } from './metadata.ts'
import { offsetForLeaderEpochHandler } from './offset-for-leader-epoch.ts'
import { produceHandler } from './produce.ts'

/** Whatever the handlers need of their shard. */
export type HandlerSurroundings = Parameters<typeof produceHandler>[0] &
  Parameters<typeof fetchHandler>[0] &
  Parameters<typeof metadataHandler>[0] &
  Parameters<typeof describeClusterHandler>[0] &
  Parameters<typeof describeConfigsHandler>[0] &
  Parameters<typeof describeLogDirsHandler>[0] &
  Parameters<typeof initProducerIdHandler>[0] & {
    readonly controller: Parameters<typeof controllerHandler>[1]
    readonly replicaServing: Parameters<typeof fetchHandler>[1]
  }

/** Handlers that answer from this shard's own partitions; `forwarding` extends them to the other shards'. */
export function localHandlers(surroundings: HandlerSurroundings): Handlers<RequestContext> {
  const { controller } = surroundings
  return {
    Produce: produceHandler(surroundings),
    Fetch: fetchHandler(surroundings, surroundings.replicaServing),
    ListOffsets: listOffsetsHandler(surroundings),
    Metadata: metadataHandler(surroundings),
    FindCoordinator: handleFindCoordinator,
    ApiVersions: handleApiVersions,
    CreateTopics: controllerHandler('CreateTopics', controller),
    DeleteTopics: controllerHandler('DeleteTopics', controller),
    CreatePartitions: controllerHandler('CreatePartitions', controller),
    DescribeConfigs: describeConfigsHandler(surroundings),
    IncrementalAlterConfigs: controllerHandler('IncrementalAlterConfigs', controller),
    ElectLeaders: controllerHandler('ElectLeaders', controller),
    AlterPartitionReassignments: controllerHandler('AlterPartitionReassignments', controller),
    ListPartitionReassignments: controllerHandler('ListPartitionReassignments', controller),
    DeleteRecords: deleteRecordsHandler(surroundings),
    InitProducerId: initProducerIdHandler(surroundings),
    OffsetForLeaderEpoch: offsetForLeaderEpochHandler(surroundings),
    DescribeCluster: describeClusterHandler(surroundings),
    DescribeLogDirs: describeLogDirsHandler(surroundings),
    DescribeTopicPartitions: describeTopicPartitionsHandler(surroundings),
    DescribeQuorum: controllerHandler('DescribeQuorum', controller),
    UnregisterBroker: controllerHandler('UnregisterBroker', controller),
    AddRaftVoter: controllerHandler('AddRaftVoter', controller),
    RemoveRaftVoter: controllerHandler('RemoveRaftVoter', controller),
  }
}
