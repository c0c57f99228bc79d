import { ZERO_UUID } from '@millrace/base'
import { array, int16, nodeId, struct, uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** Directory ids can only be said in version 1, which Kafka (4.2) neither writes nor reads. */
const voter = struct({
  voterId: nodeId(),
  voterDirectoryId: uuid({ versions: '1+', default: ZERO_UUID }),
})

/** The first record of each leader's epoch. */
export const leaderChangeMessage = defineRecord({
  key: 2,
  name: 'LeaderChangeMessage',
  versions: '0-1',
  fields: {
    version: int16({ default: 0 }),
    leaderId: nodeId(),
    voters: array(voter),
    grantingVoters: array(voter),
  },
})
