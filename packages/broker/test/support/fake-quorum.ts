/** A metadata quorum of which a test says who leads it. */
import { NO_NODE } from '@millrace/base'
import type { Endpoint, NodeId } from '@millrace/base'
import type { QuorumView } from '../../src/quorum-view.ts'

export class FakeQuorum implements QuorumView {
  leader: QuorumView['leader'] = { id: NO_NODE, epoch: 0, endpoint: null }
  readonly #listeners = new Set<() => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  onLeaderChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  elect(id: NodeId, endpoint: Endpoint | null = null): void {
    this.leader = { id, epoch: this.leader.epoch + 1, endpoint }
    for (const listener of this.#listeners) listener()
  }
}
