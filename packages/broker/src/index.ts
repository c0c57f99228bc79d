export { type Broker, type BrokerConnections, createBroker } from './broker.ts'
export type { BrokerConfig, ListenerConfig } from './config.ts'
export type { ControllerApi, ControllerChannel, ControllerRequestContext } from './controller-channel.ts'
export type { MetadataPublisher, MetadataUpdate } from './metadata-publisher.ts'
