/**
 * Brokers whose process is most likely gone, although the metadata does not say so yet: as this shard sees it by its own
 * connections to them, and as the other shards of this broker have told.
 *
 * Owns: what was told, for as long as it can matter. Must not know: what follows from a loss.
 * Invariant: nobody is lost to whom this shard has a connection.
 */
import type { Clock, NodeId } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'

/** What this shard knows of its own. */
export interface OwnLinks {
  isConnected(id: NodeId): boolean
  /** Monotonic; null: it is not lost. */
  lostAtMs(id: NodeId): number | null
}

/** The controller finds out in less whether a broker is gone; if it has not, the broker is only out of this one's reach. */
const LOST_MAX_MS = 2000

export class LostLeaders {
  readonly #clock: Clock
  readonly #links: OwnLinks
  /** When another shard said so, and of which process. */
  readonly #told = new Map<NodeId, { readonly atMs: number; readonly brokerEpoch: number }>()
  #image: MetadataImage

  constructor(clock: Clock, links: OwnLinks, image: MetadataImage) {
    this.#clock = clock
    this.#links = links
    this.#image = image
  }

  onImage(image: MetadataImage): void {
    this.#image = image
    for (const [id, { brokerEpoch }] of this.#told)
      if (image.brokers.get(id)?.epoch !== brokerEpoch) this.#told.delete(id)
  }

  /** Another shard has lost its connections to a broker, or has one again. */
  onTold(id: NodeId, isLost: boolean): void {
    const brokerEpoch = this.#image.brokers.get(id)?.epoch
    if (isLost && brokerEpoch !== undefined) this.#told.set(id, { atMs: this.#clock.monoMs(), brokerEpoch })
    else this.#told.delete(id)
  }

  /** For how long it has been lost; null: it is not. */
  lostForMs(id: NodeId): number | null {
    if (this.#links.isConnected(id)) return null
    const sinceMs = this.#links.lostAtMs(id) ?? this.#told.get(id)?.atMs
    if (sinceMs === undefined) return null
    const forMs = this.#clock.monoMs() - sinceMs
    return forMs < LOST_MAX_MS ? forMs : null
  }
}
