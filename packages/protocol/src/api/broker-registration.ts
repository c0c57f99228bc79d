/**
 * BrokerRegistration: a broker that starts tells the controller what it is and where it listens (KIP-631, KIP-858,
 * KIP-966).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int64, nodeId, string, struct, uuid } from '../schema/field.ts'
import { listenerFields } from './endpoint-fields.ts'

export const brokerRegistration = defineApi({
  key: 62,
  name: 'BrokerRegistration',
  listeners: ['controller'],
  versions: '0-4',
  flexible: '0+',
  served: '0-4',
  request: {
    brokerId: nodeId(),
    clusterId: string(),
    /** Drawn at each start of the process. */
    incarnationId: uuid(),
    listeners: array(struct({ ...listenerFields, securityProtocol: int16() })),
    features: array(struct({ name: string(), minSupportedVersion: int16(), maxSupportedVersion: int16() })),
    rack: string({ nullable: '0+' }),
    /** Kafka's, from its migration off ZooKeeper; never set here. */
    isMigratingZkBroker: bool({ versions: '1+', default: false }),
    logDirs: array(uuid(), { versions: '2+', default: [], ignorable: true }),
    /** Of the life that ended in a clean shutdown; −1: none did. */
    previousBrokerEpoch: int64({ versions: '3+', default: -1, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    /** −1: not registered. */
    brokerEpoch: int64({ default: -1 }),
  },
})

export type BrokerRegistrationRequest = RequestBody<typeof brokerRegistration>
export type BrokerRegistrationResponse = ResponseBody<typeof brokerRegistration>
