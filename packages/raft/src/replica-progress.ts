/**
 * How far each replica of the leader's log is, as its fetches tell, and which fetch of each waits.
 *
 * Invariants: one waiting fetch per replica; the number of observers is bounded, those that fetched last stay.
 */
import { NO_OFFSET, type NodeId, type Offset } from '@millrace/base'
import type { FetchRequest } from './message.ts'
import type { ReplicaKey } from './replica-key.ts'
import type { VoterSet } from './voter-set.ts'

interface WaitingFetch {
  readonly id: number
  readonly request: FetchRequest
  /** Its time is that of all others. */
  readonly isShared: boolean
}

export interface ReplicaProgress {
  readonly key: ReplicaKey
  /** End of what it has on disk, and shares with this log; NO_OFFSET: it has not fetched in this epoch. */
  flushedEndOffset: Offset
  /** NO_OFFSET: unknown. */
  appliedOffset: Offset
  /** What it was told last. */
  highWatermark: Offset
  waiting: WaitingFetch | null
}

const OBSERVERS_MAX = 1000

export class ReplicaProgressMap {
  readonly #byKey = new Map<string, ReplicaProgress>()

  /** Of this replica, which from now on is the latest to have fetched. */
  touch(key: ReplicaKey): ReplicaProgress {
    const name = `${key.id}/${key.directoryId}`
    const known = this.#byKey.get(name)
    const progress = known ?? {
      key,
      flushedEndOffset: NO_OFFSET,
      appliedOffset: NO_OFFSET,
      highWatermark: NO_OFFSET,
      waiting: null,
    }
    if (known !== undefined) this.#byKey.delete(name)
    this.#byKey.set(name, progress)
    return progress
  }

  get(key: ReplicaKey): ReplicaProgress | undefined {
    return this.#byKey.get(`${key.id}/${key.directoryId}`)
  }

  /** The latest to fetch last. */
  all(): Iterable<ReplicaProgress> {
    return this.#byKey.values()
  }

  /** @returns whose progress was forgotten, null when there is room for all */
  evict(voters: VoterSet): ReplicaProgress | null {
    if (this.#byKey.size <= OBSERVERS_MAX + voters.size) return null
    for (const [name, progress] of this.#byKey) {
      if (voters.has(progress.key)) continue
      this.#byKey.delete(name)
      return progress
    }
    return null
  }

  appliedOffsets(): Map<NodeId, Offset> {
    const offsets = new Map<NodeId, Offset>()
    for (const { key, appliedOffset } of this.#byKey.values()) {
      if (appliedOffset !== NO_OFFSET) offsets.set(key.id, appliedOffset)
    }
    return offsets
  }
}
