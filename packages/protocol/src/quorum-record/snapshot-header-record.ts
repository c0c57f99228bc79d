import { int16, timestampMs } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** The first record of a snapshot (KIP-630). */
export const snapshotHeaderRecord = defineRecord({
  key: 3,
  name: 'SnapshotHeaderRecord',
  versions: '0',
  fields: {
    version: int16({ default: 0 }),
    /** When the leader appended the last record that the snapshot includes. */
    lastContainedLogTimestamp: timestampMs(),
  },
})
