/** A replica of the metadata that has nothing until it is told to catch up, and follows every commit from then on. */
import { imageRecords, MetadataImage } from '@millrace/metadata'
import type { MetadataPublisher, MetadataUpdate } from '../../src/metadata-publisher.ts'
import type { LocalMetadata } from './local-metadata.ts'

type Listener = (update: MetadataUpdate) => void | Promise<void>

export class LateReplica implements MetadataPublisher {
  readonly #metadata: LocalMetadata
  #listener: Listener | null = null
  #unsubscribe: () => void = () => {}

  constructor(metadata: LocalMetadata) {
    this.#metadata = metadata
  }

  current(): { readonly image: MetadataImage } {
    return { image: MetadataImage.empty('test-cluster') }
  }

  subscribe(listener: Listener): () => void {
    this.#listener = listener
    return () => this.#unsubscribe()
  }

  catchUp(): void {
    const { image } = this.#metadata
    void this.#listener!({ image, records: [...imageRecords(image)] })
    this.#unsubscribe = this.#metadata.subscribe(this.#listener!)
  }
}
