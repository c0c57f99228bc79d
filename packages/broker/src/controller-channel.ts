/**
 * How a broker reaches the active controller, wherever that runs. The broker never imports the controller: the process
 * that has both joins them here.
 */
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'

/** The requests a broker passes on unchanged. */
export type ControllerApi =
  | 'CreateTopics'
  | 'DeleteTopics'
  | 'CreatePartitions'
  | 'DescribeConfigs'
  | 'IncrementalAlterConfigs'

export interface ControllerRequestContext {
  readonly clientId: string | null
  readonly apiVersion: number
}

export interface ControllerChannel {
  /**
   * Resolves once the change is committed and the metadata publisher has told its listeners, so that a broker that
   * then waits for its own shards answers with every one of them up to date. Rejects only when no controller can be
   * reached; refusals are error codes in the response.
   */
  request<N extends ControllerApi>(
    api: N,
    request: RequestOf<N>,
    context: ControllerRequestContext,
  ): Promise<ResponseInputOf<N>>
}
