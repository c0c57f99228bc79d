/**
 * Metadata: brokers with their addresses, topics with their partitions, leaders and replicas.
 * In version 0 an empty list of topics asks for all of them; from version 1 on null does, and an empty list for none.
 */
import { NO_LEADER_EPOCH, NO_NODE, ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  bool,
  int16,
  int32,
  leaderEpoch,
  nodeId,
  string,
  struct,
  uint16,
  uuid,
} from '../schema/field.ts'

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  listeners: ['broker'],
  versions: '0-13',
  flexible: '9+',
  served: '0-12',
  request: {
    topics: array(
      struct({
        topicId: uuid({ versions: '10+', default: ZERO_UUID, ignorable: true }),
        /** Null where the topic is asked for by id. */
        name: string({ nullable: '10+' }),
      }),
      { nullable: '1+' },
    ),
    allowAutoTopicCreation: bool({ versions: '4+', default: true }),
    includeClusterAuthorizedOperations: bool({ versions: '8-10', default: false }),
    includeTopicAuthorizedOperations: bool({ versions: '8+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: '3+', default: 0, ignorable: true }),
    brokers: array(
      struct({
        nodeId: nodeId(),
        host: string(),
        port: int32(),
        rack: string({ versions: '1+', nullable: '1+', default: null, ignorable: true }),
      }),
    ),
    clusterId: string({ versions: '2+', nullable: '2+', default: null, ignorable: true }),
    controllerId: nodeId({ versions: '1+', default: NO_NODE, ignorable: true }),
    topics: array(
      struct({
        errorCode: int16(),
        /** Null where the topic was asked for by an unknown id. */
        name: string({ nullable: '12+' }),
        topicId: uuid({ versions: '10+', default: ZERO_UUID, ignorable: true }),
        isInternal: bool({ versions: '1+', default: false, ignorable: true }),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderId: nodeId(),
            leaderEpoch: leaderEpoch({ versions: '7+', default: NO_LEADER_EPOCH, ignorable: true }),
            replicaNodes: array(nodeId()),
            isrNodes: array(nodeId()),
            offlineReplicas: array(nodeId(), { versions: '5+', default: [], ignorable: true }),
            /** Port of the shard of `leaderId` that leads this partition; 0: use the broker's port. */
            shardPort: uint16({ nativeOnly: true, default: 0 }),
          }),
        ),
        /** Bits; the smallest int32: not asked for. */
        topicAuthorizedOperations: int32({ versions: '8+', default: -0x80000000, ignorable: true }),
      }),
    ),
    clusterAuthorizedOperations: int32({ versions: '8-10', default: -0x80000000, ignorable: true }),
    errorCode: int16({ versions: '13+', default: 0, ignorable: true }),
  },
})

export type MetadataRequest = RequestBody<typeof metadata>
export type MetadataResponse = ResponseBody<typeof metadata>
