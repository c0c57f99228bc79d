/** DescribeCluster v0–1 (KIP-700): cluster id, brokers, and one of them as the way to the controller. */
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { Handler } from '@millrace/protocol'
import type { ShardConfig } from '../config.ts'
import type { ClusterView } from '../shard/cluster-view.ts'
import { ALL_CLUSTER_OPERATIONS } from './authorized-operations.ts'

const ENDPOINT_OF_BROKERS = 1

export function describeClusterHandler({
  config,
  cluster,
}: {
  readonly config: Pick<ShardConfig, 'clusterId'>
  readonly cluster: ClusterView
}): Handler<'DescribeCluster', RequestContext> {
  return (request, context) => {
    const { clusterId } = config
    if (request.endpointType !== ENDPOINT_OF_BROKERS) {
      return {
        errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        errorMessage: 'this endpoint is a broker: ask for endpoint type 1',
        clusterId,
        brokers: [],
      }
    }
    const brokers = cluster.brokers(context.connection.local)
    return {
      clusterId,
      controllerId: cluster.controllerId(brokers),
      brokers: brokers.map(({ nodeId: brokerId, host, port, rack }) => ({ brokerId, host, port, rack })),
      ...(request.includeClusterAuthorizedOperations && {
        clusterAuthorizedOperations: ALL_CLUSTER_OPERATIONS,
      }),
    }
  }
}
