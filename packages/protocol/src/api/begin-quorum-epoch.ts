/**
 * BeginQuorumEpoch: a new leader of the metadata quorum tells a voter of its election (KIP-595, KIP-853).
 */
import { NO_NODE, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, leaderEpoch, nodeId, string, struct, uuid } from '../schema/field.ts'
import { listenerFields, nodeEndpointFields } from './endpoint-fields.ts'

export const beginQuorumEpoch = defineApi({
  key: 53,
  name: 'BeginQuorumEpoch',
  listeners: ['controller'],
  versions: '0-1',
  flexible: '1+',
  served: '0-1',
  request: {
    clusterId: string({ nullable: '0+', default: null }),
    /** Who the request is meant for; −1 when the sender does not know. */
    voterId: nodeId({ versions: '1+', default: NO_NODE, ignorable: true }),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            /** Of the voter that receives the request. */
            voterDirectoryId: uuid({ versions: '1+', default: ZERO_UUID, ignorable: true }),
            leaderId: nodeId(),
            leaderEpoch: leaderEpoch(),
          }),
        ),
      }),
    ),
    leaderEndpoints: array(struct(listenerFields), { versions: '1+', default: [], ignorable: true }),
  },
  response: {
    errorCode: int16({ default: 0 }),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            leaderId: nodeId(),
            leaderEpoch: leaderEpoch(),
          }),
        ),
      }),
    ),
    /** Of the leaders that the partitions name. */
    nodeEndpoints: array(struct(nodeEndpointFields), {
      versions: '1+',
      tag: 0,
      default: [],
      ignorable: true,
    }),
  },
})

export type BeginQuorumEpochRequest = RequestBody<typeof beginQuorumEpoch>
export type BeginQuorumEpochResponse = ResponseBody<typeof beginQuorumEpoch>
