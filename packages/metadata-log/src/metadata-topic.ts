/** What Kafka calls the topic that the metadata log is, and where it lies. */
import type { Uuid } from '@millrace/base'

export const METADATA_TOPIC = '__cluster_metadata'
export const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ' as Uuid
export const METADATA_PARTITION = 0
/** In the data folder. */
export const METADATA_FOLDER = '__cluster_metadata-0'
