/**
 * One server with the roles of a broker and of the controller, wired from its parts in the order of their start. They
 * stop in the opposite order, on every path.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Endpoint, type Env, type Log, NetError, type NodeId, randomUuid } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import { type Broker, type BrokerConfig, createBroker } from '@millrace/broker'
import type { ControllerConfig } from '@millrace/controller'
import { topicDefaultKeys } from '@millrace/metadata'
import { MetadataLog, MetadataLogError } from '@millrace/metadata-log'
import { DamagedFileError, LogDirectory } from '@millrace/storage'
import { brokerConfig, dataDirectory } from './config/broker-config.ts'
import { type ConfigSources, loadConfig, type LoadedConfig } from './config/load-config.ts'
import { configTable } from './config/server-config.ts'
import { ControllerHost } from './controller-host.ts'
import { claimDataFolder } from './data-folder.ts'
import { claimIdentity } from './identity.ts'
import { formatEndpoint } from './listener.ts'
import { StartupError } from './startup-error.ts'

export interface ServerOptions {
  /** Keys of docs/config.md with their values: these win over file and environment. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  readonly configFile?: string
  /** Variables MILLRACE_…; none when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Silent when left out. */
  readonly log?: Log
}

export interface RunningServer extends AsyncDisposable {
  readonly nodeId: NodeId
  readonly clusterId: string
  /** Absolute path. */
  readonly dataDirectory: string
  /** Where it listens: the port that was bound. */
  readonly endpoint: Endpoint
  /** The same as `host:port`, for clients. */
  readonly bootstrap: string
  readonly shards: number
  /** `log.flush.policy` */
  readonly flushPolicy: string
  /** Drains, flushes, writes the clean mark. Resolves when everything is closed; calling it again is harmless. */
  close(): Promise<void>
}

/**
 * Starts a server in this process.
 * @throws StartupError when it cannot start: configuration, data folder, address
 */
export async function startServer({
  settings = {},
  configFile,
  environment = {},
  log = silentLog,
}: ServerOptions = {}): Promise<RunningServer> {
  const flags = Object.entries(settings).map(([key, value]) => ({
    key,
    value: String(value),
    origin: 'settings',
  }))
  const sources: ConfigSources = { configFile: configFile ?? null, environment, flags }
  return await startConfigured(await loadConfig(sources), log)
}

export interface EmbeddedServerOptions {
  /** Keys of docs/config.md that are to differ from an embedded server's own. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Silent when left out. */
  readonly log?: Log
}

/** Starts in milliseconds, on one thread, and what it stored is of no value afterwards. */
const EMBEDDED_SETTINGS = { listeners: '127.0.0.1:0', shards: 0, 'log.flush.policy': 'os' } as const

/**
 * Starts a server for a test: on this thread, on a free port of loopback, in a temporary folder that goes away with it.
 *
 * @example
 * ```ts
 * await using server = await startEmbeddedServer()
 * await using producer = new Producer({ bootstrap: server.bootstrap })
 * ```
 */
export async function startEmbeddedServer({ settings = {}, log }: EmbeddedServerOptions = {}): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-embedded-'))
  const discard = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const server = await startServer({
      settings: { ...EMBEDDED_SETTINGS, 'log.dirs': folder, ...settings },
      ...(log !== undefined && { log }),
    })
    const close = async (): Promise<void> => {
      await server.close()
      discard()
    }
    return { ...server, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    discard()
    throw error
  }
}

const FLUSH_POLICY = 'log.flush.policy'
/** Bounds what one request may append to the metadata log. */
const PARTITIONS_PER_REQUEST_MAX = 10_000

/** @throws StartupError */
export async function startConfigured(loaded: LoadedConfig, log: Log): Promise<RunningServer> {
  const parts = new AsyncDisposableStack()
  try {
    return await startParts(loaded, log, parts)
  } catch (error) {
    await parts.disposeAsync()
    if (error instanceof DamagedFileError || error instanceof MetadataLogError) throw damaged(error)
    throw error
  }
}

/** @param parts takes what has been started, so that it stops in the opposite order */
async function startParts(loaded: LoadedConfig, log: Log, parts: AsyncDisposableStack): Promise<RunningServer> {
  const path = dataDirectory(loaded)
  const folderLock = claimDataFolder(path)
  parts.defer(() => folderLock.release())

  const env = nodeEnv({ log })
  const directory = await openLogDirectory(env, path)
  const { clusterId, nodeId, directoryId } = await claimIdentity(directory, loaded, env.entropy)
  const config = brokerConfig(loaded, clusterId)

  const metadataLog = await MetadataLog.open({ ...env, dataDirectory: path, clusterId, nodeId })
  parts.defer(() => metadataLog.close())
  const controller = new ControllerHost({
    metadataLog,
    config: controllerConfig(loaded, config),
    rng: env.rng,
    entropy: env.entropy,
    log,
  })
  await controller.start()

  const broker = createBroker(env, config, { metadata: metadataLog, controller, directory })
  const register = async (endpoint: Endpoint): Promise<number> => {
    const { brokerEpoch } = await controller.registerBroker({
      brokerId: nodeId,
      incarnationId: randomUuid(env.entropy),
      endpoints: [{ name: 'PLAINTEXT', host: endpoint.host, port: endpoint.port, securityProtocol: 0 }],
      rack: config.rack,
      logDirs: [directoryId],
    })
    return brokerEpoch
  }
  await register({ host: config.listener.host, port: config.listener.port })
  const endpoint = await startBroker(broker, config)
  parts.defer(() => broker.stop())

  const stack = parts.move()
  const close = (): Promise<void> => stack.disposeAsync()
  return {
    nodeId,
    clusterId,
    dataDirectory: path,
    endpoint,
    bootstrap: formatEndpoint(endpoint),
    shards: config.shards,
    flushPolicy: loaded.explicit.get(FLUSH_POLICY) ?? String(topicDefaultKeys[FLUSH_POLICY]!.default),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function openLogDirectory(env: Env, path: string): Promise<LogDirectory> {
  return new Promise((resolve, reject) => {
    LogDirectory.open({ disk: env.disk, clock: env.clock, path, log: env.log }, (error, directory) => {
      if (directory === null) reject(error ?? new Error(`${path} cannot be opened`))
      else resolve(directory)
    })
  })
}

function controllerConfig({ values, explicit }: LoadedConfig, { nodeId }: BrokerConfig): ControllerConfig {
  return {
    nodeId,
    defaultPartitions: values['num.partitions'],
    defaultReplicationFactor: values['default.replication.factor'],
    partitionsPerRequestMax: PARTITIONS_PER_REQUEST_MAX,
    brokerKeys: configTable,
    staticEntries: explicit,
  }
}

/** @throws StartupError when the address cannot be had */
async function startBroker(broker: Broker, { listener }: BrokerConfig): Promise<Endpoint> {
  try {
    return await broker.start()
  } catch (error) {
    if (!(error instanceof NetError)) throw error
    throw addressError(error, formatEndpoint(listener))
  }
}

function damaged(error: Error): StartupError {
  return new StartupError(
    'DATA_FOLDER_DAMAGED',
    error.message,
    'Nothing was changed. Restore the file from a copy, or start with an empty folder (--data).',
  )
}

function addressError(error: NetError, address: string): StartupError {
  if (error.code === 'EADDRINUSE') {
    return new StartupError(
      'ADDRESS_IN_USE',
      `${address} is in use by another process`,
      'Stop that one, or choose another address with --listen.',
    )
  }
  return new StartupError(
    'ADDRESS_UNAVAILABLE',
    `cannot listen on ${address}: ${error.message}`,
    'Choose an address of this machine with --listen; ports below 1024 need privileges.',
  )
}
