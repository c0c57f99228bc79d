/**
 * DescribeCluster v1–2 on a controller listener (KIP-919): cluster id, active controller, and the controllers that vote.
 * Brokers are described by brokers alone, so there are no fenced ones to list.
 */
import { NO_NODE } from '@millrace/base'
import type { MetadataQuorum } from '@millrace/metadata-log'
import { EndpointType, ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'

export interface DescribedQuorum {
  readonly clusterId: string
  readonly quorum: Pick<MetadataQuorum, 'leader' | 'voters'>
}

/** Clients use it to find the active controller. */
export function describeControllers(
  { endpointType }: Pick<RequestOf<'DescribeCluster'>, 'endpointType'>,
  { clusterId, quorum }: DescribedQuorum,
): ResponseInputOf<'DescribeCluster'> {
  if (endpointType !== EndpointType.CONTROLLERS) {
    return {
      errorCode:
        endpointType === EndpointType.BROKERS
          ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
          : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: 'this endpoint is a controller: ask for endpoint type 2',
      clusterId,
      brokers: [],
    }
  }
  const { id: controllerId, endpoint } = quorum.leader
  const known = new Map(quorum.voters.voters.map((voter) => [voter.id, voter.endpoint]))
  // A leader that takes itself out of the voters leads until that is committed.
  if (controllerId !== NO_NODE && endpoint !== null) known.set(controllerId, endpoint)
  return {
    endpointType,
    clusterId,
    controllerId,
    brokers: [...known].map(([brokerId, { host, port }]) => ({ brokerId, host, port })),
  }
}
