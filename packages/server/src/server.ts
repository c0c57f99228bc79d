/**
 * One server with the roles of a broker and of the controller, wired from its parts in the order of their start. They
 * stop in the opposite order, on every path.
 */
import { type Endpoint, type Env, type Log, type NodeId, randomUuid } from '@millrace/base'
import { nodeEnv } from '@millrace/base/node'
import { type BrokerConfig, createBroker } from '@millrace/broker'
import { MetadataLog } from '@millrace/metadata-log'
import { LogDirectory, type MetaProperties, readMetaProperties } from '@millrace/storage'
import { brokerConfig, dataDirectory } from './config/broker-config.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { configTable } from './config/server-config.ts'
import { ControllerHost } from './controller-host.ts'
import { claimDataFolder } from './data-folder.ts'
import { newIdentity, requireIdentity } from './identity.ts'
import { formatEndpoint } from './listener.ts'
import { asStartupError } from './startup-failure.ts'

export interface RunningServer extends AsyncDisposable {
  readonly nodeId: NodeId
  readonly clusterId: string
  /** Absolute path. */
  readonly dataDirectory: string
  /** Where it listens, as `host:port` with the port that was bound. */
  readonly bootstrap: string
  /** Worker threads; 0: all on the main thread. */
  readonly shards: number
  /** Drains, flushes, writes the clean mark. Resolves when everything is closed; calling it again is harmless. */
  close(): Promise<void>
}

/** One request may create so many partitions, which bounds one append to the metadata log; Kafka's limit. */
const PARTITIONS_PER_REQUEST_MAX = 10_000

/** @throws StartupError when data folder or address cannot be had */
export async function startConfigured(loaded: LoadedConfig, log: Log): Promise<RunningServer> {
  const env = nodeEnv({ log })
  const path = dataDirectory(loaded)
  // What the listener may be is checked before the folder is touched; the cluster's id is known only after.
  const configured = brokerConfig(loaded, '')
  await using opened = new AsyncDisposableStack()
  try {
    const lock = claimDataFolder(path)
    opened.defer(() => lock.release())
    const { directory, identity } = await openDirectory(env, path, loaded)
    const config: BrokerConfig = { ...configured, clusterId: identity.clusterId }
    const metadataLog = await MetadataLog.open({ ...env, dataDirectory: path, ...identity })
    opened.defer(() => metadataLog.close())

    const controller = controllerHost(env, loaded, metadataLog, config)
    await controller.start()
    await registerBroker(controller, env, config, identity)
    const broker = createBroker(env, config, { metadata: metadataLog, controller, directory })
    const endpoint = await broker.start()
    opened.defer(() => broker.stop())
    return runningServer(config, endpoint, opened.move())
  } catch (error) {
    throw asStartupError(error, path, configured.listener)
  }
}

function runningServer(config: BrokerConfig, endpoint: Endpoint, parts: AsyncDisposableStack): RunningServer {
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => (closing ??= parts.disposeAsync())
  return {
    nodeId: config.nodeId,
    clusterId: config.clusterId,
    dataDirectory: config.dataDirectory,
    bootstrap: formatEndpoint(endpoint),
    shards: config.shards,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function openDirectory(
  env: Env,
  path: string,
  loaded: LoadedConfig,
): Promise<{ directory: LogDirectory; identity: MetaProperties }> {
  // Before opening: that removes the clean mark, which a folder of somebody else must keep.
  const known = readMetaProperties(env.disk, path)
  if (known !== null) requireIdentity(known, path, loaded)
  const directory = await new Promise<LogDirectory>((resolve, reject) => {
    LogDirectory.open({ ...env, path }, (error, found) => (found === null ? reject(error!) : resolve(found)))
  })
  const identity = known ?? newIdentity(loaded, env.entropy)
  if (known === null) await closed((done) => directory.format(identity, done))
  return { directory, identity }
}

function controllerHost(
  env: Env,
  { values, explicit }: LoadedConfig,
  metadataLog: MetadataLog,
  { nodeId }: BrokerConfig,
): ControllerHost {
  const config = {
    nodeId,
    defaultPartitions: values['num.partitions'],
    defaultReplicationFactor: values['default.replication.factor'],
    partitionsPerRequestMax: PARTITIONS_PER_REQUEST_MAX,
    brokerKeys: configTable,
    staticEntries: explicit,
  }
  return new ControllerHost({ ...env, metadataLog, config })
}

/**
 * Before the shards open their partitions, so that they start in the leader epochs of this process. Other brokers are
 * told the configured port; one that the system chooses is known too late, and is for a broker alone.
 */
async function registerBroker(
  controller: ControllerHost,
  { entropy }: Env,
  { nodeId, rack, listener }: BrokerConfig,
  { directoryId }: MetaProperties,
): Promise<void> {
  const host = listener.advertisedHost ?? listener.host
  const port = listener.advertisedPort ?? listener.port
  await controller.registerBroker({
    brokerId: nodeId,
    incarnationId: randomUuid(entropy),
    endpoints: [{ name: 'PLAINTEXT', host, port, securityProtocol: 0 }],
    rack,
    logDirs: [directoryId],
  })
}

/** A call that reports its end, as a promise. */
function closed(act: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error === null ? resolve() : reject(error))))
}
