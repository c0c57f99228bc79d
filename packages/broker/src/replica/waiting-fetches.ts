/**
 * Fetches of followers that the core of a leader has not answered, and who waits for the answers.
 *
 * Must not know: what they are answered.
 * Invariant: of one follower at most one waits, the youngest that has arrived: fetches of two connections, or of two
 * processes, may overtake each other on their way.
 */
import type { NodeId } from '@millrace/base'
import type { FollowerFetch } from '@millrace/replication'
import type { ReplicaFetchWaiter } from './replica-fetch.ts'

interface Waiting {
  readonly brokerEpoch: number
  readonly fetchId: number
  readonly waiter: ReplicaFetchWaiter
}

export class WaitingFetches {
  readonly #byFollower = new Map<NodeId, Waiting>()

  /** Replaces an earlier one of the same follower. @returns whether it was not overtaken by a later one */
  add(fetch: FollowerFetch, waiter: ReplicaFetchWaiter): boolean {
    const { replicaId, brokerEpoch, fetchId } = fetch
    const known = this.#byFollower.get(replicaId)
    if (known !== undefined && isOlder(fetch, known)) return false
    this.#byFollower.set(replicaId, { brokerEpoch, fetchId, waiter })
    return true
  }

  /** @returns who waits for it; null: nobody, for it was replaced, answered or dropped */
  take(replicaId: NodeId, fetchId: number): ReplicaFetchWaiter | null {
    const waiting = this.#byFollower.get(replicaId)
    if (waiting?.fetchId !== fetchId) return null
    this.#byFollower.delete(replicaId)
    return waiting.waiter
  }

  clear(): void {
    this.#byFollower.clear()
  }
}

function isOlder(fetch: FollowerFetch, { brokerEpoch, fetchId }: Waiting): boolean {
  return fetch.brokerEpoch === brokerEpoch ? fetch.fetchId <= fetchId : fetch.brokerEpoch < brokerEpoch
}
