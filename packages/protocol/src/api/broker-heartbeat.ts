/**
 * BrokerHeartbeat: keeps a registration alive, and is how a broker asks to be unfenced or to shut down (KIP-631,
 * KIP-858).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int64, nodeId, offset, uuid } from '../schema/field.ts'

export const brokerHeartbeat = defineApi({
  key: 63,
  name: 'BrokerHeartbeat',
  listeners: ['controller'],
  versions: '0-1',
  flexible: '0+',
  served: '0-1',
  request: {
    brokerId: nodeId(),
    /** As BrokerRegistration answered it. */
    brokerEpoch: int64({ default: -1 }),
    /** Up to where the broker has applied the metadata log. */
    currentMetadataOffset: offset(),
    wantFence: bool(),
    wantShutDown: bool(),
    offlineLogDirs: array(uuid(), { versions: '1+', tag: 0, default: [] }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    isCaughtUp: bool({ default: false }),
    isFenced: bool({ default: true }),
    /** The broker leads nothing any more: it may stop. */
    shouldShutDown: bool({ default: false }),
  },
})

export type BrokerHeartbeatRequest = RequestBody<typeof brokerHeartbeat>
export type BrokerHeartbeatResponse = ResponseBody<typeof brokerHeartbeat>
