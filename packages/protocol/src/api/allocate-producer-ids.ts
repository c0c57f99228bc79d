/**
 * AllocateProducerIds: a broker gets a block of producer ids that nobody else gets (KIP-730).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { int16, int32, int64, nodeId } from '../schema/field.ts'

export const allocateProducerIds = defineApi({
  key: 67,
  name: 'AllocateProducerIds',
  listeners: ['controller'],
  versions: '0',
  flexible: '0+',
  served: '0',
  request: {
    brokerId: nodeId(),
    brokerEpoch: int64({ default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    /** The first of the block. */
    producerIdStart: int64({ default: -1 }),
    producerIdLen: int32({ default: 0 }),
  },
})

export type AllocateProducerIdsRequest = RequestBody<typeof allocateProducerIds>
export type AllocateProducerIdsResponse = ResponseBody<typeof allocateProducerIds>
