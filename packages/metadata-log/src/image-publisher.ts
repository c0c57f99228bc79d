/**
 * The image of what is committed, and those who follow it.
 *
 * Owns: the image, listeners, how far all of them have applied it. Must not know: logs, who leads.
 * Invariants: updates are told in order, each exactly once; `appliedEndOffset` never passes an update that a listener is
 * still applying.
 */
import type { NodeId, Offset } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import type { MetadataUpdate } from './metadata-update.ts'

export type UpdateListener = (update: MetadataUpdate) => void | Promise<void>

export interface ImagePublisherOptions {
  readonly image: MetadataImage
  /** Everything below has been applied by all listeners. */
  onApplied(endOffset: Offset): void
  /** A listener could not apply what is committed. */
  onListenerFailed(error: unknown): void
}

interface Applying {
  readonly endOffset: Offset
  isDone: boolean
}

export class ImagePublisher {
  readonly #options: ImagePublisherOptions
  readonly #listeners = new Set<UpdateListener>()
  #image: MetadataImage
  #appliedEndOffset: Offset
  /** Updates that were told and not applied by everybody, in order. */
  #applying: Applying[] = []

  constructor(options: ImagePublisherOptions) {
    this.#options = options
    this.#image = options.image
    this.#appliedEndOffset = this.endOffset
  }

  get image(): MetadataImage {
    return this.#image
  }

  /** Of what the image contains. */
  get endOffset(): Offset {
    return (this.#image.position.lastOffset + 1) as Offset
  }

  get appliedEndOffset(): Offset {
    return this.#appliedEndOffset
  }

  subscribe(listener: UpdateListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** No update of its own: the first record of each leader brings one soon. */
  setController(controllerId: NodeId): void {
    this.#image = this.#image.with({ controllerId })
  }

  publish(update: MetadataUpdate): void {
    this.#image = update.image
    const pending: Promise<void>[] = []
    for (const listener of this.#listeners) {
      const applied = listener(update)
      if (applied !== undefined) pending.push(applied)
    }
    const applying: Applying = { endOffset: update.endOffset, isDone: pending.length === 0 }
    this.#applying.push(applying)
    if (applying.isDone) return this.#settle()
    Promise.all(pending).then(
      () => {
        applying.isDone = true
        this.#settle()
      },
      (error: unknown) => this.#options.onListenerFailed(error),
    )
  }

  #settle(): void {
    const before = this.#appliedEndOffset
    while (this.#applying[0]?.isDone === true) this.#appliedEndOffset = this.#applying.shift()!.endOffset
    if (this.#appliedEndOffset !== before) this.#options.onApplied(this.#appliedEndOffset)
  }
}
