/**
 * One pass over the partitions of a fetch request: what can be read now, within the request's limits.
 *
 * Owns: the pooled memory of the records read, until `release`. Must not know: waiting, connections.
 */
import { NO_OFFSET, ZERO_UUID } from '@millrace/base'
import type { BufferPool } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { Partition } from '../partition/partition.ts'
import { ledPartition } from '../topics/topic-table.ts'
import type { BrokerAddress, ClusterView } from '../shard/cluster-view.ts'
import type { TopicEntry, TopicTable } from '../topics/topic-table.ts'
import { LeaderHints } from './leader-hints.ts'

type FetchRequest = RequestOf<'Fetch'>
type PartitionRequest = FetchRequest['topics'][number]['partitions'][number]
type TopicResponse = ResponseInputOf<'Fetch'>['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

export interface FetchReadSurroundings {
  readonly topics: TopicTable
  readonly cluster: ClusterView
  readonly pool: BufferPool
  /** Upper bound of the records in one response, whatever the client asks for. */
  readonly fetchResponseBytesMax: number
}

const NO_RECORDS = Buffer.alloc(0)
const READ_COMMITTED = 1
/** Clients that speak an earlier one could do nothing with a leader's id, for its address is not beside it (KIP-951). */
const LEADERS_SINCE_VERSION = 16

export class FetchRead {
  /** In the order of the request. */
  readonly responses: readonly TopicResponse[]
  /** Partitions that may bring more. */
  readonly partitions: Partition[] = []
  /** Bytes of records read. */
  bytes = 0
  /** A partition has something to say that no more records will change. */
  mustAnswer: boolean

  readonly #surroundings: FetchReadSurroundings
  readonly #listener: string
  readonly #committedOnly: boolean
  readonly #isReplica: boolean
  readonly #namesLeaders: boolean
  readonly #reads: { release(): void }[] = []
  #hints: LeaderHints | null = null
  #bytesLeft: number

  /** @param listener by which the client came in */
  constructor(
    request: FetchRequest,
    apiVersion: number,
    rotation: number,
    surroundings: FetchReadSurroundings,
    listener: string,
  ) {
    this.#surroundings = surroundings
    this.#listener = listener
    this.#committedOnly = request.isolationLevel === READ_COMMITTED
    this.#isReplica = request.replicaId >= 0 || request.replicaState.replicaId >= 0
    this.#namesLeaders = apiVersion >= LEADERS_SINCE_VERSION
    this.#bytesLeft = Math.min(request.maxBytes, surroundings.fetchResponseBytesMax)
    this.mustAnswer = request.topics.length === 0
    this.responses = this.#readTopics(request.topics, rotation)
  }

  /** Addresses of leaders that partitions of the responses name. */
  get nodeEndpoints(): BrokerAddress[] {
    return this.#hints?.endpoints ?? []
  }

  /** Gives the memory of the records back. */
  release(): void {
    for (const read of this.#reads) read.release()
    this.#reads.length = 0
  }

  /** Reads in rotated order, answers in the request's. */
  #readTopics(topics: FetchRequest['topics'], rotation: number): TopicResponse[] {
    const first = rotation % Math.max(1, topics.length)
    const responses: TopicResponse[] = topics.map(({ topic, topicId }) => ({
      topic,
      topicId,
      partitions: [],
    }))
    for (let step = 0; step < topics.length; step++) {
      const position = (first + step) % topics.length
      const { topic, topicId, partitions } = topics[position]!
      const entry = this.#surroundings.topics.find(topic, topicId)
      const unknown =
        topicId === ZERO_UUID ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.UNKNOWN_TOPIC_ID
      const read = this.#readPartitions(entry, unknown, partitions, rotation)
      responses[position] = { topic, topicId, partitions: read }
    }
    return responses
  }

  #readPartitions(
    topic: TopicEntry | undefined,
    unknownTopicError: number,
    requested: readonly PartitionRequest[],
    rotation: number,
  ): PartitionResponse[] {
    const first = rotation % Math.max(1, requested.length)
    const responses = requested.map(unanswered)
    for (let step = 0; step < requested.length; step++) {
      const position = (first + step) % requested.length
      const request = requested[position]!
      const partition = topic === undefined ? unknownTopicError : this.#partitionFor(topic, request)
      const response =
        typeof partition === 'number'
          ? this.#failed(request, partition)
          : this.#readPartition(partition, request)
      responses[position] =
        response.errorCode === ErrorCode.NONE || topic === undefined || !this.#namesLeaders
          ? response
          : this.#hinted(topic, response)
    }
    return responses
  }

  #hinted({ name, id }: TopicEntry, response: PartitionResponse): PartitionResponse {
    this.#hints ??= new LeaderHints(this.#surroundings.cluster, this.#listener)
    return { ...response, ...this.#hints.of(response.errorCode, name, id, response.partitionIndex) }
  }

  #partitionFor(topic: TopicEntry, { partition, currentLeaderEpoch }: PartitionRequest): Partition | number {
    // Brokers come by the native wire, and do not get here.
    if (this.#isReplica) return ErrorCode.NOT_LEADER_OR_FOLLOWER
    return ledPartition(topic, partition, currentLeaderEpoch)
  }

  #readPartition(partition: Partition, request: PartitionRequest): PartitionResponse {
    const { fetchOffset, lastFetchedEpoch } = request
    const { log } = partition
    if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
      return this.#failed(request, ErrorCode.OFFSET_OUT_OF_RANGE)
    }
    if (lastFetchedEpoch >= 0) {
      const { leaderEpoch: epoch, endOffset } = log.endOffsetForEpoch(lastFetchedEpoch)
      // A later epoch than this leader ever heard of.
      if (endOffset === NO_OFFSET) return this.#failed(request, ErrorCode.OFFSET_OUT_OF_RANGE)
      if (epoch !== lastFetchedEpoch || endOffset < fetchOffset) {
        this.mustAnswer = true
        // Where the reader's log and this one part (KIP-595).
        return { ...this.#answered(partition, request, NO_RECORDS), divergingEpoch: { epoch, endOffset } }
      }
    }
    return this.#readLog(partition, request)
  }

  #readLog(partition: Partition, request: PartitionRequest): PartitionResponse {
    const endOffset = this.#committedOnly ? partition.lastStableOffset : partition.highWatermark
    const atLeastOneBatch = this.bytes === 0
    const maxBytes = Math.max(0, Math.min(this.#bytesLeft, request.partitionMaxBytes))
    this.partitions.push(partition)
    if (request.fetchOffset >= endOffset || (maxBytes === 0 && !atLeastOneBatch)) {
      return this.#answered(partition, request, NO_RECORDS)
    }
    const read = partition.read(
      request.fetchOffset,
      maxBytes,
      endOffset,
      atLeastOneBatch,
      this.#surroundings.pool,
    )
    if (read.kind === 'failed') return this.#failed(request, read.errorCode)
    const { records } = read
    if (records.length > 0) this.#reads.push(read)
    else read.release()
    this.bytes += records.length
    this.#bytesLeft -= records.length
    return this.#answered(partition, request, records)
  }

  #answered(partition: Partition, request: PartitionRequest, records: Buffer): PartitionResponse {
    return {
      partitionIndex: request.partition,
      errorCode: ErrorCode.NONE,
      highWatermark: partition.highWatermark,
      lastStableOffset: partition.lastStableOffset,
      logStartOffset: partition.log.logStartOffset,
      abortedTransactions: this.#committedOnly ? [] : null,
      records,
    }
  }

  #failed(request: PartitionRequest, errorCode: number): PartitionResponse {
    this.mustAnswer = true
    return { partitionIndex: request.partition, errorCode, highWatermark: NO_OFFSET, records: NO_RECORDS }
  }
}

/** Takes a partition's place in the response until its turn has come. */
function unanswered({ partition }: PartitionRequest): PartitionResponse {
  return {
    partitionIndex: partition,
    errorCode: ErrorCode.NONE,
    highWatermark: NO_OFFSET,
    records: NO_RECORDS,
  }
}
