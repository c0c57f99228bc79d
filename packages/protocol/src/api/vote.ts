/**
 * Vote: asks a voter of the metadata quorum for its vote, or whether it would give it (KIP-595, KIP-853, KIP-996).
 */
import { NO_NODE, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  bool,
  int16,
  int32,
  leaderEpoch,
  nodeId,
  offset,
  string,
  struct,
  uuid,
} from '../schema/field.ts'
import { nodeEndpointFields } from './endpoint-fields.ts'

export const vote = defineApi({
  key: 52,
  name: 'Vote',
  listeners: ['controller'],
  versions: '0-2',
  flexible: '0+',
  served: '0-2',
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
            /** In a pre-vote the epoch that the sender is in, otherwise the one it stands for. */
            replicaEpoch: leaderEpoch(),
            replicaId: nodeId(),
            replicaDirectoryId: uuid({ versions: '1+', default: ZERO_UUID, ignorable: true }),
            /** Of the voter that receives the request. */
            voterDirectoryId: uuid({ versions: '1+', default: ZERO_UUID, ignorable: true }),
            /** Epoch of the last record in the sender's log. */
            lastOffsetEpoch: leaderEpoch(),
            /** End offset of the sender's log. */
            lastOffset: offset(),
            preVote: bool({ versions: '2+', default: false }),
          }),
        ),
      }),
    ),
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
            voteGranted: bool(),
            /**
             * Of the voter that answers: the first election learns here whom the first voter set is made of.
             * The zero uuid is not said. Not part of Kafka's schema.
             */
            voterDirectoryId: uuid({ versions: '1+', tag: 10_000, default: ZERO_UUID, ignorable: true }),
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

export type VoteRequest = RequestBody<typeof vote>
export type VoteResponse = ResponseBody<typeof vote>
