/** How a metadata log begins. */
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'

/** Kafka's level 4.0-IV3: the record versions that are written here. */
const METADATA_VERSION = 25

/** For an empty log, before anything else: a reader must know at once whether it can read the rest. */
export function firstRecords(): MetadataRecord[] {
  return [metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: METADATA_VERSION })]
}
