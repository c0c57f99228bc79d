/** How a metadata log begins. */
import { ALL_BROKERS, ConfigResourceType } from '@millrace/metadata'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'
import type { ControllerConfig } from './decision.ts'

/** Kafka's level 4.0-IV3: the record versions that are written here. */
const METADATA_VERSION = 25

const MIN_INSYNC_REPLICAS = 'min.insync.replicas'

/**
 * For an empty log, before anything else: a reader must know at once whether it can read the rest. The minimum of in-sync
 * replicas that this controller was started with becomes the cluster's, because controllers and brokers must agree on it:
 * it decides which replicas out of sync may lead (KIP-966).
 */
export function firstRecords({ staticEntries }: Pick<ControllerConfig, 'staticEntries'>): MetadataRecord[] {
  const records: MetadataRecord[] = [
    metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: METADATA_VERSION }),
  ]
  const value = staticEntries.get(MIN_INSYNC_REPLICAS)
  if (value === undefined) return records
  const resource = { resourceType: ConfigResourceType.BROKER, resourceName: ALL_BROKERS }
  return [...records, metadataRecord('ConfigRecord', { ...resource, name: MIN_INSYNC_REPLICAS, value })]
}
