/**
 * CreateTopics. From version 5 on the response tells the resulting partitions, replicas and configs (KIP-525).
 */
import { ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int8, nodeId, string, struct, uuid } from '../schema/field.ts'

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  listeners: ['broker', 'controller'],
  versions: '0-7',
  flexible: '5+',
  served: '2-7',
  request: {
    topics: array(
      struct({
        name: string(),
        /** −1: the broker's default, or as many as `assignments` has. */
        numPartitions: int32({ default: -1 }),
        /** −1: the broker's default, or as `assignments` has it. */
        replicationFactor: int16({ default: -1 }),
        assignments: array(struct({ partitionIndex: int32(), brokerIds: array(nodeId()) }), { default: [] }),
        configs: array(struct({ name: string(), value: string({ nullable: '0+' }) }), { default: [] }),
      }),
    ),
    timeoutMs: int32({ default: 60_000 }),
    validateOnly: bool({ versions: '1+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', default: 0, ignorable: true }),
    topics: array(
      struct({
        name: string(),
        topicId: uuid({ versions: '7+', default: ZERO_UUID, ignorable: true }),
        errorCode: int16(),
        errorMessage: string({ versions: '1+', nullable: '0+', default: null, ignorable: true }),
        /** Why `configs` is not shown, for a topic that was created. */
        topicConfigErrorCode: int16({ versions: '5+', tag: 0, default: 0, ignorable: true }),
        numPartitions: int32({ versions: '5+', default: -1, ignorable: true }),
        replicationFactor: int16({ versions: '5+', default: -1, ignorable: true }),
        /** Never null in a response to Java clients: they fail on it. */
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: '0+' }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
          }),
          { versions: '5+', nullable: '5+', default: [], ignorable: true },
        ),
      }),
    ),
  },
})

export type CreateTopicsRequest = RequestBody<typeof createTopics>
export type CreateTopicsResponse = ResponseBody<typeof createTopics>
