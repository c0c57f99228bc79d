/**
 * Waits until every live broker has applied a change, so that a client that is told of it finds it wherever it asks next.
 *
 * Owns: who still waits for which broker. Must not know: what was changed.
 * Invariant: a wait ends when its brokers have applied the change or are fenced, in any case after its time: the change
 * is committed, and whoever lags will see it.
 */
import type { NodeId, Offset } from '@millrace/base'
import type { BrokersImage } from '@millrace/metadata'
import type { MetadataQuorum } from '@millrace/metadata-log'

export class PendingApplies {
  readonly #quorum: Pick<MetadataQuorum, 'whenApplied'>
  readonly #self: NodeId
  readonly #waiters = new Map<NodeId, Set<() => void>>()

  constructor(quorum: Pick<MetadataQuorum, 'whenApplied'>, self: NodeId) {
    this.#quorum = quorum
    this.#self = self
  }

  /** Resolves when each live broker of these has applied the log up to `offset`, or is waited for no longer. */
  async whenApplied(offset: Offset, brokers: BrokersImage, timeoutMs: number): Promise<void> {
    // What is committed here is applied here: nothing is to be waited for in this process.
    const live = [...brokers.values()].filter(({ id, fenced }) => !fenced && id !== this.#self)
    await Promise.all(live.map(({ id }) => this.#applied(offset, id, timeoutMs)))
  }

  /** The broker is fenced: nobody waits for it any more. */
  release(broker: NodeId): void {
    for (const end of [...(this.#waiters.get(broker) ?? [])]) end()
  }

  releaseAll(): void {
    for (const broker of [...this.#waiters.keys()]) this.release(broker)
  }

  #applied(offset: Offset, broker: NodeId, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        const waiters = this.#waiters.get(broker)
        waiters?.delete(end)
        if (waiters?.size === 0) this.#waiters.delete(broker)
        resolve()
      }
      const waiters = this.#waiters.get(broker)
      if (waiters === undefined) this.#waiters.set(broker, new Set([end]))
      else waiters.add(end)
      this.#quorum.whenApplied(offset, [broker], timeoutMs).then(end, reject)
    })
  }
}
