/**
 * AlterPartition: the leader of a partition tells the controller which replicas are in sync, or that it must not lead
 * (KIP-497, KIP-704, KIP-841, KIP-903).
 */
import { NO_LEADER_EPOCH, NO_NODE, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, int64, int8, leaderEpoch, nodeId, struct, uuid } from '../schema/field.ts'

export const alterPartition = defineApi({
  key: 56,
  name: 'AlterPartition',
  listeners: ['controller'],
  versions: '2-3',
  flexible: '0+',
  served: '2-3',
  request: {
    brokerId: nodeId(),
    brokerEpoch: int64({ default: -1 }),
    topics: array(
      struct({
        topicId: uuid({ default: ZERO_UUID }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            leaderEpoch: leaderEpoch(),
            newIsr: array(nodeId(), { versions: '2', default: [] }),
            /** With the processes that the leader means. */
            newIsrWithEpochs: array(struct({ brokerId: nodeId(), brokerEpoch: int64({ default: -1 }) }), {
              versions: '3+',
              default: [],
            }),
            /** 1 while recovering from an unclean election, else 0. */
            leaderRecoveryState: int8({ default: 0 }),
            /** As the leader knows it: the change is made to no other state of the partition. */
            partitionEpoch: int32(),
            /**
             * Other than 0: the broker that was elected must not lead. 1: its log is damaged, 2: it lacks committed records,
             * 3: the epoch was another process's, 4: its log failed. Not part of Kafka's schema.
             */
            leadershipRefusal: int8({ versions: '3+', tag: 10_000, default: 0, ignorable: true }),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    topics: array(
      struct({
        topicId: uuid({ default: ZERO_UUID }),
        partitions: array(
          struct({
            partitionIndex: int32({ default: -1 }),
            errorCode: int16({ default: 0 }),
            leaderId: nodeId({ default: NO_NODE }),
            leaderEpoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
            isr: array(nodeId(), { default: [] }),
            leaderRecoveryState: int8({ default: 0 }),
            partitionEpoch: int32({ default: -1 }),
          }),
        ),
      }),
      { default: [] },
    ),
  },
})

export type AlterPartitionRequest = RequestBody<typeof alterPartition>
export type AlterPartitionResponse = ResponseBody<typeof alterPartition>
