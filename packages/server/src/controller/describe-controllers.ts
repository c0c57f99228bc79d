/** DescribeCluster v1 on a controller listener (KIP-919): cluster id, active controller, and the controllers there are. */
import { NO_NODE } from '@millrace/base'
import type { BootstrapVoter, MetadataQuorum } from '@millrace/metadata-log'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'

const ENDPOINT_OF_CONTROLLERS = 2

export interface DescribedQuorum {
  readonly clusterId: string
  /** As configured. */
  readonly voters: readonly BootstrapVoter[]
  readonly quorum: Pick<MetadataQuorum, 'leader'>
}

/** Clients use it to find the active controller: it is there also when it was added after the configuration was written. */
export function describeControllers(
  { endpointType }: Pick<RequestOf<'DescribeCluster'>, 'endpointType'>,
  { clusterId, voters, quorum }: DescribedQuorum,
): ResponseInputOf<'DescribeCluster'> {
  if (endpointType !== ENDPOINT_OF_CONTROLLERS) {
    return {
      errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      errorMessage: 'this endpoint is a controller: ask for endpoint type 2',
      clusterId,
      brokers: [],
    }
  }
  const { id, endpoint } = quorum.leader
  const known = new Map(
    voters.map((voter) => [voter.id, { brokerId: voter.id, host: voter.host, port: voter.port }]),
  )
  if (id !== NO_NODE && endpoint !== null)
    known.set(id, { brokerId: id, host: endpoint.host, port: endpoint.port })
  return {
    endpointType,
    clusterId,
    controllerId: id,
    brokers: [...known.values()],
  }
}
