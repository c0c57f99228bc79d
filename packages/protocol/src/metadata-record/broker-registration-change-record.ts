import { array, int64, int8, nodeId, uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** A registered broker was fenced or unfenced, or began a controlled shutdown. */
export const brokerRegistrationChangeRecord = defineRecord({
  key: 17,
  name: 'BrokerRegistrationChangeRecord',
  versions: '0-2',
  fields: {
    brokerId: nodeId(),
    brokerEpoch: int64(),
    /** -1 unfenced, 0 no change, 1 fenced */
    fenced: int8({ tag: 0, default: 0 }),
    /** 0 no change, 1 in controlled shutdown */
    inControlledShutdown: int8({ versions: '1+', tag: 1, default: 0 }),
    /** Empty: no change. */
    logDirs: array(uuid(), { versions: '2+', tag: 2 }),
  },
})
