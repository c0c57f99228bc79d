/** One step of the metadata, as listeners hear of it. */
import type { Offset } from '@millrace/base'
import type { MetadataDelta, MetadataImage, MetadataRecord } from '@millrace/metadata'

export interface MetadataUpdate {
  /** The image after these records. */
  readonly image: MetadataImage
  readonly delta: MetadataDelta
  readonly records: readonly MetadataRecord[]
  /** The log's offset after the last of these records. */
  readonly endOffset: Offset
}
