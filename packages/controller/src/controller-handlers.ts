/** All requests that change metadata on a client's word: one file each, and this list. */
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { handleIncrementalAlterConfigs } from './alter-configs.ts'
import { handleCreatePartitions } from './create-partitions.ts'
import { handleCreateTopics } from './create-topics.ts'
import type { Decision, DecisionContext } from './decision.ts'
import { handleDeleteTopics } from './delete-topics.ts'

/** The requests that the controller decides on. */
export type DecidedApi = 'CreateTopics' | 'DeleteTopics' | 'CreatePartitions' | 'IncrementalAlterConfigs'

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
}
