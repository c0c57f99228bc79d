/**
 * UpdateRaftVoter: a voter tells the leader of its new addresses and protocol versions (KIP-853).
 */
import { NO_LEADER_EPOCH, NO_NODE } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, leaderEpoch, nodeId, string, struct, uuid } from '../schema/field.ts'
import { listenerFields } from './endpoint-fields.ts'

export const updateRaftVoter = defineApi({
  key: 82,
  name: 'UpdateRaftVoter',
  listeners: ['controller'],
  versions: '0',
  flexible: '0+',
  served: '0',
  request: {
    clusterId: string({ nullable: '0+', default: null }),
    /** −1: not known. */
    currentLeaderEpoch: leaderEpoch(),
    voterId: nodeId(),
    voterDirectoryId: uuid(),
    listeners: array(struct(listenerFields)),
    kRaftVersionFeature: struct({ minSupportedVersion: int16(), maxSupportedVersion: int16() }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    currentLeader: struct(
      {
        leaderId: nodeId({ default: NO_NODE }),
        leaderEpoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
        host: string({ default: '' }),
        port: int32({ default: 0 }),
      },
      { tag: 0 },
    ),
  },
})

export type UpdateRaftVoterRequest = RequestBody<typeof updateRaftVoter>
export type UpdateRaftVoterResponse = ResponseBody<typeof updateRaftVoter>
