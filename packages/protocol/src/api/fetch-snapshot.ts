/**
 * FetchSnapshot: reads a part of a snapshot of the metadata log, by position in bytes (KIP-630, KIP-853).
 */
import { NO_NODE, ZERO_UUID, type LeaderEpoch, type NodeId } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import {
  array,
  int16,
  int32,
  int64,
  leaderEpoch,
  nodeId,
  offset,
  records,
  string,
  struct,
  uuid,
} from '../schema/field.ts'
import { nodeEndpointFields } from './endpoint-fields.ts'

export const fetchSnapshot = defineApi({
  key: 59,
  name: 'FetchSnapshot',
  listeners: ['controller'],
  versions: '0-1',
  flexible: '0+',
  served: '0-1',
  request: {
    clusterId: string({ nullable: '0+', default: null, tag: 0 }),
    replicaId: nodeId({ default: NO_NODE }),
    maxBytes: int32({ default: 0x7fffffff }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partition: int32(),
            /** −1: don't check. */
            currentLeaderEpoch: leaderEpoch(),
            snapshotId: struct({ endOffset: offset(), epoch: leaderEpoch() }),
            position: int64(),
            replicaDirectoryId: uuid({ versions: '1+', default: ZERO_UUID, tag: 0, ignorable: true }),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0, ignorable: true }),
    errorCode: int16({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            index: int32(),
            errorCode: int16(),
            snapshotId: struct({ endOffset: offset(), epoch: leaderEpoch() }),
            /** Left out, it reads as node 0 in epoch 0: always say it. */
            currentLeader: struct(
              {
                leaderId: nodeId({ default: 0 as NodeId }),
                leaderEpoch: leaderEpoch({ default: 0 as LeaderEpoch }),
              },
              { tag: 0 },
            ),
            /** Of the whole snapshot in bytes. */
            size: int64(),
            /** Of the first byte below. */
            position: int64(),
            /** May start and end in the middle of a batch. */
            unalignedRecords: records(),
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

export type FetchSnapshotRequest = RequestBody<typeof fetchSnapshot>
export type FetchSnapshotResponse = ResponseBody<typeof fetchSnapshot>
