import { int64, nodeId } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** A block of producer ids went to a broker (KIP-730): those below `nextProducerId` are used up. */
export const producerIdsRecord = defineRecord({
  key: 15,
  name: 'ProducerIdsRecord',
  versions: '0',
  fields: { brokerId: nodeId(), brokerEpoch: int64(), nextProducerId: int64() },
})
