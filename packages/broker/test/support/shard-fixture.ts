/**
 * One shard on the test's thread, without sockets: requests and responses pass through Kafka's codec, so that tests see
 * what clients see.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, offset } from '@millrace/base'
import type { Env, Log } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import { describeConfigs, imageRecords } from '@millrace/metadata'
import {
  apis,
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
  LateAnswer,
  NO_RESPONSE,
} from '@millrace/protocol'
import type { ApiName, RequestInputOf, ResponseInputOf, ResponseOf } from '@millrace/protocol'
import type { Connection, RequestContext } from '@millrace/net'
import { RecordBatchBuilder } from '@millrace/record'
import type { BuildOptions } from '@millrace/record'
import type { BrokerConfig } from '../../src/config.ts'
import { newQuotaMemory } from '../../src/replica/replication-quotas.ts'
import type { Placement, StartingPoint, SupervisorCalls } from '../../src/shard/shard-control.ts'
import { Shard } from '../../src/shard/shard.ts'
import { testConfig } from './config.ts'
import { FaultyDisk } from './faulty-disk.ts'
import { LocalMetadata, NODE } from './local-metadata.ts'
import { ManualTime } from './manual-time.ts'

export interface FixtureOptions {
  /** Partitions by topic. */
  readonly topics?: Readonly<Record<string, number>>
  readonly config?: Partial<BrokerConfig>
  readonly flushPolicy?: 'commit' | 'interval' | 'os'
  readonly log?: Log
  /** Index of this shard, and what to share with other fixtures of the same broker. */
  readonly shard?: number
  readonly broker?: SharedBroker
  readonly jobs?: Env['jobs']
}

/** What the shards of one broker have in common. */
export class SharedBroker {
  readonly directory = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
  readonly metadata = new LocalMetadata()
  readonly time = new ManualTime()
  readonly faulty = new FaultyDisk()
  startingPoints: readonly StartingPoint[] = []
  /** Shard of a partition. */
  shardOf: (partition: number) => number = () => 0

  constructor() {
    this.metadata.register(NODE)
  }

  placements(): Placement[] {
    return [...this.metadata.image.topics.values()].flatMap(({ id, partitions }) =>
      partitions.map((_, partition) => ({ topicId: id, partition, shard: this.shardOf(partition) })),
    )
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A client's connection: tests see whether it was closed, and can close it. */
export class TestConnection implements Connection {
  readonly id = 1
  readonly listener: string
  readonly local = { host: '127.0.0.1', port: 9092 }
  readonly remote = { host: '127.0.0.1', port: 40_000 }
  readonly wire = 'kafka'
  authenticated = true
  closedBecause: string | null = null
  readonly onClosed: (() => void)[] = []

  constructor(listener = 'PLAINTEXT') {
    this.listener = listener
  }

  close(reason: string): void {
    this.closedBecause ??= reason
    for (const callback of this.onClosed.splice(0)) callback()
  }
}

export interface SendOptions {
  readonly version?: number
  readonly connection?: TestConnection
  /** Leaves what was staged unwritten, as when more requests of the same read follow. */
  readonly moreToCome?: boolean
}

export class ShardFixture implements AsyncDisposable {
  readonly broker: SharedBroker
  readonly shard: Shard
  readonly removedFolders: string[] = []
  readonly #ownsBroker: boolean
  readonly #config: BrokerConfig
  readonly #unsubscribe: () => void
  #stopped: Promise<void> | null = null

  private constructor(options: FixtureOptions) {
    this.broker = options.broker ?? new SharedBroker()
    this.#ownsBroker = options.broker === undefined
    const { metadata, time, faulty, directory } = this.broker
    for (const [name, partitions] of Object.entries(options.topics ?? {}))
      metadata.createTopic(name, partitions)
    const staticEntries = new Map([['log.flush.policy', options.flushPolicy ?? 'os']])
    const config = testConfig(directory, { staticEntries, ...options.config })
    this.#config = config
    const real = nodeEnv({ log: options.log ?? silentLog })
    const env: Env = {
      ...real,
      clock: time,
      timers: time,
      disk: faulty.disk,
      jobs: options.jobs ?? real.jobs,
    }
    const { position, controllerId } = metadata.image
    const records = [...imageRecords(metadata.image)]
    const placements = this.broker.placements()
    const start = {
      config,
      shard: options.shard ?? 0,
      metadata: { records, position, controllerId, placements },
      startingPoints: this.broker.startingPoints,
      isRestart: false,
      quotaMemory: newQuotaMemory(),
    }
    this.shard = new Shard(env, start, this.#supervisor())
    this.#unsubscribe = metadata.subscribe(({ records: committed, image }) => {
      const update = { records: committed, position: image.position, controllerId: image.controllerId }
      void this.shard.publish({ ...update, placements: this.broker.placements() })
    })
  }

  static async open(options: FixtureOptions = {}): Promise<ShardFixture> {
    const fixture = new ShardFixture(options)
    await fixture.shard.open()
    return fixture
  }

  /** Closes the shard; its broker's folder stays. */
  stop(): Promise<void> {
    this.#stopped ??= this.#drainAndClose()
    return this.#stopped
  }

  async #drainAndClose(): Promise<void> {
    this.#unsubscribe()
    await this.shard.drain()
    await this.shard.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.#ownsBroker) this.broker.remove()
  }

  /** Sends a request as a client does. @returns its response, or null when there is none (acks=0) */
  async send<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    {
      version = apis[api].served.max,
      connection = new TestConnection(),
      moreToCome = false,
    }: SendOptions = {},
  ): Promise<ResponseOf<N>> {
    const response = await this.trySend(api, body, { version, connection, moreToCome })
    assert(response !== null, `${api} was not answered`)
    return response
  }

  async trySend<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    {
      version = apis[api].served.max,
      connection = new TestConnection(),
      moreToCome = false,
    }: SendOptions = {},
  ): Promise<ResponseOf<N> | null> {
    const frame = Buffer.concat(
      encodeKafkaRequest(api, version, { correlationId: 1, clientId: 'test' }, body),
    )
    const request = decodeKafkaRequest(frame.subarray(4))
    assert(request.kind === 'request', `the test's ${api} request is ${JSON.stringify(request)}`)
    const releases: (() => void)[] = []
    const context: RequestContext = {
      connection,
      apiVersion: version,
      clientId: 'test',
      receivedAtMs: this.broker.time.monoMs(),
      afterWritten: (callback) => void releases.push(callback),
      onClosed: (callback) => void connection.onClosed.push(callback),
    }
    const answered = this.shard.dispatch(request, context)
    if (!moreToCome) {
      this.shard.writeStaged()
      // The connection's memory is used again.
      frame.fill(0xee)
    }
    const answer = answered instanceof LateAnswer ? await given(answered) : await answered
    if (answer === NO_RESPONSE) return null
    const chunks = encodeKafkaResponse(api, version, 1, answer as ResponseInputOf<N>)
    const bytes = Buffer.concat(chunks)
    for (const release of releases) release()
    const decoded = decodeKafkaResponse(api, version, bytes.subarray(4))
    assert(decoded.kind === 'response', `the response to ${api} can't be decoded`)
    return decoded.body
  }

  /** Produces one batch. @returns the partition's part of the response */
  async produce(
    topic: string,
    partition: number,
    records: Buffer,
    options: SendOptions & { readonly acks?: number; readonly timeoutMs?: number } = {},
  ): Promise<ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number]> {
    const response = await this.send('Produce', produceRequest(topic, partition, records, options), options)
    return response.responses[0]!.partitionResponses[0]!
  }

  /** Fetches from one partition. */
  async fetch(
    topic: string,
    partition: number,
    fetchOffset: number,
    { maxWaitMs = 0, minBytes = 1, partitionMaxBytes = 1 << 20, version = 12, connection }: FetchChoices = {},
  ): Promise<ResponseOf<'Fetch'>['responses'][number]['partitions'][number]> {
    const partitions = [{ partition, fetchOffset: offset(fetchOffset), partitionMaxBytes }]
    const body = { maxWaitMs, minBytes, topics: [{ topic, partitions }] }
    const response = await this.send('Fetch', body, {
      version,
      ...(connection !== undefined && { connection }),
    })
    return response.responses[0]!.partitions[0]!
  }

  #supervisor(): SupervisorCalls {
    const { metadata } = this.broker
    const { brokerKeys, staticEntries } = this.#config
    return {
      controllerRequest: ({ api, request }) => metadata.request(api, request),
      describeConfigs: async (request) =>
        describeConfigs(request, metadata.image, { id: NODE, keys: brokerKeys, staticEntries }),
      alterPartition: () => Promise.reject(new Error('no partition of this fixture has followers')),
      allocateProducerIds: () => Promise.reject(new Error('no producer of this fixture is idempotent')),
      lostFollowers: async () => {},
      leaderLost: async () => {},
      saveCheckpoint: async () => {},
      logFailed: async () => {},
      forgetPartition: async () => {},
      folderRemoved: async ({ path }) => void this.removedFolders.push(path),
    }
  }
}

interface FetchChoices {
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly partitionMaxBytes?: number
  readonly version?: number
  readonly connection?: TestConnection
}

export function produceRequest(
  topic: string,
  index: number,
  records: Buffer | null,
  { acks = 1, timeoutMs = 5_000 }: { readonly acks?: number; readonly timeoutMs?: number } = {},
): RequestInputOf<'Produce'> {
  return { acks, timeoutMs, topicData: [{ name: topic, partitionData: [{ index, records }] }] }
}

/** One batch with these values, and keys that count up. */
export function batchOf(
  values: readonly string[],
  options: BuildOptions & { readonly timestamp?: number } = {},
): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 4 << 20 })
  for (const [index, value] of values.entries()) {
    assert(builder.tryAppend(options.timestamp ?? Date.now(), `key-${index}`, value), 'the batch is full')
  }
  return Buffer.from(builder.build(options))
}

export { ErrorCode } from '@millrace/protocol'

function given<T>(answer: LateAnswer<T>): Promise<T> {
  return new Promise((resolve) => answer.whenGiven(resolve))
}
