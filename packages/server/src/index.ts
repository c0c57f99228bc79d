export { type ConfigKeyDescription, configReference, describeConfigKeys } from './config/reference.ts'
export { type ServerOptions, startEmbeddedServer, startServer } from './embedded-server.ts'
export type { RunningServer } from './server.ts'
export { StartupError, type StartupErrorCode } from './startup-error.ts'
