/**
 * ListOffsets: the offset of a point in time, or of an end of the log, of each partition.
 * Special timestamps: −1 the end, −2 the start, −3 the record with the largest timestamp (version 7+).
 */
import { NO_LEADER_EPOCH, NO_NODE, NO_OFFSET, NO_TIMESTAMP } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  int16,
  int32,
  int8,
  leaderEpoch,
  nodeId,
  offset,
  string,
  struct,
  timestampMs,
} from '../schema/field.ts'

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  listeners: ['broker'],
  versions: '0-11',
  flexible: '6+',
  served: '1-9',
  request: {
    replicaId: nodeId({ default: NO_NODE }),
    isolationLevel: int8({ versions: '2+', default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: leaderEpoch({ versions: '4+', default: NO_LEADER_EPOCH, ignorable: true }),
            timestamp: timestampMs(),
            maxNumOffsets: int32({ versions: '0', default: 1, ignorable: true }),
          }),
        ),
      }),
    ),
    timeoutMs: int32({ versions: '10+', default: 0, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', default: 0, ignorable: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            oldStyleOffsets: array(offset(), { versions: '0', default: [] }),
            /** Of the record found; −1 for none and for the ends of the log. */
            timestamp: timestampMs({ versions: '1+', default: NO_TIMESTAMP }),
            /** −1: no such record. */
            offset: offset({ versions: '1+', default: NO_OFFSET }),
            leaderEpoch: leaderEpoch({ versions: '4+', default: NO_LEADER_EPOCH, ignorable: true }),
          }),
        ),
      }),
    ),
  },
})

export type ListOffsetsRequest = RequestBody<typeof listOffsets>
export type ListOffsetsResponse = ResponseBody<typeof listOffsets>
