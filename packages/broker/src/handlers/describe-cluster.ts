/**
 * DescribeCluster v0–2 (KIP-700, KIP-1073): cluster id, brokers, and one of them as the way to the controller. Fenced
 * brokers come last, and only when asked for: nobody should send them anything.
 */
import type { RequestContext } from '@millrace/net'
import { EndpointType, ErrorCode } from '@millrace/protocol'
import type { Handler } from '@millrace/protocol'
import type { ShardConfig } from '../config.ts'
import type { ClusterView } from '../shard/cluster-view.ts'
import { ALL_CLUSTER_OPERATIONS } from './authorized-operations.ts'

export function describeClusterHandler({
  config,
  cluster,
}: {
  readonly config: Pick<ShardConfig, 'clusterId'>
  readonly cluster: ClusterView
}): Handler<'DescribeCluster', RequestContext> {
  return (request, context) => {
    const { clusterId } = config
    const { endpointType } = request
    if (endpointType !== EndpointType.BROKERS) {
      return {
        errorCode:
          endpointType === EndpointType.CONTROLLERS
            ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
            : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: 'this endpoint is a broker: ask for endpoint type 1',
        clusterId,
        brokers: [],
      }
    }
    const brokers = cluster.brokers(context.connection)
    const hidden = request.includeFencedBrokers ? cluster.fencedBrokers(context.connection) : []
    const shownIds = new Set(brokers.map(({ nodeId }) => nodeId))
    const listed = [...brokers, ...hidden.filter(({ nodeId }) => !shownIds.has(nodeId))]
    return {
      clusterId,
      controllerId: cluster.controllerId(brokers),
      brokers: listed.map(({ nodeId: brokerId, host, port, rack }) => {
        const isFenced = !cluster.isAlive(brokerId)
        return { brokerId, host, port, rack, isFenced }
      }),
      ...(request.includeClusterAuthorizedOperations && {
        clusterAuthorizedOperations: ALL_CLUSTER_OPERATIONS,
      }),
    }
  }
}
