import { array, bool, int16, int64, nodeId, string, struct, uint16, uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** A broker process has started: what it is, where it listens. Replaces an earlier registration of the same id. */
export const registerBrokerRecord = defineRecord({
  key: 0,
  name: 'RegisterBrokerRecord',
  versions: '0-3',
  fields: {
    brokerId: nodeId(),
    /** Kafka's, from its migration off ZooKeeper; never set here. */
    isMigratingZkBroker: bool({ versions: '2+', default: false }),
    /** Drawn by each process at its start, so that a restarted broker is told from the one before. */
    incarnationId: uuid(),
    /** Offset of this record in the metadata log. */
    brokerEpoch: int64(),
    endPoints: array(struct({ name: string(), host: string(), port: uint16(), securityProtocol: int16() })),
    features: array(struct({ name: string(), minSupportedVersion: int16(), maxSupportedVersion: int16() })),
    rack: string({ nullable: '0+' }),
    fenced: bool({ default: true }),
    inControlledShutdown: bool({ versions: '1+', default: false }),
    logDirs: array(uuid(), { versions: '3+', tag: 0 }),
  },
})
