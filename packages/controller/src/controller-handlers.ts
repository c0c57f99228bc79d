/** All requests that change metadata on somebody's word, client's or broker's: one file each, and this list. */
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { handleAllocateProducerIds } from './allocate-producer-ids.ts'
import { handleIncrementalAlterConfigs } from './alter-configs.ts'
import { handleAlterPartition } from './alter-partition.ts'
import { handleAlterPartitionReassignments } from './alter-partition-reassignments.ts'
import { handleBrokerHeartbeat } from './broker-heartbeat.ts'
import { handleCreatePartitions } from './create-partitions.ts'
import { handleCreateTopics } from './create-topics.ts'
import type { Decision, DecisionContext } from './decision.ts'
import { handleDeleteTopics } from './delete-topics.ts'
import { handleElectLeaders } from './elect-leaders.ts'
import { handleListPartitionReassignments } from './list-partition-reassignments.ts'
import { handleBrokerRegistration } from './register-broker.ts'
import { handleUnregisterBroker } from './unregister-broker.ts'

/** The requests that the controller decides on. */
export type DecidedApi =
  | 'CreateTopics'
  | 'DeleteTopics'
  | 'CreatePartitions'
  | 'IncrementalAlterConfigs'
  | 'BrokerRegistration'
  | 'BrokerHeartbeat'
  | 'AlterPartition'
  | 'UnregisterBroker'
  | 'ElectLeaders'
  | 'AlterPartitionReassignments'
  | 'ListPartitionReassignments'
  | 'AllocateProducerIds'

type ControllerHandlers = {
  readonly [N in DecidedApi]: (
    request: RequestOf<N>,
    context: DecisionContext,
  ) => Decision<ResponseInputOf<N>>
}

export const controllerHandlers: ControllerHandlers = {
  CreateTopics: handleCreateTopics,
  DeleteTopics: handleDeleteTopics,
  CreatePartitions: handleCreatePartitions,
  IncrementalAlterConfigs: handleIncrementalAlterConfigs,
  BrokerRegistration: handleBrokerRegistration,
  BrokerHeartbeat: handleBrokerHeartbeat,
  AlterPartition: handleAlterPartition,
  UnregisterBroker: handleUnregisterBroker,
  ElectLeaders: handleElectLeaders,
  AlterPartitionReassignments: handleAlterPartitionReassignments,
  ListPartitionReassignments: handleListPartitionReassignments,
  AllocateProducerIds: handleAllocateProducerIds,
}
