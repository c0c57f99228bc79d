/**
 * InitProducerId: an id for a producer that sends again what may not have arrived, and is stored once all the same
 * (KIP-98). With a transactional id, the producer's own or a newer epoch of it (KIP-360 from version 3 on).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { int16, int32, int64, string } from '../schema/field.ts'

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  listeners: ['broker'],
  versions: '0-5',
  flexible: '2+',
  served: '0-5',
  request: {
    /** Null: idempotence without transactions. */
    transactionalId: string({ nullable: '0+' }),
    transactionTimeoutMs: int32(),
    /** What the producer has so far; −1: nothing. */
    producerId: int64({ versions: '3+', default: -1 }),
    producerEpoch: int16({ versions: '3+', default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    producerId: int64({ default: -1 }),
    producerEpoch: int16({ default: -1 }),
  },
})

export type InitProducerIdRequest = RequestBody<typeof initProducerId>
export type InitProducerIdResponse = ResponseBody<typeof initProducerId>
