import { array, int16, nodeId, string, struct, uint16, uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** Who votes, in force from the moment the record is written (KIP-853). */
export const votersRecord = defineRecord({
  key: 6,
  name: 'VotersRecord',
  versions: '0',
  fields: {
    version: int16({ default: 0 }),
    voters: array(
      struct({
        voterId: nodeId(),
        voterDirectoryId: uuid(),
        endpoints: array(struct({ name: string(), host: string(), port: uint16() })),
        /** Versions of KRaft that the voter can work by. */
        kRaftVersionFeature: struct({ minSupportedVersion: int16(), maxSupportedVersion: int16() }),
      }),
    ),
  },
})
