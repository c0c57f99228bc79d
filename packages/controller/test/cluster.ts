/** A cluster's metadata under test: decisions are applied one after another, as the driver does it. */
import { NO_TIMESTAMP, type NodeId, type Offset, type Uuid } from '@millrace/base'
import {
  ConfigTable,
  MetadataDelta,
  MetadataImage,
  type MetadataRecord,
  topicDefaultKeys,
  intKey,
  type PartitionImage,
} from '@millrace/metadata'
import { metadataRecord, type RequestOf } from '@millrace/protocol'
import type { ControllerConfig, Decision, DecisionContext } from '../src/decision.ts'

export const node = (id: number) => id as NodeId

const testConfig: ControllerConfig = {
  nodeId: node(1),
  defaultPartitions: 2,
  defaultReplicationFactor: 1,
  partitionsPerRequestMax: 10_000,
  brokerKeys: new ConfigTable({ ...topicDefaultKeys, 'num.partitions': intKey({ default: 1, text: '' }) }),
  staticEntries: new Map(),
}

export interface TestBroker {
  readonly id: number
  readonly rack?: string
  readonly fenced?: boolean
  readonly logDirs?: readonly Uuid[]
}

export class TestCluster {
  image = MetadataImage.empty('cluster')
  config = testConfig
  placementStart = 0
  #nextId = 1

  /** Brokers 1 … n, or as given. */
  constructor(brokers: number | readonly TestBroker[]) {
    const list =
      typeof brokers === 'number'
        ? Array.from({ length: brokers }, (_, index) => ({ id: index + 1 }))
        : brokers
    this.apply(list.map(registration))
  }

  context(topicIds = 20): DecisionContext {
    return {
      image: this.image,
      config: this.config,
      random: {
        topicIds: Array.from({ length: topicIds }, () => uuid(this.#nextId++)),
        placementStart: this.placementStart,
      },
    }
  }

  apply(records: readonly MetadataRecord[]): void {
    const lastOffset = (this.image.position.lastOffset + records.length) as Offset
    this.image = new MetadataDelta(this.image)
      .replayAll(records)
      .apply({ lastOffset, epoch: 1, timestampMs: NO_TIMESTAMP })
  }

  /** Decides, applies, answers. */
  run<Request, Response>(
    handle: (request: Request, context: DecisionContext) => Decision<Response>,
    request: Request,
  ): Response {
    const topics = (request as { topics?: readonly unknown[] }).topics?.length ?? 0
    const { records, response } = handle(request, this.context(topics))
    if (records.length > 0) this.apply(records)
    return response
  }

  partitions(topic: string): readonly PartitionImage[] {
    return this.image.topics.byName(topic)?.partitions ?? []
  }

  replicas(topic: string): readonly (readonly number[])[] {
    return this.partitions(topic).map((partition) => [...partition.replicas])
  }
}

export function uuid(number: number): Uuid {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number, 12)
  return bytes.toString('base64url') as Uuid
}

function registration({ id, rack, fenced, logDirs }: TestBroker): MetadataRecord {
  return metadataRecord('RegisterBrokerRecord', {
    brokerId: node(id),
    incarnationId: uuid(9000 + id),
    brokerEpoch: id,
    endPoints: [],
    features: [],
    rack: rack ?? null,
    fenced: fenced ?? false,
    logDirs: logDirs ?? [],
  })
}

type NewTopic = RequestOf<'CreateTopics'>['topics'][number]

export function topic(name: string, fields: Partial<NewTopic> = {}): NewTopic {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...fields }
}

export function createTopics(topics: readonly NewTopic[], validateOnly = false): RequestOf<'CreateTopics'> {
  return { topics: [...topics], timeoutMs: 1000, validateOnly }
}
