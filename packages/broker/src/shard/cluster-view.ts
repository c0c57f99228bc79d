/**
 * The cluster as one shard knows it: the metadata image it has replayed, and the addresses to tell clients.
 *
 * Owns: nothing but this knowledge; the shard replaces the parts as it learns them. Must not know: requests.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import { type BrokerImage, MetadataImage, type PartitionImage } from '@millrace/metadata'
import type { Connection } from '@millrace/net'
import type { ListenerConfig, ShardConfig } from '../config.ts'
import type { AnnouncedPorts, BrokerStanding } from './shard-control.ts'

export interface BrokerAddress {
  readonly nodeId: NodeId
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** Where a client came in: what it is told are addresses of the same listener of other brokers. */
export type CameIn = Pick<Connection, 'listener' | 'local'>

type ViewConfig = Pick<ShardConfig, 'nodeId' | 'clusterId' | 'rack' | 'listener' | 'clientListeners'>

export class ClusterView {
  readonly #config: ViewConfig
  image: MetadataImage
  ports: AnnouncedPorts
  standing: BrokerStanding = 'in-session'
  /** For how long a broker's process has most likely been gone, though the metadata does not say so; null: it is not. */
  lostForMs: (id: NodeId) => number | null = () => null

  constructor(config: ViewConfig) {
    this.#config = config
    this.image = MetadataImage.empty(config.clusterId)
    const clientPorts = config.clientListeners.map(({ port }) => port)
    this.ports = { brokerPort: config.listener.port, clientPorts, shardPorts: [] }
  }

  /**
   * Brokers that clients may talk to: all that are not fenced, this one first. Where there are none, this one all the
   * same, because an answer without brokers would leave clients with nobody to ask again.
   */
  brokers(cameIn: CameIn): BrokerAddress[] {
    const { nodeId } = this.#config
    const others = [...this.image.brokers.keys()].filter((id) => id !== nodeId)
    const shown = others.flatMap((id) => this.liveAddress(id, cameIn.listener) ?? [])
    return this.isAlive(nodeId) || shown.length === 0 ? [this.#ownAddress(cameIn), ...shown] : shown
  }

  /** A shard's own port, for clients who can know it: those who came in where other nodes do. 0: none. */
  shardPort(shard: number, { listener }: CameIn): number {
    return listener === this.#config.listener.name ? (this.ports.shardPorts[shard] ?? 0) : 0
  }

  /**
   * What clients are told is the controller: a broker that passes their requests on, because the real one does not talk to
   * clients. This one, unless it is fenced.
   * @param brokers as clients are told
   */
  controllerId(brokers: readonly BrokerAddress[]): NodeId {
    return brokers[0]!.nodeId
  }

  /**
   * As registered; null for a broker that clients should not talk to.
   * @param listener by which the client came in
   */
  liveAddress(id: NodeId, listener: string): BrokerAddress | null {
    const broker = this.image.brokers.get(id)
    return broker === undefined || broker.fenced ? null : registeredAddress(broker, listener)
  }

  /** As registered: brokers that clients should not talk to. */
  fencedBrokers({ listener }: CameIn): BrokerAddress[] {
    const fenced = [...this.image.brokers.values()].filter((broker) => broker.fenced)
    return fenced.flatMap((broker) => registeredAddress(broker, listener) ?? [])
  }

  isSelf(id: NodeId): boolean {
    return id === this.#config.nodeId
  }

  /** Whether a replica on this broker can be reached. */
  isAlive(id: NodeId): boolean {
    return this.image.brokers.get(id)?.fenced === false
  }

  /**
   * Whom clients are told to ask; `NO_NODE` for a leader that is most likely gone, which may be this one. They ask again
   * soon then, whereas many that are sent to a leader that refuses them wait a second before they do (librdkafka).
   */
  shownLeader({ leader, replicas }: PartitionImage): NodeId {
    const isReplaced = this.standing === 'replaced' && this.isSelf(leader) && replicas.length > 1
    return isReplaced || this.lostForMs(leader) !== null ? NO_NODE : leader
  }

  /**
   * The address that the client came in on is one that it can reach, unless somebody configured a better one: on one
   * machine, nobody has to know what an advertised listener is.
   */
  #ownAddress({ listener, local }: CameIn): BrokerAddress {
    const { nodeId, rack } = this.#config
    const { advertisedHost, advertisedPort, boundPort } = this.#listenerNamed(listener)
    return { nodeId, host: advertisedHost ?? plainHost(local.host), port: advertisedPort ?? boundPort, rack }
  }

  #listenerNamed(name: string): ListenerConfig & { readonly boundPort: number } {
    const { listener, clientListeners } = this.#config
    const { brokerPort, clientPorts } = this.ports
    const at = clientListeners.findIndex((other) => other.name === name)
    return at < 0
      ? { ...listener, boundPort: brokerPort }
      : { ...clientListeners[at]!, boundPort: clientPorts[at]! }
  }
}

/** Of the listener of that name; a broker that has none has been configured since, or not yet: then where its peers go. */
function registeredAddress({ id, endpoints, rack }: BrokerImage, listener: string): BrokerAddress | null {
  const endpoint = endpoints.find(({ name }) => name === listener) ?? endpoints[0]
  return endpoint === undefined ? null : { nodeId: id, host: endpoint.host, port: endpoint.port, rack }
}

/** IPv4 as people write it, also when it arrived at a socket for both versions. */
function plainHost(host: string): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host
}
