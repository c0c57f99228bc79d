export type { ConfigSources } from './config/load-config.ts'
export { type ConfigKeyDescription, configReference, describeConfigKeys } from './config/reference.ts'
export type { Setting } from './config/setting.ts'
export { runBroker } from './run-broker.ts'
export {
  type RunningServer,
  type ServerOptions,
  startEmbeddedServer,
  type EmbeddedServerOptions,
  startServer,
} from './server.ts'
export { StartupError, type StartupErrorCode } from './startup-error.ts'
