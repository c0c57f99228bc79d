/**
 * Produce: appends record batches, one for each partition.
 * Versions 0–2 carry message formats older than v2 (KIP-98). Old clients look for them before they compress, so they
 * are advertised, but requests in them are refused.
 */
import { NO_LEADER_EPOCH, NO_NODE, NO_OFFSET, NO_TIMESTAMP, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  int16,
  int32,
  leaderEpoch,
  nodeId,
  offset,
  records,
  string,
  struct,
  timestampMs,
  uuid,
} from '../schema/field.ts'

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  listeners: ['broker'],
  versions: '0-13',
  flexible: '9+',
  served: '3-11',
  advertised: '0-11',
  request: {
    transactionalId: string({ versions: '3+', nullable: '3+', default: null }),
    /** 0: no response; 1: once the leader has it; −1: once every in-sync replica has it. */
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(
      struct({
        name: string({ versions: '0-12', default: '', ignorable: true }),
        topicId: uuid({ versions: '13+', default: ZERO_UUID, ignorable: true }),
        partitionData: array(struct({ index: int32(), records: records({ nullable: '0+' }) })),
      }),
    ),
  },
  response: {
    responses: array(
      struct({
        name: string({ versions: '0-12', default: '', ignorable: true }),
        topicId: uuid({ versions: '13+', default: ZERO_UUID, ignorable: true }),
        partitionResponses: array(
          struct({
            index: int32(),
            errorCode: int16(),
            baseOffset: offset(),
            /** −1 where the topic keeps the producer's timestamps. */
            logAppendTimeMs: timestampMs({ versions: '2+', default: NO_TIMESTAMP, ignorable: true }),
            logStartOffset: offset({ versions: '5+', default: NO_OFFSET, ignorable: true }),
            /** Records that made the batch invalid (KIP-467). */
            recordErrors: array(
              struct({
                batchIndex: int32(),
                batchIndexErrorMessage: string({ nullable: '0+', default: null }),
              }),
              { versions: '8+', default: [], ignorable: true },
            ),
            errorMessage: string({ versions: '8+', nullable: '8+', default: null, ignorable: true }),
            /** Where to send instead, beside NOT_LEADER_OR_FOLLOWER (KIP-951). */
            currentLeader: struct(
              {
                leaderId: nodeId({ default: NO_NODE }),
                leaderEpoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
              },
              { versions: '10+', tag: 0, ignorable: true },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32({ versions: '1+', default: 0, ignorable: true }),
    /** Addresses of the brokers named in `currentLeader`. */
    nodeEndpoints: array(
      struct({
        nodeId: nodeId(),
        host: string(),
        port: int32(),
        rack: string({ nullable: '0+', default: null }),
      }),
      { versions: '10+', tag: 0, default: [], ignorable: true },
    ),
  },
})

export type ProduceRequest = RequestBody<typeof produce>
export type ProduceResponse = ResponseBody<typeof produce>
