/**
 * AlterPartitionReassignments: partitions move to other brokers, or a move that is going on is called off (KIP-455).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, nodeId, string, struct } from '../schema/field.ts'

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  listeners: ['broker', 'controller'],
  versions: '0-1',
  flexible: '0+',
  served: '0-1',
  request: {
    timeoutMs: int32({ default: 60_000 }),
    /** False: replicas in another number than before are refused (KIP-860). */
    allowReplicationFactorChange: bool({ versions: '1+', default: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            /** The preferred leader first. Null: cancel the reassignment that is going on. */
            replicas: array(nodeId(), { nullable: '0+', default: null }),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    allowReplicationFactorChange: bool({ versions: '1+', default: true, ignorable: true }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: '0+', default: null }),
    responses: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16({ default: 0 }),
            errorMessage: string({ nullable: '0+', default: null }),
          }),
        ),
      }),
    ),
  },
})

export type AlterPartitionReassignmentsRequest = RequestBody<typeof alterPartitionReassignments>
export type AlterPartitionReassignmentsResponse = ResponseBody<typeof alterPartitionReassignments>
