/**
 * RemoveRaftVoter: takes a voter out of the metadata quorum (KIP-853).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { bool, int16, int32, nodeId, string, uuid } from '../schema/field.ts'

export const removeRaftVoter = defineApi({
  key: 81,
  name: 'RemoveRaftVoter',
  listeners: ['broker', 'controller'],
  versions: '0',
  flexible: '0+',
  served: '0',
  request: {
    clusterId: string({ nullable: '0+', default: null }),
    voterId: nodeId(),
    voterDirectoryId: uuid(),
    // Ours: refuse while the leader hears from this voter.
    onlyIfSilent: bool({ tag: 10_000, default: false, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: '0+', default: null, ignorable: true }),
  },
})

export type RemoveRaftVoterRequest = RequestBody<typeof removeRaftVoter>
export type RemoveRaftVoterResponse = ResponseBody<typeof removeRaftVoter>
