/**
 * Where a broker's supervisor learns of committed metadata. The process that has a replica of the metadata log
 * implements it; tests publish by hand.
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
  /**
   * Tells of every later commit, in order, each exactly once.
   * @param listener may return a promise of having applied the update: this replica reports it as applied then
   * @returns a function that ends the subscription
   */
  subscribe(listener: (update: MetadataUpdate) => void | Promise<void>): () => void
}
