/**
 * Where a broker's supervisor learns of committed metadata. The process that has a metadata log implements it; tests
 * publish by hand.
 */
import type { MetadataImage, MetadataRecord } from '@millrace/metadata'

export interface MetadataUpdate {
  /** The image after these records; its position tells the offset of the last one. */
  readonly image: MetadataImage
  readonly records: readonly MetadataRecord[]
}

export interface MetadataPublisher {
  /** What is committed now. */
  current(): { readonly image: MetadataImage }
  /** Tells of every later commit, in order, each exactly once. @returns a function that ends the subscription */
  subscribe(listener: (update: MetadataUpdate) => void): () => void
}
