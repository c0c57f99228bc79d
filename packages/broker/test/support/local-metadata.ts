/**
 * A metadata log and a controller of the smallest kind: they commit at once, know how to create, delete and
 * configure topics with one replica on node 1, and let every broker in.
 */
import { NO_NODE, nodeId, randomUuid, timestampMs } from '@millrace/base'
import type { LeaderEpoch, NodeId, Offset, Uuid } from '@millrace/base'
import { nodeEntropy } from '@millrace/base/node'
import { MetadataDelta, MetadataImage } from '@millrace/metadata'
import type { MetadataRecord } from '@millrace/metadata'
import { ErrorCode, metadataRecord } from '@millrace/protocol'
import type { MetadataRecordOf, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ControllerApi, ControllerChannel } from '../../src/controller-channel.ts'
import type { MetadataPublisher, MetadataUpdate } from '../../src/metadata-publisher.ts'

export const NODE = nodeId(1)

type RegisterBroker = MetadataRecordOf<'RegisterBrokerRecord'>

export class LocalMetadata implements MetadataPublisher, ControllerChannel {
  image = MetadataImage.empty('test-cluster').with({ controllerId: NODE })
  /** Requests wait for it before they are decided. */
  gate: Promise<unknown> = Promise.resolve()
  readonly requests: ControllerApi[] = []
  neverUnfences = false
  wasAskedToUnfence = false
  readonly #listeners = new Set<(update: MetadataUpdate) => void | Promise<void>>()

  current(): { readonly image: MetadataImage } {
    return { image: this.image }
  }

  subscribe(listener: (update: MetadataUpdate) => void | Promise<void>): () => void {
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
    for (const listener of this.#listeners) void listener(update)
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

  /** A broker that needs no heartbeats. */
  register(
    id: NodeId,
    {
      port = 9092,
      more = [] as { name: string; host: string; port: number; securityProtocol: number }[],
      fenced = false,
      incarnationId = randomUuid(nodeEntropy),
    } = {},
  ): void {
    const endPoints = [{ name: 'PLAINTEXT', host: `broker-${id}`, port, securityProtocol: 0 }, ...more]
    this.#registerBroker({ brokerId: id, incarnationId, endPoints, fenced, rack: null, logDirs: [] })
  }

  /** Takes all leaderships of a broker away. */
  fence(id: NodeId): void {
    this.#setFenced(id, true)
  }

  unfence(id: NodeId): void {
    this.#setFenced(id, false)
  }

  async request<N extends ControllerApi>(api: N, request: RequestOf<N>): Promise<ResponseInputOf<N>> {
    if (api === 'BrokerRegistration')
      return this.#onRegistration(request as RequestOf<'BrokerRegistration'>) as ResponseInputOf<N>
    if (api === 'BrokerHeartbeat')
      return this.#onHeartbeat(request as RequestOf<'BrokerHeartbeat'>) as ResponseInputOf<N>
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

  #onRegistration(request: RequestOf<'BrokerRegistration'>): ResponseInputOf<'BrokerRegistration'> {
    const { brokerId, incarnationId, listeners, rack, logDirs } = request
    this.#registerBroker({ brokerId, incarnationId, endPoints: listeners, fenced: true, rack, logDirs })
    return { brokerEpoch: this.image.brokers.get(brokerId)!.epoch }
  }

  #onHeartbeat({
    brokerId,
    brokerEpoch,
    currentMetadataOffset,
    wantFence,
    wantShutDown,
  }: RequestOf<'BrokerHeartbeat'>): ResponseInputOf<'BrokerHeartbeat'> {
    const broker = this.image.brokers.get(brokerId)
    if (broker?.epoch !== brokerEpoch) return { errorCode: ErrorCode.STALE_BROKER_EPOCH }
    const wantsOut = wantFence || wantShutDown
    if (!wantsOut && this.neverUnfences) {
      this.wasAskedToUnfence = true
      return { isCaughtUp: true, isFenced: true, shouldShutDown: false }
    }
    if (wantsOut !== broker.fenced && (wantsOut || currentMetadataOffset >= brokerEpoch))
      this.#setFenced(brokerId, wantsOut)
    return { isCaughtUp: true, isFenced: broker.fenced, shouldShutDown: wantShutDown }
  }

  #registerBroker(
    registration: Pick<
      RegisterBroker,
      'brokerId' | 'incarnationId' | 'endPoints' | 'fenced' | 'rack' | 'logDirs'
    >,
  ): void {
    this.commit([
      metadataRecord('RegisterBrokerRecord', {
        ...registration,
        brokerEpoch: this.image.position.lastOffset + 1,
        features: [],
        inControlledShutdown: false,
      }),
      ...(registration.fenced ? this.#elections(registration.brokerId, NO_NODE) : []),
    ])
  }

  #setFenced(id: NodeId, fenced: boolean): void {
    const { epoch: brokerEpoch } = this.image.brokers.get(id)!
    const change = {
      brokerId: id,
      brokerEpoch,
      fenced: fenced ? 1 : -1,
      inControlledShutdown: 0,
      logDirs: [],
    }
    this.commit([
      metadataRecord('BrokerRegistrationChangeRecord', change),
      ...this.#elections(id, fenced ? NO_NODE : id),
    ])
  }

  /** Of the partitions whose only replica is on this broker. */
  #elections(broker: NodeId, leader: NodeId): MetadataRecord[] {
    return [...this.image.topics.values()].flatMap(({ id: topicId, partitions }) =>
      partitions.flatMap((partition, partitionId) =>
        partition.replicas[0] === broker && partition.leader !== leader
          ? [metadataRecord('PartitionChangeRecord', { topicId, partitionId, leader })]
          : [],
      ),
    )
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
