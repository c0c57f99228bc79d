/**
 * Keeps the prefetch queue filled: looks up where partitions start, fetches from each leader what there is room for,
 * and retries what fails.
 *
 * Owns: requests in flight, the memory reserved for their answers, one timer. Must not know: messages, serdes.
 * Invariant: queue and reserved memory together exceed `prefetchBytes` by at most one batch per request in flight.
 */
import type { ClientEnv, Endpoint, TimerId } from '@millrace/base'
import { ZERO_UUID } from '@millrace/base'
import {
  backoffMs,
  BrokerError,
  formatEndpoint,
  isRetriable,
  MillraceError,
  needsRefresh,
  PartialFailureError,
  partitionName,
} from '@millrace/client'
import type { Cluster } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import type { OffsetReset, Position, ResolvedConsumerOptions } from '../consumer-options.ts'
import { CorruptBatchError, OffsetOutOfRangeError } from '../errors.ts'
import { FetchAnswers, fetchRequest, wholeBatches } from './fetch-request.ts'
import type { FetchedPartition, FetchTarget } from './fetch-request.ts'
import type { PartitionCursor } from './partition-cursor.ts'
import type { PrefetchQueue } from './prefetch-queue.ts'
import { findPositions } from './start-positions.ts'

export interface FetcherOptions {
  readonly cluster: Cluster
  readonly options: ResolvedConsumerOptions
  readonly queue: PrefetchQueue
  /** Connections of its own, so that a parked fetch keeps nobody else waiting. */
  readonly lane: string
  /** All partitions of the reader, as of now. */
  readonly cursors: () => Iterable<PartitionCursor>
  /** Called when the queue got something, or a partition turned out to be finished. */
  readonly onArrival: () => void
}

interface LeaderGroup {
  readonly endpoint: Endpoint
  readonly targets: FetchTarget[]
}

/** Where answers may overtake each other, a parked fetch need not keep newly eligible partitions waiting. */
const IN_FLIGHT_PER_LEADER = { native: 4, kafka: 1 } as const

const RESET_POSITION: Readonly<Record<Exclude<OffsetReset, 'error'>, Position>> = {
  earliest: 'beginning',
  latest: 'end',
}

export class Fetcher {
  readonly #env: ClientEnv
  readonly #cluster: Cluster
  readonly #options: ResolvedConsumerOptions
  readonly #queue: PrefetchQueue
  readonly #lane: string
  readonly #cursors: () => Iterable<PartitionCursor>
  readonly #onArrival: () => void
  readonly #stopping = new AbortController()
  readonly #inFlight = new Map<string, number>()
  #reservedBytes = 0
  #requests = 0
  #isWanted = false
  #timer: TimerId | null = null

  constructor({ cluster, options, queue, lane, cursors, onArrival }: FetcherOptions) {
    this.#env = cluster.env
    this.#cluster = cluster
    this.#options = options
    this.#queue = queue
    this.#lane = lane
    this.#cursors = cursors
    this.#onArrival = onArrival
  }

  /** Somebody iterates: fetches as far ahead as memory allows. */
  resume(): void {
    if (this.#isWanted || this.#stopping.signal.aborted) return
    this.#isWanted = true
    this.pump()
  }

  /** Nobody iterates: no new request is sent. */
  rest(): void {
    this.#isWanted = false
  }

  stop(): void {
    this.#isWanted = false
    this.#stopping.abort()
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#cluster.closeLane(this.#lane)
  }

  /** Sends whatever can be sent now. */
  pump(): void {
    if (!this.#isWanted) return
    const nowMs = this.#env.clock.monoMs()
    this.#cluster.refreshIfStale()
    this.#lookUpStarts(nowMs)
    for (const group of this.#groups(nowMs)) this.#maybeFetch(group)
    this.#armTimer(nowMs)
  }

  /* ------------------------------------------------ where to start */

  #lookUpStarts(nowMs: number): void {
    const open = [...this.#cursors()].filter((cursor) => cursor.needsStart(nowMs))
    if (open.length > 0) void this.#resolve(open)
  }

  async #resolve(cursors: readonly PartitionCursor[]): Promise<void> {
    const targets = cursors.map((cursor) => ({ cursor, generation: cursor.generation }))
    for (const cursor of cursors) cursor.isFetching = true
    try {
      const scope = this.#cluster.scope({ signal: this.#stopping.signal })
      const queries = cursors.flatMap(({ topic, partition, start }) =>
        start === null ? [] : [{ topic, partition, at: start }],
      )
      const untils = cursors.flatMap(({ topic, partition, until }) =>
        until === null ? [] : [{ topic, partition, at: until }],
      )
      const starts = await findPositions(this.#cluster, queries, scope)
      const ends = await findPositions(this.#cluster, untils, scope)
      for (const { cursor, generation } of targets) {
        const offset = cursor.start === null ? undefined : starts.shift()
        const end = cursor.until === null ? undefined : ends.shift()
        if (end !== undefined) this.#onEnd(cursor, end)
        if (offset !== undefined && cursor.generation === generation) cursor.onStart(offset)
        cursor.topicId ??= this.#cluster.metadata.topic(cursor.topic)?.topicId ?? null
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        for (const { cursor } of targets) this.#report(cursor, failureOf(cursor, error as Error))
      }
    } finally {
      for (const cursor of cursors) cursor.isFetching = false
    }
    this.#onArrival()
    this.pump()
  }

  /** A leader tells its end only once it is sure of it (KIP-207), so that a lower one than before is no passing state. */
  #onEnd(cursor: PartitionCursor, endOffset: number): void {
    const { topic, partition, endOffset: known } = cursor
    if (!cursor.onUntil(endOffset)) return
    const message = 'the log ends before the end that was to be read up to: its records were lost'
    this.#env.log.warn({ topic, partition, endOffset, formerEndOffset: known }, message)
  }

  /* ------------------------------------------------ fetching */

  #groups(nowMs: number): LeaderGroup[] {
    const groups = new Map<string, LeaderGroup>()
    for (const cursor of this.#cursors()) {
      if (!cursor.canFetch(nowMs) || this.#isAnotherTopic(cursor)) continue
      const endpoint = this.#cluster.route(cursor.topic, cursor.partition)
      if (endpoint === undefined) {
        this.#onFailed(cursor, new BrokerError(ErrorCode.LEADER_NOT_AVAILABLE, fetchFrom(cursor)))
        continue
      }
      const key = formatEndpoint(endpoint)
      let group = groups.get(key)
      if (group === undefined) groups.set(key, (group = { endpoint, targets: [] }))
      group.targets.push({ cursor, generation: cursor.generation })
    }
    return [...groups.values()]
  }

  #maybeFetch({ endpoint, targets }: LeaderGroup): void {
    const key = formatEndpoint(endpoint)
    const inFlight = this.#inFlight.get(key) ?? 0
    if (inFlight >= IN_FLIGHT_PER_LEADER[this.#cluster.wire ?? 'kafka']) return
    const maxBytes = this.#roomForAnswer()
    if (maxBytes === 0) return
    // A broker fills an answer from the front: another partition begins each time, so that none starves.
    const start = this.#requests++ % targets.length
    const rotated = [...targets.slice(start), ...targets.slice(0, start)]
    for (const { cursor } of rotated) cursor.isFetching = true
    this.#inFlight.set(key, inFlight + 1)
    this.#reservedBytes += maxBytes
    void this.#fetch(endpoint, rotated, maxBytes).finally(() => {
      for (const { cursor } of rotated) cursor.isFetching = false
      this.#inFlight.set(key, this.#inFlight.get(key)! - 1)
      this.#reservedBytes -= maxBytes
      this.pump()
    })
  }

  /** Bytes that the next answer may have; 0: wait until more has been delivered, as small answers cost as much. */
  #roomForAnswer(): number {
    const { maxBytes, partitionMaxBytes, prefetchBytes } = this.#options
    const used = this.#queue.bytes + this.#reservedBytes
    const worthwhile = Math.min(maxBytes, partitionMaxBytes, prefetchBytes)
    const room = prefetchBytes - used
    if (room < worthwhile && used > 0) return 0
    return Math.min(maxBytes, Math.max(room, worthwhile))
  }

  /** Never rejects: whatever happens is told to the cursors. */
  async #fetch(endpoint: Endpoint, targets: readonly FetchTarget[], maxBytes: number): Promise<void> {
    const { metadata, options } = this.#cluster
    const { signal } = this.#stopping
    try {
      const response = await this.#cluster.request(
        endpoint,
        'Fetch',
        fetchRequest(targets, metadata, this.#options, maxBytes),
        { lane: this.#lane, timeoutMs: options.requestTimeoutMs + this.#options.maxWaitMs, signal },
      )
      this.#onAnswer(targets, response)
    } catch (error) {
      if (signal.aborted) return
      if (needsRefresh(error)) void this.#cluster.refreshSoon()
      for (const { cursor, generation } of targets) {
        if (cursor.generation === generation) this.#onFailed(cursor, error as Error)
      }
    }
  }

  #onAnswer(targets: readonly FetchTarget[], response: ResponseOf<'Fetch'>): void {
    const { metadata } = this.#cluster
    metadata.addBrokers(response.nodeEndpoints)
    const answers = new FetchAnswers(response, (topicId) => metadata.topicName(topicId))
    for (const { cursor, generation } of targets) {
      // After a seek or a pause, the answer is to a question that nobody asks any more.
      if (cursor.generation !== generation) continue
      const answer = answers.of(cursor)
      if (response.errorCode !== ErrorCode.NONE) this.#onError(cursor, response.errorCode)
      else if (answer === undefined) this.#onError(cursor, ErrorCode.UNKNOWN_SERVER_ERROR)
      else if (answer.errorCode === ErrorCode.NONE)
        this.#onRecords(cursor, answer, answer === answers.firstWithRecords)
      else this.#onPartitionError(cursor, answer)
    }
    this.#onArrival()
  }

  /** @param isFirst no partition before this one has records in the answer */
  #onRecords(cursor: PartitionCursor, answer: FetchedPartition, isFirst: boolean): void {
    const { highWatermark, divergingEpoch, records } = answer
    cursor.onSuccess()
    cursor.highWatermark = highWatermark
    // The leader's log has another history than what was read: it was cut back to there after a failure.
    if (divergingEpoch.endOffset >= 0) return this.#onOutOfRange(cursor)
    if (records === null || records.length === 0) return cursor.askForEndAgain()
    const whole = wholeBatches(records)
    if (whole === null) {
      // Partitions behind the first may get just a piece of a batch (KIP-74): their turn to be the first comes.
      if (!isFirst) return
      const reason = `the answer of ${records.length} bytes holds no whole batch`
      const { fetchOffset } = cursor
      return this.#report(cursor, new CorruptBatchError(cursor, fetchOffset, fetchOffset + 1, reason))
    }
    const { end, nextOffset, lastEpoch } = whole
    const { generation } = cursor
    this.#queue.push({ kind: 'chunk', cursor, generation, records, at: 0, end, bytes: records.length })
    cursor.onFetched(nextOffset, lastEpoch)
  }

  #onPartitionError(cursor: PartitionCursor, { errorCode, currentLeader }: FetchedPartition): void {
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return this.#onOutOfRange(cursor)
    const { topic, partition } = cursor
    const { leaderId: leader, leaderEpoch } = currentLeader
    if (leader >= 0) this.#cluster.metadata.applyLeaderHint({ topic, partition, leader, leaderEpoch })
    this.#onError(cursor, errorCode)
  }

  #onOutOfRange(cursor: PartitionCursor): void {
    const { offsetReset } = this.#options
    // The beginning moved on between looking it up and fetching from it: that is nothing to report.
    const again = cursor.symbolicStart
    if (again !== null) cursor.seek(again)
    else if (offsetReset !== 'error') cursor.seek(RESET_POSITION[offsetReset])
    else this.#report(cursor, new OffsetOutOfRangeError(cursor, cursor.fetchOffset))
  }

  /* ------------------------------------------------ failures */

  #onError(cursor: PartitionCursor, errorCode: number): void {
    const error = new BrokerError(errorCode, fetchFrom(cursor))
    if (error.refreshMetadata) void this.#cluster.refreshSoon()
    this.#onFailed(cursor, error)
  }

  /** Tries again later, unless that is pointless or has gone on for too long. */
  #onFailed(cursor: PartitionCursor, error: Error): void {
    const nowMs = this.#env.clock.monoMs()
    cursor.onFailure(nowMs)
    const { apiTimeoutMs, retryBackoffMs: initialMs, retryBackoffMaxMs: maxMs } = this.#cluster.options
    const failingMs = nowMs - cursor.failingSinceMs
    if (!isRetriable(error) || failingMs >= apiTimeoutMs) return this.#report(cursor, error)
    if (this.#isGone(cursor, failingMs)) {
      const detail = 'the topic was deleted'
      return this.#report(
        cursor,
        new BrokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, fetchFrom(cursor), detail),
      )
    }
    if (error instanceof BrokerError && error.errorCode === ErrorCode.LEADER_NOT_AVAILABLE)
      void this.#cluster.refreshSoon()
    cursor.retryAtMs =
      nowMs + Math.max(1, backoffMs({ initialMs, maxMs }, cursor.failures, this.#env.rng.u32()))
  }

  #isGone({ topic, partition }: PartitionCursor, failingMs: number): boolean {
    const { metadata, options } = this.#cluster
    return metadata.isMissing(topic, partition) && failingMs >= options.unknownTopicTimeoutMs
  }

  /** A topic of the same name may have replaced the one that was read: its offsets mean something else. */
  #isAnotherTopic(cursor: PartitionCursor): boolean {
    const topicId = this.#cluster.metadata.topic(cursor.topic)?.topicId
    if (topicId === undefined || topicId === ZERO_UUID) return false
    cursor.topicId ??= topicId
    if (cursor.topicId === topicId) return false
    const text = `${fetchFrom(cursor)}: the topic was deleted and created again. Start a new reader`
    this.#report(cursor, new MillraceError('INCONSISTENT_TOPIC_ID', text))
    return true
  }

  /** The application gets the error when it has got everything before. */
  #report(cursor: PartitionCursor, error: Error): void {
    cursor.fail()
    this.#queue.push({ kind: 'failure', cursor, generation: cursor.generation, error })
    this.#onArrival()
  }

  #armTimer(nowMs: number): void {
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#timer = null
    let atMs = Infinity
    for (const { retryAtMs } of this.#cursors()) if (retryAtMs > nowMs) atMs = Math.min(atMs, retryAtMs)
    if (atMs === Infinity) return
    this.#timer = this.#env.timers.after(atMs - nowMs, () => {
      this.#timer = null
      this.pump()
    })
  }
}

/** Where several partitions were asked about, each has its own answer. */
function failureOf(cursor: PartitionCursor, error: Error): Error {
  if (!(error instanceof PartialFailureError)) return error
  return error.failures.get(partitionName(cursor)) ?? error
}

function fetchFrom(cursor: PartitionCursor): string {
  return `fetch from ${partitionName(cursor)}`
}
