/**
 * ListPartitionReassignments: which partitions are moving, and from where to where (KIP-455).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, nodeId, string, struct } from '../schema/field.ts'

export const listPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  listeners: ['broker', 'controller'],
  versions: '0',
  flexible: '0+',
  served: '0',
  request: {
    timeoutMs: int32({ default: 60_000 }),
    /** Null: all. */
    topics: array(struct({ name: string(), partitionIndexes: array(int32()) }), {
      nullable: '0+',
      default: null,
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: '0+', default: null }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            /** All that there are now, those that come and those that go among them. */
            replicas: array(nodeId()),
            addingReplicas: array(nodeId()),
            removingReplicas: array(nodeId()),
          }),
        ),
      }),
    ),
  },
})

export type ListPartitionReassignmentsRequest = RequestBody<typeof listPartitionReassignments>
export type ListPartitionReassignmentsResponse = ResponseBody<typeof listPartitionReassignments>
