/**
 * Where to go instead, beside the errors that a partition's wrong broker answers (KIP-951): clients that read it need no
 * Metadata request before they try again.
 */
import type { Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseInputOf } from '@millrace/protocol'
import type { BrokerAddress, ClusterView } from '../shard/cluster-view.ts'

type CurrentLeader =
  ResponseInputOf<'Produce'>['responses'][number]['partitionResponses'][number]['currentLeader']

/** Of one response. */
export class LeaderHints {
  readonly #cluster: ClusterView
  readonly #listener: string
  readonly #endpoints = new Map<number, BrokerAddress>()

  /** @param listener by which the client came in */
  constructor(cluster: ClusterView, listener: string) {
    this.#cluster = cluster
    this.#listener = listener
  }

  /** Addresses of the leaders named so far. */
  get endpoints(): BrokerAddress[] {
    return [...this.#endpoints.values()]
  }

  /** @returns a part of the partition's answer; nothing when the error is another one, or nothing better is known */
  of(
    errorCode: number,
    topicName: string,
    topicId: Uuid,
    index: number,
  ): { readonly currentLeader?: CurrentLeader } {
    const asksElsewhere =
      errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH
    if (!asksElsewhere) return {}
    const { topics } = this.#cluster.image
    const partition = (topics.byName(topicName) ?? topics.byId(topicId))?.partitions[index]
    if (partition === undefined) return {}
    // This broker is on its way to lead it: the same client would come back before it does.
    const isOnItsWay =
      errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER && this.#cluster.isSelf(partition.leader)
    if (isOnItsWay) return {}
    const { leader: leaderId, leaderEpoch } = partition
    const address = this.#cluster.liveAddress(leaderId, this.#listener)
    if (address !== null) this.#endpoints.set(leaderId, address)
    return { currentLeader: { leaderId, leaderEpoch } }
  }
}
