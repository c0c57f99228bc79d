/**
 * What a client knows about the cluster: brokers, topics, and who leads which partition. A pure data structure;
 * fetching and timing are `MetadataRefresher`'s.
 *
 * Invariant: for one topic id, the leader epoch of a partition never falls; an older answer, from a broker that is
 * behind, never replaces a newer one (KIP-320).
 */
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import { NO_NODE } from '@millrace/base'
import type { Endpoint, LeaderEpoch, NodeId, Uuid } from '@millrace/base'

export type MetadataResponse = ResponseOf<'Metadata'>
type MetadataTopic = MetadataResponse['topics'][number]

export interface TopicMetadata {
  readonly name: string
  /** Zero where the broker does not give ids (Metadata before v10). */
  readonly topicId: Uuid
  readonly isInternal: boolean
  /** By partition number, without holes. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly partition: number
  /** `NO_NODE` while there is none. */
  readonly leader: NodeId
  readonly leaderEpoch: LeaderEpoch
  readonly replicas: readonly NodeId[]
  readonly isr: readonly NodeId[]
  /** Where the leading broker's thread for this partition listens itself; 0: at the broker's port only. */
  readonly shardPort: number
}

export interface BrokerMetadata extends Endpoint {
  readonly nodeId: NodeId
  readonly rack: string | null
}

/** A leader that a broker named in passing, in the answer to a produce or fetch that went to the wrong one. */
export interface LeaderHint {
  readonly topic: string
  readonly partition: number
  readonly leader: NodeId
  readonly leaderEpoch: LeaderEpoch
}

export class MetadataCache {
  readonly #brokers = new Map<NodeId, BrokerMetadata>()
  readonly #topics = new Map<string, TopicMetadata>()
  readonly #errors = new Map<string, number>()
  #controllerId: NodeId = NO_NODE
  #clusterId: string | null = null

  /** `NO_NODE` before the first answer. */
  get controllerId(): NodeId {
    return this.#controllerId
  }

  get clusterId(): string | null {
    return this.#clusterId
  }

  /** Empty before the first answer. */
  get brokers(): readonly BrokerMetadata[] {
    return [...this.#brokers.values()]
  }

  broker(nodeId: NodeId): BrokerMetadata | undefined {
    return this.#brokers.get(nodeId)
  }

  /** Whether a broker, or a thread of it that leads a partition, is at this address. */
  isAt({ host, port }: Endpoint): boolean {
    for (const broker of this.#brokers.values()) if (broker.host === host && broker.port === port) return true
    for (const { partitions } of this.#topics.values()) {
      for (const { leader, shardPort } of partitions) {
        if (shardPort === port && this.#brokers.get(leader)?.host === host) return true
      }
    }
    return false
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  topicName(topicId: Uuid): string | undefined {
    for (const topic of this.#topics.values()) if (topic.topicId === topicId) return topic.name
    return undefined
  }

  /** The error code that the last answer gave for a topic; NONE when it had none. */
  topicError(name: string): number {
    return this.#errors.get(name) ?? ErrorCode.NONE
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.#topics.get(topic)?.partitions[partition]
  }

  /** Whether brokers said that there is no such topic, or that the topic has fewer partitions. */
  isMissing(topic: string, partition: number): boolean {
    const known = this.#topics.get(topic)
    if (known !== undefined) return partition >= known.partitions.length
    return this.topicError(topic) === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  }

  /** Takes over an answer: all brokers, and the topics that it speaks of. */
  update(response: MetadataResponse): void {
    this.#controllerId = response.controllerId
    this.#clusterId = response.clusterId
    this.#brokers.clear()
    for (const { nodeId, host, port, rack } of response.brokers) {
      this.#brokers.set(nodeId, { nodeId, host, port, rack })
    }
    for (const topic of response.topics) {
      if (topic.name !== null) this.#updateTopic(topic.name, topic)
    }
  }

  /** @returns whether the hint was news */
  applyLeaderHint({ topic, partition, leader, leaderEpoch }: LeaderHint): boolean {
    const known = this.#topics.get(topic)
    const current = known?.partitions[partition]
    if (known === undefined || current === undefined || leaderEpoch <= current.leaderEpoch) return false
    const partitions = known.partitions.with(partition, { ...current, leader, leaderEpoch, shardPort: 0 })
    this.#topics.set(topic, { ...known, partitions })
    return true
  }

  /** Brokers named beside a leader hint, which may be newer than the last metadata. */
  addBrokers(brokers: readonly BrokerMetadata[]): void {
    for (const broker of brokers) this.#brokers.set(broker.nodeId, broker)
  }

  #updateTopic(name: string, topic: MetadataTopic): void {
    if (topic.errorCode === ErrorCode.NONE) this.#errors.delete(name)
    else this.#errors.set(name, topic.errorCode)
    if (topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) this.#topics.delete(name)
    if (topic.errorCode !== ErrorCode.NONE) return
    const before = this.#topics.get(name)
    const sameTopic = before !== undefined && before.topicId === topic.topicId
    this.#topics.set(name, {
      name,
      topicId: topic.topicId,
      isInternal: topic.isInternal,
      partitions: mergePartitions(sameTopic ? before.partitions : [], topic.partitions),
    })
  }
}

function mergePartitions(
  before: readonly PartitionMetadata[],
  answered: MetadataTopic['partitions'],
): readonly PartitionMetadata[] {
  const merged: PartitionMetadata[] = [...before]
  const ordered = answered.toSorted((left, right) => left.partitionIndex - right.partitionIndex)
  for (const { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes, shardPort } of ordered) {
    // A hole would make the array sparse; a broker that skips a number is not to be believed beyond it.
    if (partitionIndex > merged.length) break
    const known = merged[partitionIndex]
    if (known !== undefined && leaderEpoch < known.leaderEpoch) continue
    merged[partitionIndex] = {
      partition: partitionIndex,
      leader: leaderId,
      leaderEpoch,
      replicas: replicaNodes,
      isr: isrNodes,
      shardPort,
    }
  }
  return merged
}
