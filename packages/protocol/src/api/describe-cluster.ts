/** DescribeCluster: cluster id, controller and brokers (KIP-700), controllers (KIP-919), fenced brokers (KIP-1073). */
import { NO_NODE } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int8, nodeId, string, struct } from '../schema/field.ts'

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  listeners: ['broker', 'controller'],
  versions: '0-2',
  flexible: '0+',
  served: '0-2',
  request: {
    includeClusterAuthorizedOperations: bool({ default: false }),
    /** 1 brokers, 2 controllers. */
    endpointType: int8({ versions: '1+', default: 1 }),
    includeFencedBrokers: bool({ versions: '2+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: '0+', default: null }),
    endpointType: int8({ versions: '1+', default: 1, ignorable: true }),
    clusterId: string(),
    controllerId: nodeId({ default: NO_NODE }),
    brokers: array(
      struct({
        brokerId: nodeId(),
        host: string(),
        port: int32(),
        rack: string({ nullable: '0+', default: null }),
        isFenced: bool({ versions: '2+', default: false, ignorable: true }),
      }),
    ),
    /** Bits; the smallest int32: not asked for. */
    clusterAuthorizedOperations: int32({ default: -0x80000000 }),
  },
})

export type DescribeClusterRequest = RequestBody<typeof describeCluster>
export type DescribeClusterResponse = ResponseBody<typeof describeCluster>
