/**
 * DeleteTopics, by name, or from version 6 on by id (KIP-516).
 */
import { ZERO_UUID } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, string, struct, uuid } from '../schema/field.ts'

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  listeners: ['broker', 'controller'],
  versions: '0-6',
  flexible: '4+',
  served: '1-6',
  request: {
    /** Each with either a name or an id. */
    topics: array(
      struct({
        name: string({ nullable: '0+', default: null }),
        topicId: uuid({ default: ZERO_UUID }),
      }),
      { versions: '6+', default: [] },
    ),
    topicNames: array(string(), { versions: '0-5', default: [], ignorable: true }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', default: 0, ignorable: true }),
    responses: array(
      struct({
        name: string({ nullable: '6+' }),
        topicId: uuid({ versions: '6+', default: ZERO_UUID, ignorable: true }),
        errorCode: int16(),
        errorMessage: string({ versions: '5+', nullable: '5+', default: null, ignorable: true }),
      }),
    ),
  },
})

export type DeleteTopicsRequest = RequestBody<typeof deleteTopics>
export type DeleteTopicsResponse = ResponseBody<typeof deleteTopics>
