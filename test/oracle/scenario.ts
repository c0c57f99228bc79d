/**
 * A piece of client-visible behaviour, written once: it talks to a broker over Kafka's wire and returns what it saw as
 * plain data. Whatever differs from run to run (times, ids, texts) it leaves out or reduces to a property.
 */
import { ErrorCode, errorInfo } from '@millrace/protocol'
import { RecordBatchBuilder, type BuildOptions } from '@millrace/record'
import type { RawConnection } from '../rig/raw-connection.ts'

export interface World {
  /** A connection of this scenario's own. */
  readonly connection: RawConnection
  /** Another one, for what must not wait behind the first. */
  open(): Promise<RawConnection>
  /** A name nobody else uses. */
  topicName(hint: string): string
}

export interface Scenario {
  readonly name: string
  run(world: World): Promise<unknown>
}

export function scenario(name: string, run: Scenario['run']): Scenario {
  return { name, run }
}

/** Through JSON, so that what is compared now and what is recorded have the same form. */
export function plain(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer)) as unknown
}

/** Codes as names: a report of a difference should be readable without a table. */
export function errorName(code: number): string {
  return code === ErrorCode.NONE ? 'NONE' : errorInfo(code).name
}

export interface TopicOptions {
  readonly partitions?: number
  readonly configs?: Readonly<Record<string, string>>
}

/** Creates a topic and waits until every partition's leader serves it; Kafka spreads metadata asynchronously. */
export async function createTopic(world: World, hint: string, options: TopicOptions = {}): Promise<string> {
  const name = world.topicName(hint)
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }))
  const numPartitions = options.partitions ?? 1
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }]
  const response = await world.connection.request('CreateTopics', 7, {
    topics,
    timeoutMs: 10_000,
    validateOnly: false,
  })
  const { errorCode, errorMessage } = response.topics[0]!
  if (errorCode !== ErrorCode.NONE) throw new Error(`topic ${name}: ${errorName(errorCode)} ${errorMessage}`)
  while (!(await isServed(world, name, numPartitions))) continue
  return name
}

async function isServed(world: World, name: string, partitions: number): Promise<boolean> {
  const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: -2,
  }))
  const body = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions: wanted }] }
  const response = await world.connection.request('ListOffsets', 5, body as never)
  return response.topics[0]!.partitions.every(({ errorCode }) => errorCode === ErrorCode.NONE)
}

export interface RecordInput {
  readonly key?: string | null
  readonly value: string | null
  readonly timestamp?: number
}

export const firstTimestamp = 1_700_000_000_000

export function batchOf(records: readonly RecordInput[], options: BuildOptions = {}): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 24 })
  records.forEach(({ key = null, value, timestamp = firstTimestamp }) =>
    builder.tryAppend(timestamp, key, value),
  )
  return builder.build(options)
}

export interface ProduceOptions {
  readonly partition?: number
  readonly acks?: number
  readonly version?: number
  readonly timeoutMs?: number
}

export async function produce(
  world: World,
  topic: string,
  records: Buffer | null,
  options: ProduceOptions = {},
): Promise<unknown> {
  const { partition = 0, acks = -1, version = 9, timeoutMs = 10_000 } = options
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
  const body = { transactionalId: null, acks, timeoutMs, topicData }
  const response = await world.connection.request('Produce', version, body)
  const { errorCode, baseOffset, logAppendTimeMs, logStartOffset, recordErrors } =
    response.responses[0]!.partitionResponses[0]!
  return {
    error: errorName(errorCode),
    baseOffset,
    logStartOffset,
    hasAppendTime: logAppendTimeMs >= 0,
    recordErrors: recordErrors.map(({ batchIndex }) => batchIndex),
  }
}

export interface FetchOptions {
  readonly partition?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly minBytes?: number
  readonly maxWaitMs?: number
  readonly currentLeaderEpoch?: number
  readonly isolationLevel?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly version?: number
  readonly rackId?: string
}

/** The raw answer about one partition, with the top-level error. */
export async function fetchFrom(
  world: World,
  topic: string,
  fetchOffset: number,
  options: FetchOptions = {},
) {
  const partitions = [
    {
      partition: options.partition ?? 0,
      currentLeaderEpoch: options.currentLeaderEpoch ?? -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: options.partitionMaxBytes ?? 1 << 20,
    },
  ]
  const body = {
    replicaId: -1,
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 0,
    maxBytes: options.maxBytes ?? 1 << 20,
    isolationLevel: options.isolationLevel ?? 0,
    sessionId: options.sessionId ?? 0,
    sessionEpoch: options.sessionEpoch ?? -1,
    topics: [{ topic, partitions }],
    forgottenTopicsData: [],
    rackId: options.rackId ?? '',
  }
  return world.connection.request('Fetch', options.version ?? 12, body as never)
}

/** What a consumer would notice of an answer to a fetch of one partition. */
export function seen(response: Awaited<ReturnType<typeof fetchFrom>>): unknown {
  const partition = response.responses[0]?.partitions[0]
  return {
    error: errorName(response.errorCode),
    ...(partition === undefined
      ? {}
      : {
          partitionError: errorName(partition.errorCode),
          highWatermark: partition.highWatermark,
          lastStableOffset: partition.lastStableOffset,
          logStartOffset: partition.logStartOffset,
          recordBytes: partition.records?.length ?? null,
        }),
  }
}

export async function listOffset(
  world: World,
  topic: string,
  timestamp: number,
  version = 5,
  epoch = -1,
): Promise<unknown> {
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: epoch, timestamp }]
  const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] }
  const response = await world.connection.request('ListOffsets', version, body as never)
  const found = response.topics[0]!.partitions[0]!
  return {
    error: errorName(found.errorCode),
    offset: found.offset,
    timestamp: found.timestamp,
    epoch: found.leaderEpoch,
  }
}
