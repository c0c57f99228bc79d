/** A cluster's metadata under test: decisions are applied one after another, as the driver does it. */
import { NO_TIMESTAMP, type NodeId, type Offset, type Uuid } from '@millrace/base'
import {
  ConfigTable,
  MetadataDelta,
  type BrokerImage,
  MetadataImage,
  type MetadataRecord,
  topicDefaultKeys,
  intKey,
  type PartitionImage,
} from '@millrace/metadata'
import { metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { handleBrokerHeartbeat } from '../src/broker-heartbeat.ts'
import { BrokerSessions } from '../src/broker-sessions.ts'
import type { ControllerConfig, DecidedChanges, Decision, DecisionContext } from '../src/decision.ts'
import { type BrokerProcess, fenceBroker } from '../src/fence-broker.ts'
import type { UncleanElection } from '../src/partition-changes.ts'
import { handleBrokerRegistration } from '../src/register-broker.ts'

type RegistrationResponse = ResponseInputOf<'BrokerRegistration'>
type HeartbeatResponse = ResponseInputOf<'BrokerHeartbeat'>

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
  /** Sees each decision as it was applied. */
  onChange: ((before: MetadataImage, after: MetadataImage) => void) | null = null
  /** Of the decisions so far. */
  readonly uncleanElections: UncleanElection[] = []
  placementStart = 0
  nowMs = 0
  readonly sessions = new BrokerSessions({
    sessionTimeoutMs: 2000,
    wrongGuessDelayMs: 250,
    wrongGuessForgottenMs: 600_000,
  })
  #nextId = 1

  /** Brokers 1 … n, or as given. */
  constructor(brokers: number | readonly TestBroker[]) {
    const list =
      typeof brokers === 'number'
        ? Array.from({ length: brokers }, (_, index) => ({ id: index + 1 }))
        : brokers
    this.apply(list.map(registration))
    this.sessions.reset(this.image, this.nowMs)
  }

  context(topicIds = 20): DecisionContext {
    return {
      image: this.image,
      config: this.config,
      random: {
        topicIds: Array.from({ length: topicIds }, () => uuid(this.#nextId++)),
        placementStart: this.placementStart,
      },
      sessions: this.sessions.at(this.nowMs),
    }
  }

  apply(records: readonly MetadataRecord[]): void {
    const before = this.image
    const lastOffset = (this.image.position.lastOffset + records.length) as Offset
    this.image = new MetadataDelta(this.image)
      .replayAll(records)
      .apply({ lastOffset, epoch: 1, timestampMs: NO_TIMESTAMP })
    this.onChange?.(before, this.image)
  }

  carryOut({ records, uncleanElections = [] }: DecidedChanges): void {
    this.uncleanElections.push(...uncleanElections)
    if (records.length > 0) this.apply(records)
  }

  /** Decides, applies, answers. */
  run<Request, Response>(
    handle: (request: Request, context: DecisionContext) => Decision<Response>,
    request: Request,
  ): Response {
    const topics = (request as { topics?: readonly unknown[] }).topics?.length ?? 0
    const decision = handle(request, this.context(topics))
    this.carryOut(decision)
    return decision.response
  }

  /** A process of the broker registers. */
  register(id: number, fields: Partial<RequestOf<'BrokerRegistration'>> = {}): RegistrationResponse {
    const request = registrationOf(id, fields)
    const response = this.run(handleBrokerRegistration, request)
    const { brokerEpoch } = response
    if (brokerEpoch !== undefined) {
      this.sessions.registered({ brokerId: request.brokerId, brokerEpoch }, this.nowMs)
    }
    return response
  }

  /** The registered process of the broker sends a heartbeat; by default one that is caught up and wants to run. */
  heartbeat(id: number, fields: Partial<RequestOf<'BrokerHeartbeat'>> = {}): HeartbeatResponse {
    const request = {
      brokerId: node(id),
      brokerEpoch: this.broker(id)?.epoch ?? -1,
      currentMetadataOffset: this.image.position.lastOffset,
      wantFence: false,
      wantShutDown: false,
      offlineLogDirs: [],
      ...fields,
    }
    const before = this.image
    const response = this.run(handleBrokerHeartbeat, request)
    if (response.errorCode !== undefined) return response
    const decided = this.image === before ? null : this.image.position.lastOffset
    this.sessions.heard(request, decided, this.nowMs)
    return response
  }

  /** Time passes; brokers whose session is over are fenced. */
  pass(ms: number): void {
    this.nowMs += ms
    for (const ended of this.sessions.expired(this.nowMs)) this.fence(ended)
  }

  fence(broker: BrokerProcess): boolean {
    const decision = fenceBroker(broker, this.context())
    this.carryOut(decision)
    return decision.response.fenced
  }

  broker(id: number): BrokerImage | undefined {
    return this.image.brokers.get(node(id))
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

/** Of an unfenced broker by default, as if it had been through everything already. */
function registration({ id, rack, fenced, logDirs }: TestBroker, offset: number): MetadataRecord {
  return metadataRecord('RegisterBrokerRecord', {
    brokerId: node(id),
    incarnationId: uuid(9000 + id),
    brokerEpoch: offset,
    endPoints: [],
    features: [],
    rack: rack ?? null,
    fenced: fenced ?? false,
    logDirs: logDirs ?? [],
  })
}

/** What a process of the broker sends; another incarnation than the one a cluster begins with. */
export function registrationOf(
  id: number,
  fields: Partial<RequestOf<'BrokerRegistration'>> = {},
): RequestOf<'BrokerRegistration'> {
  return {
    brokerId: node(id),
    clusterId: 'cluster',
    incarnationId: uuid(8000 + id),
    listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
    features: [],
    rack: null,
    isMigratingZkBroker: false,
    logDirs: [uuid(7000 + id)],
    previousBrokerEpoch: -1,
    ...fields,
  }
}

type NewTopic = RequestOf<'CreateTopics'>['topics'][number]

export function topic(name: string, fields: Partial<NewTopic> = {}): NewTopic {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...fields }
}

export function createTopics(topics: readonly NewTopic[], validateOnly = false): RequestOf<'CreateTopics'> {
  return { topics: [...topics], timeoutMs: 1000, validateOnly }
}
