/**
 * OffsetForLeaderEpoch: where a leader epoch ended, so that a reader finds out what was truncated (KIP-101, KIP-320).
 */
import { NO_LEADER_EPOCH, NO_OFFSET, type NodeId } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, leaderEpoch, nodeId, offset, string, struct } from '../schema/field.ts'

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  listeners: ['broker'],
  versions: '0-4',
  flexible: '4+',
  served: '2-4',
  request: {
    /** −1 for consumers, −2 for debugging. */
    replicaId: nodeId({ versions: '3+', default: -2 as NodeId, ignorable: true }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            partition: int32(),
            currentLeaderEpoch: leaderEpoch({ versions: '2+', default: NO_LEADER_EPOCH, ignorable: true }),
            leaderEpoch: leaderEpoch(),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', default: 0, ignorable: true }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            errorCode: int16({ default: 0 }),
            partition: int32(),
            /** The largest epoch that is not above the one asked for. */
            leaderEpoch: leaderEpoch({ versions: '1+', default: NO_LEADER_EPOCH, ignorable: true }),
            endOffset: offset({ default: NO_OFFSET }),
          }),
        ),
      }),
    ),
  },
})

export type OffsetForLeaderEpochRequest = RequestBody<typeof offsetForLeaderEpoch>
export type OffsetForLeaderEpochResponse = ResponseBody<typeof offsetForLeaderEpoch>
