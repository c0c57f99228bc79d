/**
 * How a broker reaches the active controller, wherever that runs. The broker never imports the controller: the process
 * that has both joins them here.
 */
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'

/** The requests of clients that a broker passes on unchanged. */
export type ForwardedApi =
  | 'CreateTopics'
  | 'DeleteTopics'
  | 'CreatePartitions'
  | 'IncrementalAlterConfigs'
  | 'ElectLeaders'
  | 'AlterPartitionReassignments'
  | 'ListPartitionReassignments'
  | 'DescribeQuorum'
  | 'UnregisterBroker'
  | 'AddRaftVoter'
  | 'RemoveRaftVoter'

/** Everything that a broker asks the controller. */
export type ControllerApi =
  | ForwardedApi
  | 'BrokerRegistration'
  | 'BrokerHeartbeat'
  | 'AlterPartition'
  | 'AllocateProducerIds'

export interface ControllerRequestContext {
  readonly clientId: string | null
  readonly apiVersion: number
}

export interface ControllerChannel<Api extends ControllerApi = ControllerApi> {
  /**
   * Resolves once the change is committed and the metadata publisher has told its listeners, so that a broker that
   * then waits for its own shards answers with every one of them up to date. Refusals are error codes in the response.
   * NOT_CONTROLLER says that nothing of the request was, or will be, carried out: it is sent again. A controller that
   * lost its office before it knew the outcome answers REQUEST_TIMED_OUT instead.
   */
  request<N extends Api>(
    api: N,
    request: RequestOf<N>,
    context: ControllerRequestContext,
  ): Promise<ResponseInputOf<N>>
}
