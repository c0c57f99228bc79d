/**
 * The cluster as one shard knows it: the metadata image it has replayed, and the addresses to tell clients.
 *
 * Owns: nothing but this knowledge; the shard replaces the parts as it learns them. Must not know: requests.
 */
import { type Endpoint, NO_NODE, type NodeId } from '@millrace/base'
import { type BrokerImage, MetadataImage, type PartitionImage } from '@millrace/metadata'
import type { ShardConfig } from '../config.ts'
import type { BrokerStanding } from './shard-control.ts'

export interface BrokerAddress {
  readonly nodeId: NodeId
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

type ViewConfig = Pick<ShardConfig, 'nodeId' | 'clusterId' | 'rack' | 'listener'>

export class ClusterView {
  readonly #config: ViewConfig
  image: MetadataImage
  /** The broker's one port, on which all its shards listen. */
  brokerPort: number
  /** Each shard's own port, by shard; empty when there is only one. */
  shardPorts: readonly number[] = []
  standing: BrokerStanding = 'in-session'
  /** Whether a broker's process is most likely gone, though the metadata does not say so yet. */
  isLost: (id: NodeId) => boolean = () => false

  constructor(config: ViewConfig) {
    this.#config = config
    this.image = MetadataImage.empty(config.clusterId)
    this.brokerPort = config.listener.port
  }

  /**
   * Brokers that clients may talk to: all that are not fenced, this one first. Where there are none, this one all the
   * same, because an answer without brokers would leave clients with nobody to ask again.
   * @param local the address at which the client reached this broker
   */
  brokers(local: Endpoint): BrokerAddress[] {
    const { nodeId } = this.#config
    const others = [...this.image.brokers.keys()].filter((id) => id !== nodeId)
    const shown = others.flatMap((id) => this.liveAddress(id) ?? [])
    return this.isAlive(nodeId) || shown.length === 0 ? [this.#ownAddress(local), ...shown] : shown
  }

  /**
   * What clients are told is the controller: a broker that passes their requests on, because the real one does not talk to
   * clients. This one, unless it is fenced.
   * @param brokers as clients are told
   */
  controllerId(brokers: readonly BrokerAddress[]): NodeId {
    return brokers[0]!.nodeId
  }

  /** As registered; null for a broker that clients should not talk to. */
  liveAddress(id: NodeId): BrokerAddress | null {
    const broker = this.image.brokers.get(id)
    return broker === undefined || broker.fenced ? null : registeredAddress(broker)
  }

  /** As registered: brokers that clients should not talk to. */
  fencedBrokers(): BrokerAddress[] {
    const fenced = [...this.image.brokers.values()].filter((broker) => broker.fenced)
    return fenced.flatMap((broker) => registeredAddress(broker) ?? [])
  }

  isSelf(id: NodeId): boolean {
    return id === this.#config.nodeId
  }

  /** Whether a replica on this broker can be reached. */
  isAlive(id: NodeId): boolean {
    return this.image.brokers.get(id)?.fenced === false
  }

  /**
   * Whom clients are told to ask; `NO_NODE` for a leader that is most likely gone, which may be this one. They ask again soon
   * then, whereas many that are sent to a leader that refuses them wait a second before they do (librdkafka).
   */
  shownLeader({ leader, replicas }: PartitionImage): NodeId {
    const isReplaced = this.standing === 'replaced' && this.isSelf(leader) && replicas.length > 1
    return isReplaced || this.isLost(leader) ? NO_NODE : leader
  }

  /**
   * The address that the client came in on is one that it can reach, unless somebody configured a better one: on one
   * machine, nobody has to know what an advertised listener is.
   */
  #ownAddress(local: Endpoint): BrokerAddress {
    const { nodeId, rack, listener } = this.#config
    return {
      nodeId,
      host: listener.advertisedHost ?? plainHost(local.host),
      port: listener.advertisedPort ?? this.brokerPort,
      rack,
    }
  }
}

function registeredAddress({ id, endpoints, rack }: BrokerImage): BrokerAddress | null {
  const [endpoint] = endpoints
  return endpoint === undefined ? null : { nodeId: id, host: endpoint.host, port: endpoint.port, rack }
}

/** IPv4 as people write it, also when it arrived at a socket for both versions. */
function plainHost(host: string): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host
}
