/**
 * EndQuorumEpoch: the leader of the metadata quorum resigns and says whom it would like to follow it (KIP-595, KIP-853).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, leaderEpoch, nodeId, string, struct, uuid } from '../schema/field.ts'
import { listenerFields, nodeEndpointFields } from './endpoint-fields.ts'

export const endQuorumEpoch = defineApi({
  key: 54,
  name: 'EndQuorumEpoch',
  listeners: ['controller'],
  versions: '0-1',
  flexible: '1+',
  served: '0-1',
  request: {
    clusterId: string({ nullable: '0+', default: null }),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            leaderId: nodeId(),
            leaderEpoch: leaderEpoch(),
            /** Best first, as the candidates below. */
            preferredSuccessors: array(nodeId(), { versions: '0', default: [], ignorable: true }),
            preferredCandidates: array(struct({ candidateId: nodeId(), candidateDirectoryId: uuid() }), {
              versions: '1+',
              default: [],
              ignorable: true,
            }),
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

export type EndQuorumEpochRequest = RequestBody<typeof endQuorumEpoch>
export type EndQuorumEpochResponse = ResponseBody<typeof endQuorumEpoch>
