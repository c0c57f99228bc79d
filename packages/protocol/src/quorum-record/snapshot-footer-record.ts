import { int16 } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** The last record of a snapshot: without it the snapshot is not whole (KIP-630). */
export const snapshotFooterRecord = defineRecord({
  key: 4,
  name: 'SnapshotFooterRecord',
  versions: '0',
  fields: { version: int16({ default: 0 }) },
})
