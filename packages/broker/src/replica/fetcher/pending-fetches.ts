/**
 * The fetches that wait for an answer of one leading shard, and what of them it has yet to hear: a request says only what is
 * new since the one before.
 *
 * Owns: at most one fetch per partition. Must not know: connections, answers' contents.
 * Invariant: what the leader holds of this side is either wanted still, or named as forgotten by the next request.
 */
import type { Uuid } from '@millrace/base'
import type { RequestInputOf } from '@millrace/protocol'
import type { FollowerFetch } from '@millrace/replication'
import type { FetchingReplica } from '../replica-fetch.ts'

export interface SentFetch {
  readonly replica: FetchingReplica
  readonly fetch: FollowerFetch
  /** Another shard of the leader has named this one. */
  readonly isRedirected: boolean
}

type FetchRequest = RequestInputOf<'Fetch'>
type TopicRequest = FetchRequest['topics'][number]
type ForgottenTopic = NonNullable<FetchRequest['forgottenTopicsData']>[number]

/** For one request, which speaks for one process of this broker. */
export interface FetchNews {
  readonly brokerEpoch: number
  readonly topics: TopicRequest[]
  readonly forgottenTopicsData: ForgottenTopic[]
}

/** Keeps a request waiting at the leader. */
export const NO_NEWS: FetchNews = { brokerEpoch: -1, topics: [], forgottenTopicsData: [] }

export class PendingFetches {
  readonly #fetches = new Map<string, SentFetch>()
  readonly #unsent = new Set<string>()
  /** Partitions of which the leader has a fetch, perhaps an older one. */
  readonly #atLeader = new Set<string>()
  readonly #forgotten = new Map<string, FetchingReplica>()

  get isEmpty(): boolean {
    return this.#fetches.size === 0
  }

  get hasUnsent(): boolean {
    return this.#unsent.size > 0
  }

  /** Takes the place of an earlier one of the same partition. */
  add(sent: SentFetch): void {
    const key = keyOf(sent.replica.topicId, sent.replica.index)
    this.#fetches.set(key, sent)
    this.#unsent.add(key)
    if (this.#forgotten.delete(key)) this.#atLeader.add(key)
  }

  remove(replica: FetchingReplica): void {
    const key = keyOf(replica.topicId, replica.index)
    this.#fetches.delete(key)
    this.#unsent.delete(key)
    if (this.#atLeader.delete(key)) this.#forgotten.set(key, replica)
  }

  /** What the leader has to hear now, all at once; nothing of it is said again. */
  takeNews(partitionMaxBytes: number): FetchNews[] {
    const byEpoch = new Map<number, Map<Uuid, TopicRequest['partitions'][number][]>>()
    for (const key of this.#unsent) {
      const { replica, fetch } = this.#fetches.get(key)!
      const { leaderEpoch: currentLeaderEpoch, fetchOffset, lastFetchedEpoch, fetchId } = fetch
      const { logStartOffset, highWatermark } = fetch
      const position = { fetchOffset, lastFetchedEpoch, logStartOffset, highWatermark }
      const asked = {
        partition: replica.index,
        currentLeaderEpoch,
        ...position,
        partitionMaxBytes,
        fetchId,
      }
      listIn(mapIn(byEpoch, fetch.brokerEpoch), replica.topicId).push(asked)
      this.#atLeader.add(key)
    }
    this.#unsent.clear()
    const forgottenTopicsData = this.#takeForgotten()
    if (byEpoch.size === 0)
      return forgottenTopicsData.length === 0 ? [] : [{ ...NO_NEWS, forgottenTopicsData }]
    return [...byEpoch].map(([brokerEpoch, topics], position) => ({
      brokerEpoch,
      topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
      forgottenTopicsData: position === 0 ? forgottenTopicsData : [],
    }))
  }

  /** The fetch that is answered; null for one that nobody waits for any more. */
  takeAnswered(topicId: Uuid, index: number, fetchId: number): SentFetch | null {
    const key = keyOf(topicId, index)
    const sent = this.#fetches.get(key)
    if (sent?.fetch.fetchId !== fetchId) {
      // The leader has only what was sent, and that it has answered, unless a newer one crossed the answer.
      if (sent === undefined || this.#unsent.has(key)) this.#atLeader.delete(key)
      return null
    }
    this.#fetches.delete(key)
    this.#atLeader.delete(key)
    return sent
  }

  /** All, because the leader has forgotten them. */
  takeAll(): SentFetch[] {
    const all = [...this.#fetches.values()]
    this.clear()
    return all
  }

  clear(): void {
    this.#fetches.clear()
    this.#unsent.clear()
    this.#atLeader.clear()
    this.#forgotten.clear()
  }

  #takeForgotten(): ForgottenTopic[] {
    const topics = new Map<Uuid, number[]>()
    for (const { topicId, index } of this.#forgotten.values()) listIn(topics, topicId).push(index)
    this.#forgotten.clear()
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
  }
}

function keyOf(topicId: Uuid, index: number): string {
  return `${topicId}-${index}`
}

function listIn<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}

function mapIn<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const map = maps.get(key) ?? new Map<L, V>()
  maps.set(key, map)
  return map
}
