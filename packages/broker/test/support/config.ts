import { ConfigTable, topicDefaultKeys } from '@millrace/metadata'
import type { BrokerConfig } from '../../src/config.ts'
import { NODE } from './local-metadata.ts'

/** One shard on the test's thread, no pools, a port that the system chooses. */
export function testConfig(dataDirectory: string, changes: Partial<BrokerConfig> = {}): BrokerConfig {
  return {
    nodeId: NODE,
    clusterId: 'test-cluster',
    rack: null,
    dataDirectory,
    listener: {
      name: 'PLAINTEXT',
      host: '127.0.0.1',
      port: 0,
      advertisedHost: null,
      advertisedPort: null,
      reachableHost: '127.0.0.1',
    },
    clientListeners: [],
    shards: 0,
    autoCreateTopics: true,
    autoCreateWaitMs: 1000,
    limits: {},
    fetchResponseBytesMax: 55 * 1024 * 1024,
    inlineValidationBytesMax: 32 * 1024,
    bufferPoolBytesMax: 16 * 1024 * 1024,
    replicaLagTimeMaxMs: 10_000,
    producerIdExpirationMs: 86_400_000,
    checkpointIntervalMs: 60_000,
    retentionCheckIntervalMs: 300_000,
    drainTimeoutMs: 1000,
    shardRestartBackoffMs: { first: 20, max: 1000 },
    jobThreads: { codec: 0, maintenance: 0 },
    staticEntries: new Map(),
    brokerKeys: new ConfigTable(topicDefaultKeys),
    heartbeatIntervalMs: 400,
    sessionTimeoutMs: 2000,
    controlledShutdownTimeoutMs: 5000,
    controllerRequestTimeoutMs: 15_000,
    controllerWaitMs: 5000,
    controllerRetryBackoffMs: { first: 20, max: 1000 },
    ...changes,
  }
}
