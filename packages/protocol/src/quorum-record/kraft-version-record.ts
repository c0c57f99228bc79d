import { int16 } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** From here on the quorum works by this version of KRaft: 1 has voter sets in the log (KIP-853). */
export const kraftVersionRecord = defineRecord({
  key: 5,
  name: 'KRaftVersionRecord',
  versions: '0',
  fields: { version: int16({ default: 0 }), kRaftVersion: int16() },
})
