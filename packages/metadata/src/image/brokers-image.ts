/** Registered brokers at one offset of the metadata log. */
import type { NodeId, Uuid } from '@millrace/base'

export interface BrokerEndpoint {
  readonly name: string
  readonly host: string
  readonly port: number
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
  readonly securityProtocol: number
}

/** Levels of a feature that the software of a broker can run with. */
export interface BrokerFeature {
  readonly name: string
  readonly minSupportedVersion: number
  readonly maxSupportedVersion: number
}

export interface BrokerImage {
  readonly id: NodeId
  /** Offset of the registration; a request with an older one comes from a process that is gone. */
  readonly epoch: number
  readonly incarnationId: Uuid
  readonly endpoints: readonly BrokerEndpoint[]
  readonly features: readonly BrokerFeature[]
  readonly rack: string | null
  /** A fenced broker leads nothing, joins no ISR, and is not shown to clients. */
  readonly fenced: boolean
  readonly inControlledShutdown: boolean
  readonly logDirs: readonly Uuid[]
}

export type BrokersImage = ReadonlyMap<NodeId, BrokerImage>

/** May get replicas and leaderships. */
export function isAvailable(broker: BrokerImage): boolean {
  return !broker.fenced && !broker.inControlledShutdown
}
