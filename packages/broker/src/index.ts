export { type Broker, type BrokerConnections, createBroker } from './broker.ts'
export type { BrokerConfig, ListenerConfig } from './config.ts'
export type {
  ControllerApi,
  ControllerChannel,
  ControllerRequestContext,
  ForwardedApi,
} from './controller-channel.ts'
export type { BrokerIdentity } from './lifecycle/broker-lifecycle.ts'
export { BrokerRegistrationError, BrokerStoppedError } from './lifecycle/broker-registration-error.ts'
export type { MetadataPublisher, MetadataUpdate } from './metadata-publisher.ts'
export type { QuorumView } from './quorum-view.ts'
