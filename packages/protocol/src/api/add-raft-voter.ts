/**
 * AddRaftVoter: makes an observer of the metadata quorum a voter (KIP-853).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, nodeId, string, struct, uuid } from '../schema/field.ts'
import { listenerFields } from './endpoint-fields.ts'

export const addRaftVoter = defineApi({
  key: 80,
  name: 'AddRaftVoter',
  listeners: ['broker', 'controller'],
  versions: '0-1',
  flexible: '0+',
  served: '0-1',
  request: {
    clusterId: string({ nullable: '0+', default: null }),
    timeoutMs: int32(),
    voterId: nodeId(),
    voterDirectoryId: uuid(),
    listeners: array(struct(listenerFields)),
    /** False: answered once the leader has written the new voter set, committed or not. */
    ackWhenCommitted: bool({ versions: '1+', default: true }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: '0+', default: null, ignorable: true }),
  },
})

export type AddRaftVoterRequest = RequestBody<typeof addRaftVoter>
export type AddRaftVoterResponse = ResponseBody<typeof addRaftVoter>
