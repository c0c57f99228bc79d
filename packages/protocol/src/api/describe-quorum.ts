/**
 * DescribeQuorum: leader, voters and observers of the metadata quorum and how far each has got (KIP-595, KIP-836, KIP-853).
 */
import { NO_TIMESTAMP, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  int16,
  int32,
  leaderEpoch,
  nodeId,
  offset,
  string,
  struct,
  timestampMs,
  uuid,
} from '../schema/field.ts'
import { listenerFields } from './endpoint-fields.ts'

const replicaState = struct({
  replicaId: nodeId(),
  replicaDirectoryId: uuid({ versions: '2+', default: ZERO_UUID, ignorable: true }),
  /** −1: not known. */
  logEndOffset: offset(),
  /** By the leader's clock; −1 for the leader itself, and when it is not known. */
  lastFetchTimestamp: timestampMs({ versions: '1+', default: NO_TIMESTAMP, ignorable: true }),
  /** When the leader had written what the replica has got by now; the leader's own is the present. */
  lastCaughtUpTimestamp: timestampMs({ versions: '1+', default: NO_TIMESTAMP, ignorable: true }),
})

export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  listeners: ['broker', 'controller'],
  versions: '0-2',
  flexible: '0+',
  served: '0-2',
  request: {
    topics: array(struct({ topicName: string(), partitions: array(struct({ partitionIndex: int32() })) })),
  },
  response: {
    errorCode: int16({ default: 0 }),
    errorMessage: string({ versions: '2+', nullable: '2+', default: null, ignorable: true }),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: string({ versions: '2+', nullable: '2+', default: null, ignorable: true }),
            leaderId: nodeId(),
            leaderEpoch: leaderEpoch(),
            highWatermark: offset(),
            currentVoters: array(replicaState),
            observers: array(replicaState),
          }),
        ),
      }),
    ),
    nodes: array(struct({ nodeId: nodeId(), listeners: array(struct(listenerFields)) }), {
      versions: '2+',
      default: [],
      ignorable: true,
    }),
  },
})

export type DescribeQuorumRequest = RequestBody<typeof describeQuorum>
export type DescribeQuorumResponse = ResponseBody<typeof describeQuorum>
