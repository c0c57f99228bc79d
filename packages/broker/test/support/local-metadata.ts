/**
 * A metadata log and a controller of the smallest kind: they commit at once, and know how to create, delete and
 * configure topics with one replica on node 1.
 */
import { nodeId, randomUuid, timestampMs } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset, Uuid } from '@millrace/base'
import { nodeEntropy } from '@millrace/base/node'
import { MetadataDelta, MetadataImage } from '@millrace/metadata'
import type { MetadataRecord } from '@millrace/metadata'
import { ErrorCode, metadataRecord } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ControllerApi, ControllerChannel } from '../../src/controller-channel.ts'
import type { MetadataPublisher, MetadataUpdate } from '../../src/metadata-publisher.ts'

export const NODE = nodeId(1)

export class LocalMetadata implements MetadataPublisher, ControllerChannel {
  image = MetadataImage.empty('test-cluster').with({ controllerId: NODE })
  /** Requests wait for it before they are decided. */
  gate: Promise<unknown> = Promise.resolve()
  readonly requests: ControllerApi[] = []
  readonly #listeners = new Set<(update: MetadataUpdate) => void>()

  current(): { readonly image: MetadataImage } {
    return { image: this.image }
  }

  subscribe(listener: (update: MetadataUpdate) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  commit(records: readonly MetadataRecord[]): MetadataUpdate {
    const { lastOffset } = this.image.position
    const position = {
      lastOffset: (lastOffset + records.length) as Offset,
      epoch: 1,
      timestampMs: timestampMs(0),
    }
    this.image = new MetadataDelta(this.image).replayAll(records).apply(position)
    const update = { image: this.image, records }
    for (const listener of this.#listeners) listener(update)
    return update
  }

  createTopic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): MetadataUpdate {
    const topicId = randomUuid(nodeEntropy)
    return this.commit([
      metadataRecord('TopicRecord', { name, topicId }),
      ...Array.from({ length: partitions }, (_, partitionId) => partitionRecord(topicId, partitionId, NODE)),
      ...Object.entries(configs).map(([key, value]) =>
        metadataRecord('ConfigRecord', { resourceType: 2, resourceName: name, name: key, value }),
      ),
    ])
  }

  deleteTopic(name: string): MetadataUpdate {
    return this.commit([metadataRecord('RemoveTopicRecord', { topicId: this.image.topics.byName(name)!.id })])
  }

  /** The same leader is elected again: its epoch rises. */
  electAgain(name: string, partitionId = 0): MetadataUpdate {
    const { id } = this.image.topics.byName(name)!
    return this.commit([metadataRecord('PartitionChangeRecord', { topicId: id, partitionId, leader: NODE })])
  }

  async request<N extends ControllerApi>(api: N, request: RequestOf<N>): Promise<ResponseInputOf<N>> {
    this.requests.push(api)
    await this.gate
    if (api !== 'CreateTopics') throw new Error(`this controller can't ${api}`)
    const { topics } = request as RequestOf<'CreateTopics'>
    for (const { name, numPartitions } of topics) this.createTopic(name, Math.max(1, numPartitions))
    const answer: ResponseInputOf<'CreateTopics'> = {
      topics: topics.map(({ name }) => ({ name, errorCode: ErrorCode.NONE })),
    }
    return answer as ResponseInputOf<N>
  }
}

export function partitionRecord(
  topicId: Uuid,
  partitionId: number,
  leader: NodeId,
  leaderEpoch = 0,
): MetadataRecord {
  return metadataRecord('PartitionRecord', {
    partitionId,
    topicId,
    replicas: [leader],
    isr: [leader],
    removingReplicas: [],
    addingReplicas: [],
    leader,
    leaderEpoch: leaderEpoch as LeaderEpoch,
    partitionEpoch: 0,
    directories: [],
  })
}
