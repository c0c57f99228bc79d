/** From keys as people write them to the typed configuration of the broker's parts. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { type Endpoint, nodeId } from '@millrace/base'
import type { BrokerConfig, ListenerConfig } from '@millrace/broker'
import { isLoopback, parseListener } from '../listener.ts'
import { StartupError } from '../startup-error.ts'
import { invalidConfig, type LoadedConfig } from './load-config.ts'

/**
 * @param clusterId of the data folder
 * @throws StartupError CONFIG_INVALID where values that are fine alone do not fit together
 */
export function brokerConfig(loaded: LoadedConfig, clusterId: string): BrokerConfig {
  const { values } = loaded
  return {
    nodeId: nodeId(values['node.id']),
    clusterId,
    rack: values['broker.rack'],
    dataDirectory: dataDirectory(loaded),
    listener: listenerConfig(loaded),
    shards: shardCount(values.shards),
    autoCreateTopics: values['auto.create.topics.enable'],
    autoCreateWaitMs: values['auto.create.timeout.ms'],
    limits: {
      connectionsMax: values['max.connections'],
      connectionsPerIpMax: values['max.connections.per.ip'],
      frameBytesMax: values['socket.request.max.bytes'],
      requestMemoryBytesMax: values['queued.max.request.bytes'],
      inFlightRequestsMax: values['connection.requests.max'],
      outputBytesMax: values['connection.output.max.bytes'],
      handshakeTimeoutMs: values['connection.handshake.timeout.ms'],
      frameTimeoutMs: values['request.receive.timeout.ms'],
      idleTimeoutMs: values['connections.max.idle.ms'],
    },
    fetchResponseBytesMax: values['fetch.max.bytes'],
    inlineValidationBytesMax: values['codec.inline.max.bytes'],
    bufferPoolBytesMax: values['buffer.pool.max.bytes'],
    checkpointIntervalMs: values['log.flush.offset.checkpoint.interval.ms'],
    retentionCheckIntervalMs: values['log.retention.check.interval.ms'],
    drainTimeoutMs: values['shutdown.drain.timeout.ms'],
    shardRestartBackoffMs: {
      first: values['shard.restart.backoff.ms'],
      max: values['shard.restart.backoff.max.ms'],
    },
    jobThreads: { codec: values['codec.threads'], maintenance: values['num.recovery.threads.per.data.dir'] },
    staticEntries: loaded.explicit,
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

function listenerConfig({ values, origins }: LoadedConfig): ListenerConfig {
  const bind = single('listeners', values.listeners, origins)
  const advertised = values['advertised.listeners']
  const advertise = advertised.length === 0 ? null : single('advertised.listeners', advertised, origins)
  if (!values['allow.insecure'] && !isLoopback(bind.host)) {
    throw new StartupError(
      'LISTENER_INSECURE',
      `listener ${bind.host}:${bind.port} can be reached from other machines, but nothing is encrypted and nobody has to log in`,
      'Listen on 127.0.0.1, or accept the risk in a network you trust with --allow-insecure (allow.insecure=true).',
    )
  }
  return { ...bind, advertisedHost: advertise?.host ?? null, advertisedPort: advertise?.port ?? null }
}

function single(key: string, listeners: readonly string[], origins: ReadonlyMap<string, string>): Endpoint {
  const [text, ...more] = listeners
  const parsed =
    text === undefined || more.length > 0
      ? { problem: `exactly one is supported, not ${listeners.length}` }
      : parseListener(text)
  if (!('problem' in parsed)) return parsed
  throw invalidConfig([
    `${origins.get(key) ?? 'default'}: Invalid value for configuration ${key}: ${parsed.problem}`,
  ])
}

function shardCount(configured: number): number {
  return configured >= 0 ? configured : Math.max(1, availableParallelism() - 1)
}
