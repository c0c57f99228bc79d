/**
 * UnregisterBroker: forgets a broker that will not come back (KIP-631).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { int16, int32, nodeId, string } from '../schema/field.ts'

export const unregisterBroker = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  listeners: ['broker', 'controller'],
  versions: '0',
  flexible: '0+',
  served: '0',
  request: {
    brokerId: nodeId(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: '0+', default: null }),
  },
})

export type UnregisterBrokerRequest = RequestBody<typeof unregisterBroker>
export type UnregisterBrokerResponse = ResponseBody<typeof unregisterBroker>
