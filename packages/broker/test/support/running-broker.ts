/** A broker on the real network and a real disk, in a folder of its own, with connections to it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUuid } from '@millrace/base'
import type { Endpoint, Log } from '@millrace/base'
import { nodeClientEnv, nodeEnv, silentLog } from '@millrace/base/node'
import { connect } from '@millrace/net'
import type { ClientConnection, WireName } from '@millrace/net'
import type { ResponseOf } from '@millrace/protocol'
import { LogDirectory } from '@millrace/storage'
import { createBroker } from '../../src/broker.ts'
import type { Broker } from '../../src/broker.ts'
import type { BrokerConfig } from '../../src/config.ts'
import type { ShardLauncher } from '../../src/supervisor/shard-launcher.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { testConfig } from './config.ts'
import type { MetadataPublisher } from '../../src/metadata-publisher.ts'
import { FakeQuorum } from './fake-quorum.ts'
import { LocalMetadata, NODE } from './local-metadata.ts'

const TIMEOUT_MS = 10_000

/** A broker that waits to be started, and its surroundings; the quorum has no leader at first. */
export interface BrokerParts {
  readonly broker: Broker
  readonly quorum: FakeQuorum
  readonly metadata: LocalMetadata
  readonly directory: LogDirectory
  readonly path: string
}

interface PartsOptions {
  readonly metadata?: LocalMetadata
  readonly path?: string
  readonly publisher?: MetadataPublisher
  readonly log?: Log
  /** In place of the one that the number of shards asks for. */
  readonly launcher?: ShardLauncher
}

export async function brokerParts(
  changes: Partial<BrokerConfig> = {},
  {
    metadata = new LocalMetadata(),
    path = mkdtempSync(join(tmpdir(), 'millrace-broker-')),
    publisher = metadata,
    log = silentLog,
    launcher,
  }: PartsOptions = {},
): Promise<BrokerParts> {
  const env = nodeEnv({ log })
  const quorum = new FakeQuorum()
  const directory = await new Promise<LogDirectory>((resolve, reject) =>
    LogDirectory.open(
      { disk: env.disk, clock: env.clock, path, log, onFailed: env.host.halt },
      (error, opened) => (opened === null ? reject(error!) : resolve(opened)),
    ),
  )
  const config = testConfig(path, changes)
  const connections = {
    metadata: publisher,
    quorum,
    localController: metadata,
    directory,
    identity: { directoryId: randomUuid(env.entropy), previousBrokerEpoch: -1 },
  }
  const broker =
    launcher === undefined
      ? createBroker(env, config, connections)
      : new Supervisor({ env, config, launcher, ...connections })
  return { broker, quorum, metadata, directory, path }
}

export class RunningBroker {
  readonly metadata: LocalMetadata
  readonly path: string
  readonly endpoint: Endpoint
  /** Whether the process before this one stopped cleanly. */
  readonly cleanShutdown: boolean
  readonly #broker: Broker
  readonly #clients: ClientConnection[] = []

  private constructor(metadata: LocalMetadata, directory: LogDirectory, broker: Broker, endpoint: Endpoint) {
    this.metadata = metadata
    this.path = directory.path
    this.cleanShutdown = directory.cleanShutdown
    this.endpoint = endpoint
    this.#broker = broker
  }

  /** In a new folder, or again in one that has been used. */
  static async start(
    changes: Partial<BrokerConfig> = {},
    { metadata, path }: Pick<PartsOptions, 'metadata' | 'path'> = {},
    log: Log = silentLog,
  ): Promise<RunningBroker> {
    const parts = await brokerParts(changes, {
      ...(metadata !== undefined && { metadata }),
      ...(path !== undefined && { path }),
      log,
    })
    parts.quorum.elect(NODE)
    const endpoint = await parts.broker.start()
    return new RunningBroker(parts.metadata, parts.directory, parts.broker, endpoint)
  }

  async connect(wire: WireName = 'native', endpoint = this.endpoint): Promise<ClientConnection> {
    const client = await connect({
      env: nodeClientEnv(),
      endpoint,
      clientId: 'test',
      wire,
      connectTimeoutMs: TIMEOUT_MS,
    })
    this.#clients.push(client)
    return client
  }

  /** Stops the broker and leaves its folder for another one. */
  async stop(): Promise<void> {
    await this.#broker.stop()
    for (const client of this.#clients) client.close()
  }

  async discard(): Promise<void> {
    await this.stop()
    rmSync(this.path, { recursive: true })
  }
}

export type Produced = ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number]
export type Fetched = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

/** Produces one batch. */
export async function produceTo(
  client: ClientConnection,
  name: string,
  index: number,
  records: Buffer,
  acks = -1,
): Promise<Produced> {
  const topicData = [{ name, partitionData: [{ index, records }] }]
  const request = { acks, timeoutMs: TIMEOUT_MS, transactionalId: null, topicData }
  const { responses } = await client.request('Produce', request, { timeoutMs: TIMEOUT_MS, version: 9 })
  return responses[0]!.partitionResponses[0]!
}

/** Fetches what there is, from the given offsets of the partitions on. */
export async function fetchFrom(
  client: ClientConnection,
  topic: string,
  offsets: readonly number[],
  { maxWaitMs = 0, minBytes = 1 } = {},
): Promise<Fetched[]> {
  const partitions = offsets.map((fetchOffset, partition) => ({
    partition,
    fetchOffset: fetchOffset as Fetched['highWatermark'],
    partitionMaxBytes: 1 << 20,
  }))
  const request = { maxWaitMs, minBytes, maxBytes: 1 << 22, topics: [{ topic, partitions }] }
  const { responses } = await client.request('Fetch', request, { timeoutMs: TIMEOUT_MS, version: 12 })
  return responses[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
}
