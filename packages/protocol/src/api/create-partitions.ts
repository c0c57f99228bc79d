/**
 * CreatePartitions: raises the number of partitions of topics (KIP-195).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, nodeId, string, struct } from '../schema/field.ts'

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  listeners: ['broker', 'controller'],
  versions: '0-3',
  flexible: '2+',
  served: '0-3',
  request: {
    topics: array(
      struct({
        name: string(),
        /** Of all partitions, not only of the new ones. */
        count: int32(),
        /** Of the new partitions; null lets the controller place them. */
        assignments: array(struct({ brokerIds: array(nodeId()) }), { nullable: '0+', default: null }),
      }),
    ),
    timeoutMs: int32(),
    validateOnly: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        name: string(),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
      }),
    ),
  },
})

export type CreatePartitionsRequest = RequestBody<typeof createPartitions>
export type CreatePartitionsResponse = ResponseBody<typeof createPartitions>
