/**
 * DescribeTopicPartitions: partitions page by page, with the replicas that may lead although they are not in sync
 * (KIP-966).
 */
import { NO_LEADER_EPOCH, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, leaderEpoch, nodeId, string, struct, uuid } from '../schema/field.ts'

/** Where a page begins. */
const cursor = { topicName: string(), partitionIndex: int32() }

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  listeners: ['broker'],
  versions: '0',
  flexible: '0+',
  served: '0',
  request: {
    /** None: all. */
    topics: array(struct({ name: string() })),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(cursor, { nullable: '0+', default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        errorCode: int16({ default: 0 }),
        name: string({ nullable: '0+' }),
        topicId: uuid({ default: ZERO_UUID }),
        isInternal: bool({ default: false }),
        partitions: array(
          struct({
            errorCode: int16({ default: 0 }),
            partitionIndex: int32(),
            leaderId: nodeId(),
            leaderEpoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
            replicaNodes: array(nodeId()),
            isrNodes: array(nodeId()),
            /** Null: the cluster does not keep track of them. */
            eligibleLeaderReplicas: array(nodeId(), { nullable: '0+', default: null }),
            /** Those that were eligible before they stopped uncleanly. */
            lastKnownElr: array(nodeId(), { nullable: '0+', default: null }),
            offlineReplicas: array(nodeId()),
          }),
        ),
        /** Bits of KIP-430. */
        topicAuthorizedOperations: int32({ default: -0x8000_0000 }),
      }),
    ),
    /** Null: this was the last page. */
    nextCursor: struct(cursor, { nullable: '0+', default: null }),
  },
})

export type DescribeTopicPartitionsRequest = RequestBody<typeof describeTopicPartitions>
export type DescribeTopicPartitionsResponse = ResponseBody<typeof describeTopicPartitions>
