/** From keys as people write them to the typed configuration of the broker's parts. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { nodeId } from '@millrace/base'
import type { BrokerConfig } from '@millrace/broker'
import type { ServerLimits } from '@millrace/net'
import { invalidConfig, type LoadedConfig } from './load-config.ts'
import type { BrokerListeners } from './node-listeners.ts'
import { configTable } from './server-config.ts'

/**
 * @param clusterId of the data folder
 * @throws StartupError CONFIG_INVALID where values that are fine alone do not fit together
 */
export function brokerConfig(
  loaded: LoadedConfig,
  clusterId: string,
  { listener, clientListeners }: BrokerListeners,
): BrokerConfig {
  const { values } = loaded
  return {
    nodeId: nodeId(values['node.id']),
    clusterId,
    rack: values['broker.rack'],
    dataDirectory: dataDirectory(loaded),
    listener,
    clientListeners,
    shards: shardCount(values.shards),
    autoCreateTopics: values['auto.create.topics.enable'],
    autoCreateWaitMs: values['auto.create.timeout.ms'],
    limits: serverLimits(loaded),
    fetchResponseBytesMax: values['fetch.max.bytes'],
    inlineValidationBytesMax: values['codec.inline.max.bytes'],
    bufferPoolBytesMax: values['buffer.pool.max.bytes'],
    replicaLagTimeMaxMs: values['replica.lag.time.max.ms'],
    producerIdExpirationMs: values['producer.id.expiration.ms'],
    // One pass writes them all.
    checkpointIntervalMs: Math.min(
      values['log.flush.offset.checkpoint.interval.ms'],
      values['replica.high.watermark.checkpoint.interval.ms'],
    ),
    retentionCheckIntervalMs: values['log.retention.check.interval.ms'],
    drainTimeoutMs: values['shutdown.drain.timeout.ms'],
    shardRestartBackoffMs: {
      first: values['shard.restart.backoff.ms'],
      max: values['shard.restart.backoff.max.ms'],
    },
    jobThreads: { codec: values['codec.threads'], maintenance: values['num.recovery.threads.per.data.dir'] },
    staticEntries: loaded.explicit,
    brokerKeys: configTable,
    heartbeatIntervalMs: values['broker.heartbeat.interval.ms'],
    sessionTimeoutMs: values['broker.session.timeout.ms'],
    controlledShutdownTimeoutMs: values['controlled.shutdown.timeout.ms'],
    controllerRequestTimeoutMs: values['request.timeout.ms'],
    controllerWaitMs: values['controller.wait.timeout.ms'],
    controllerRetryBackoffMs: {
      first: values['controller.retry.backoff.ms'],
      max: values['controller.retry.backoff.max.ms'],
    },
  }
}

/** What one listener allows its peers. */
export function serverLimits({ values }: LoadedConfig): Partial<ServerLimits> {
  return {
    connectionsMax: values['max.connections'],
    connectionsPerIpMax: values['max.connections.per.ip'],
    frameBytesMax: values['socket.request.max.bytes'],
    requestMemoryBytesMax: values['queued.max.request.bytes'],
    inFlightRequestsMax: values['connection.requests.max'],
    outputBytesMax: values['connection.output.max.bytes'],
    handshakeTimeoutMs: values['connection.handshake.timeout.ms'],
    frameTimeoutMs: values['request.receive.timeout.ms'],
    idleTimeoutMs: values['connections.max.idle.ms'],
  }
}

/** Absolute path. @throws StartupError CONFIG_INVALID unless exactly one folder is named */
export function dataDirectory({ values, origins }: LoadedConfig): string {
  const [folder, ...more] = values['log.dirs']
  if (folder === undefined || folder === '' || more.length > 0) {
    throw invalidConfig([`${origins.get('log.dirs') ?? 'default'}: log.dirs must name exactly one folder`])
  }
  return resolve(folder)
}

function shardCount(configured: number): number {
  return configured >= 0 ? configured : Math.max(1, availableParallelism() - 1)
}
