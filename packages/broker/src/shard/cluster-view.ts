/**
 * The cluster as one shard knows it: the metadata image it has replayed, and the addresses to tell clients.
 *
 * Owns: nothing but this knowledge; the shard replaces the parts as it learns them. Must not know: requests.
 */
import type { Endpoint, NodeId } from '@millrace/base'
import { MetadataImage } from '@millrace/metadata'
import type { BrokerImage } from '@millrace/metadata'
import type { BrokerConfig } from '../config.ts'

export interface BrokerAddress {
  readonly nodeId: NodeId
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

type ViewConfig = Pick<BrokerConfig, 'nodeId' | 'clusterId' | 'rack' | 'listener'>

export class ClusterView {
  readonly #config: ViewConfig
  image: MetadataImage
  /** The broker's one port, on which all its shards listen. */
  brokerPort: number
  /** Each shard's own port, by shard; empty when there is only one. */
  shardPorts: readonly number[] = []

  constructor(config: ViewConfig) {
    this.#config = config
    this.image = MetadataImage.empty(config.clusterId)
    this.brokerPort = config.listener.port
  }

  /**
   * Brokers that clients may talk to, this one first.
   * @param local the address at which the client reached this broker
   */
  brokers(local: Endpoint): BrokerAddress[] {
    const others = [...this.image.brokers.values()].filter((broker) => this.#isShown(broker))
    return [this.#ownAddress(local), ...others.map(registeredAddress)]
  }

  /** Whether a replica on this broker can be reached. */
  isAlive(id: NodeId): boolean {
    return id === this.#config.nodeId || this.image.brokers.get(id)?.fenced === false
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

  #isShown(broker: BrokerImage): boolean {
    return broker.id !== this.#config.nodeId && !broker.fenced && broker.endpoints.length > 0
  }
}

function registeredAddress({ id, endpoints, rack }: BrokerImage): BrokerAddress {
  const { host, port } = endpoints[0]!
  return { nodeId: id, host, port, rack }
}

/** IPv4 as people write it, also when it arrived at a socket for both versions. */
function plainHost(host: string): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host
}
