import { int64, nodeId } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** A broker left for good. */
export const unregisterBrokerRecord = defineRecord({
  key: 1,
  name: 'UnregisterBrokerRecord',
  versions: '0',
  fields: { brokerId: nodeId(), brokerEpoch: int64() },
})
