/**
 * Fetch: reads record batches, for consumers and for followers.
 * From version 13 on topics are named by id only (KIP-516); before, by name only.
 */
import { NO_LEADER_EPOCH, NO_NODE, NO_OFFSET, ZERO_UUID, type Offset } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  int16,
  int32,
  int64,
  int8,
  leaderEpoch,
  nodeId,
  offset,
  records,
  string,
  struct,
  uuid,
} from '../schema/field.ts'

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  listeners: ['broker', 'controller'],
  versions: '0-18',
  flexible: '12+',
  served: '4-17',
  request: {
    clusterId: string({ versions: '12+', nullable: '12+', default: null, tag: 0, ignorable: true }),
    /** −1 for consumers. */
    replicaId: nodeId({ versions: '0-14', default: NO_NODE, ignorable: true }),
    replicaState: struct(
      { replicaId: nodeId({ default: NO_NODE }), replicaEpoch: int64({ default: -1 }) },
      { versions: '15+', tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    /** Soft: the first batch is returned whole however large (KIP-74). */
    maxBytes: int32({ versions: '3+', default: 0x7fffffff, ignorable: true }),
    /** 0: everything below the high watermark; 1: only below the last stable offset. */
    isolationLevel: int8({ versions: '4+', default: 0, ignorable: true }),
    sessionId: int32({ versions: '7+', default: 0, ignorable: true }),
    sessionEpoch: int32({ versions: '7+', default: -1, ignorable: true }),
    topics: array(
      struct({
        topic: string({ versions: '0-12', default: '', ignorable: true }),
        topicId: uuid({ versions: '13+', default: ZERO_UUID, ignorable: true }),
        partitions: array(
          struct({
            partition: int32(),
            /** −1: don't check (KIP-320). */
            currentLeaderEpoch: leaderEpoch({ versions: '9+', default: NO_LEADER_EPOCH, ignorable: true }),
            fetchOffset: offset(),
            lastFetchedEpoch: leaderEpoch({ versions: '12+', default: NO_LEADER_EPOCH }),
            /** Of the follower that fetches. */
            logStartOffset: offset({ versions: '5+', default: NO_OFFSET, ignorable: true }),
            partitionMaxBytes: int32(),
            replicaDirectoryId: uuid({ versions: '17+', default: ZERO_UUID, tag: 0, ignorable: true }),
            /** As the follower knows it; the largest number means that it doesn't. */
            highWatermark: offset({
              versions: '17+',
              default: Number.MAX_SAFE_INTEGER as Offset,
              tag: 1,
              ignorable: true,
            }),
            /** Of a follower's fetch; −1: the answer need not name it. Not part of Kafka's schema. */
            fetchId: int64({ versions: '17+', tag: 10_000, default: -1, ignorable: true }),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topic: string({ versions: '7-12', default: '', ignorable: true }),
        topicId: uuid({ versions: '13+', default: ZERO_UUID, ignorable: true }),
        partitions: array(int32()),
      }),
      { versions: '7+', default: [] },
    ),
    rackId: string({ versions: '11+', default: '', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', default: 0, ignorable: true }),
    errorCode: int16({ versions: '7+', default: 0, ignorable: true }),
    /** 0: no session; the next request has to be complete again. */
    sessionId: int32({ versions: '7+', default: 0 }),
    responses: array(
      struct({
        topic: string({ versions: '0-12', default: '', ignorable: true }),
        topicId: uuid({ versions: '13+', default: ZERO_UUID, ignorable: true }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            highWatermark: offset(),
            lastStableOffset: offset({ versions: '4+', default: NO_OFFSET, ignorable: true }),
            logStartOffset: offset({ versions: '5+', default: NO_OFFSET, ignorable: true }),
            /** Largest epoch and its end offset below which the follower agrees (KIP-595). */
            divergingEpoch: struct(
              {
                epoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
                endOffset: offset({ default: NO_OFFSET }),
              },
              { versions: '12+', tag: 0, ignorable: true },
            ),
            currentLeader: struct(
              {
                leaderId: nodeId({ default: NO_NODE }),
                leaderEpoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
              },
              { versions: '12+', tag: 1, ignorable: true },
            ),
            snapshotId: struct(
              {
                endOffset: offset({ default: NO_OFFSET }),
                epoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
              },
              { versions: '12+', tag: 2, ignorable: true },
            ),
            /** Null unless the request was for committed records only. */
            abortedTransactions: array(struct({ producerId: int64(), firstOffset: offset() }), {
              versions: '4+',
              nullable: '4+',
              default: null,
              ignorable: true,
            }),
            preferredReadReplica: nodeId({ versions: '11+', default: NO_NODE, ignorable: true }),
            records: records({ nullable: '0+' }),
            /** Which fetch of a follower this answers; −1: a consumer's. Not part of Kafka's schema. */
            fetchId: int64({ versions: '17+', tag: 10_000, default: -1, ignorable: true }),
            /** Where the shard listens that has the partition, when another was asked; 0: nowhere. Not part of Kafka's schema. */
            shardPort: int32({ versions: '17+', tag: 10_001, default: 0, ignorable: true }),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: nodeId(),
        host: string(),
        port: int32(),
        rack: string({ nullable: '0+', default: null }),
      }),
      { versions: '16+', tag: 0, default: [], ignorable: true },
    ),
  },
})

export type FetchRequest = RequestBody<typeof fetch>
export type FetchResponse = ResponseBody<typeof fetch>
