/**
 * Takes ready batches out of the accumulator and gets them stored: one request per leader with a batch of each of its
 * partitions, several requests in flight, failed batches again before the later ones of their partition.
 *
 * Owns: when to look (one timer, one end-of-turn call), requests in flight. Must not know: how records are encoded,
 * who waits for them.
 */
import type { ClientEnv, Endpoint, TimerId } from '@millrace/base'
import {
  backoffMs,
  BrokerError,
  formatEndpoint,
  isRetriable,
  needsRefresh,
  partitionName,
  TimeoutError,
} from '@millrace/client'
import type { Cluster } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import type { Accumulator } from '../accumulator/accumulator.ts'
import type { PartitionQueue } from '../accumulator/partition-queue.ts'
import type { ProducerBatch } from '../accumulator/producer-batch.ts'
import { ProducerIds } from '../idempotence/producer-ids.ts'
import type { ProducerIdentity } from '../idempotence/producer-ids.ts'
import type { ResolvedProducerOptions } from '../producer-options.ts'
import { judgeSequenced, losesIdentity, mayBeStored } from './failure-verdict.ts'
import {
  judgeAnswer,
  leaderHint,
  namedBrokers,
  ProduceAnswers,
  produceRequest,
  unacknowledged,
} from './produce-request.ts'
import type { InFlightBatch, PartitionAnswer } from './produce-request.ts'

export interface SenderOptions {
  readonly cluster: Cluster
  readonly accumulator: Accumulator
  readonly options: Pick<
    ResolvedProducerOptions,
    'acks' | 'enableIdempotence' | 'inFlightMax' | 'requestBytesMax'
  >
  /** Called when batches are done with and memory is free. */
  readonly onProgress: () => void
  /** Whether batches may not linger now. */
  readonly isUrgent: () => boolean
  /** No batch can ever be sent. */
  readonly onFatal: (error: Error) => void
}

/** What may go to one leader now. */
interface LeaderGroup {
  readonly endpoint: Endpoint
  /** Queues that need not wait any more. */
  readonly ready: PartitionQueue[]
  /** Queues that could wait, but may as well come along. */
  readonly willing: PartitionQueue[]
}

/** How a try ended that did not succeed. */
interface Failure {
  /** Bytes of it may have reached the broker. */
  readonly hasLeft: boolean
  readonly answer?: PartitionAnswer
}

/** Apart from metadata, which on Kafka's wire would wait behind a slow produce. */
const LANE = 'produce'

export class Sender {
  readonly #env: ClientEnv
  readonly #cluster: Cluster
  readonly #accumulator: Accumulator
  readonly #options: SenderOptions['options']
  readonly #onProgress: () => void
  readonly #isUrgent: () => boolean
  /** Null for a producer without idempotence. */
  readonly #producerIds: ProducerIds | null
  readonly #inFlight = new Map<string, number>()
  #willDrain = false
  #timer: TimerId | null = null
  #timerAtMs = Infinity
  #stopped = false

  constructor({ cluster, accumulator, options, onProgress, isUrgent, onFatal }: SenderOptions) {
    this.#env = cluster.env
    this.#cluster = cluster
    this.#accumulator = accumulator
    this.#options = options
    this.#onProgress = onProgress
    this.#isUrgent = isUrgent
    this.#producerIds = options.enableIdempotence
      ? new ProducerIds({ cluster, onReady: () => this.wake(), onFatal })
      : null
  }

  /** Looks for work at the end of this turn. */
  wake(): void {
    if (this.#willDrain || this.#stopped) return
    this.#willDrain = true
    this.#env.timers.endOfTurn(() => {
      this.#willDrain = false
      this.#drain()
    })
  }

  /** A queue got its first batch, or a batch became complete. */
  onChanged(queue: PartitionQueue): void {
    const readyAtMs = queue.readyAtMs(this.#isUrgent())
    if (readyAtMs === Infinity) return
    if (readyAtMs <= this.#env.clock.monoMs()) this.wake()
    else this.#wakeAt(readyAtMs)
  }

  /** No request is sent any more. */
  stop(): void {
    this.#stopped = true
    this.#producerIds?.stop()
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#timer = null
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#stopped) return
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = this.#env.timers.after(Math.max(0, atMs - this.#env.clock.monoMs()), () => {
      this.#timer = null
      this.#timerAtMs = Infinity
      this.#drain()
    })
  }

  #drain(): void {
    if (this.#stopped) return
    const nowMs = this.#env.clock.monoMs()
    this.#expire(nowMs)
    this.#cluster.refreshIfStale()
    for (const group of this.#groups(nowMs).values()) this.#sendGroup(group)
  }

  #expire(nowMs: number): void {
    const expired = this.#accumulator.takeExpired(nowMs)
    for (const batch of expired) {
      batch.lastError ??= this.#producerIds?.lastError ?? null
      batch.fail(expiredError(batch, nowMs))
    }
    if (expired.length > 0) this.#onProgress()
  }

  /** Groups what can be sent by leader, and arms the timer for what cannot be sent yet. */
  #groups(nowMs: number): Map<string, LeaderGroup> {
    const groups = new Map<string, LeaderGroup>()
    const isUrgent = this.#isUrgent()
    let wakeAtMs = Infinity
    const identity = this.#producerIds?.current() ?? null
    for (const queue of this.#accumulator.active) {
      if (this.#lacksIdentity(queue, identity)) {
        wakeAtMs = Math.min(wakeAtMs, queue.batches[0]!.deadlineMs)
        continue
      }
      const known = this.#cluster.metadata.partition(queue.topic, queue.partition)
      if (known !== undefined) queue.onLeaderEpoch(known.leaderEpoch)
      const readyAtMs = queue.readyAtMs(isUrgent)
      const isReady = readyAtMs <= nowMs
      if (!isReady) wakeAtMs = Math.min(wakeAtMs, readyAtMs)
      if (!queue.canSend(nowMs)) continue
      const endpoint = this.#cluster.route(queue.topic, queue.partition)
      if (endpoint === undefined) {
        this.#onNoLeader(queue, nowMs)
        wakeAtMs = Math.min(wakeAtMs, nowMs + Math.max(1, this.#cluster.options.retryBackoffMs))
        continue
      }
      const key = formatEndpoint(endpoint)
      let group = groups.get(key)
      if (group === undefined) groups.set(key, (group = { endpoint, ready: [], willing: [] }))
      ;(isReady ? group.ready : group.willing).push(queue)
    }
    if (wakeAtMs !== Infinity) this.#wakeAt(wakeAtMs)
    return groups
  }

  /** The cluster is asked for one; batches wait for it until their time is over. */
  #lacksIdentity(queue: PartitionQueue, identity: ProducerIdentity | null): boolean {
    if (this.#producerIds === null) return false
    if (identity === null) return true
    if (!queue.sequence.needsOther(identity)) return false
    this.#producerIds.abandon(identity.producerId)
    this.wake()
    return true
  }

  /** Waits for a leader, unless the partition has been gone for so long that its topic was deleted. */
  #onNoLeader(queue: PartitionQueue, nowMs: number): void {
    const { metadata, options } = this.#cluster
    const waitedMs = nowMs - queue.next!.createdMs
    if (metadata.isMissing(queue.topic, queue.partition) && waitedMs >= options.unknownTopicTimeoutMs) {
      const batch = queue.take(null)
      if (batch.sequence !== null) queue.sequence.onGap()
      const error = new BrokerError(
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        produceTo(batch),
        'the topic was deleted',
      )
      this.#accumulator.fail(queue, batch, error)
      this.#onProgress()
    }
    this.#refresh()
  }

  /** Another leader is news for batches that wait. */
  #refresh(): void {
    void this.#cluster.refreshSoon().then(() => this.wake())
  }

  #sendGroup({ endpoint, ready, willing }: LeaderGroup): void {
    const key = formatEndpoint(endpoint)
    const identity = this.#producerIds?.current() ?? null
    const nowMs = this.#env.clock.monoMs()
    let next = 0
    while (next < ready.length && (this.#inFlight.get(key) ?? 0) < this.#options.inFlightMax) {
      const taken: InFlightBatch[] = []
      const again: PartitionQueue[] = []
      let room = this.#options.requestBytesMax
      const take = (queue: PartitionQueue): boolean => {
        const size = queue.next!.sizeInBytes
        if (taken.length > 0 && size > room) return false
        room -= size
        taken.push({ queue, batch: queue.take(identity) })
        // A request has one batch of a partition: the next goes with the next.
        if (queue.readyAtMs(false) <= nowMs) again.push(queue)
        return true
      }
      while (next < ready.length && take(ready[next]!)) next++
      while (willing.length > 0 && take(willing.at(-1)!)) willing.pop()
      ready.push(...again)
      this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + 1)
      void this.#send(endpoint, taken).finally(() => {
        this.#inFlight.set(key, this.#inFlight.get(key)! - 1)
        this.#onProgress()
        this.wake()
      })
    }
  }

  /** Never rejects: whatever happens is told to the batches. */
  async #send(endpoint: Endpoint, sent: readonly InFlightBatch[]): Promise<void> {
    const { acks } = this.#options
    const { requestTimeoutMs } = this.#cluster.options
    let hasLeft = false
    try {
      const request = produceRequest(
        sent,
        acks,
        requestTimeoutMs,
        (topic) => this.#cluster.metadata.topic(topic)?.topicId,
      )
      const link = await this.#cluster.link(endpoint, { lane: LANE })
      hasLeft = true
      if (acks === 0) {
        await link.send('Produce', request)
        for (const { queue, batch } of sent)
          this.#settle(queue, batch, () => this.#accumulator.deliver(queue, batch, unacknowledged(batch)))
      } else {
        this.#onAnswer(sent, await link.request('Produce', request, { timeoutMs: requestTimeoutMs }))
      }
    } catch (error) {
      if (needsRefresh(error) || error instanceof TimeoutError) this.#refresh()
      for (const { queue, batch } of sent) this.#onFailed(queue, batch, error as Error, { hasLeft })
    }
  }

  #onAnswer(sent: readonly InFlightBatch[], response: ResponseOf<'Produce'>): void {
    const { metadata } = this.#cluster
    metadata.addBrokers(namedBrokers(response))
    const answers = new ProduceAnswers(response, (topicId) => metadata.topicName(topicId))
    for (const { queue, batch } of sent) {
      const answer = answers.of(batch)
      if (answer === undefined) {
        this.#onFailed(
          queue,
          batch,
          new BrokerError(
            ErrorCode.UNKNOWN_SERVER_ERROR,
            produceTo(batch),
            'the answer lacks this partition',
          ),
          { hasLeft: true },
        )
        continue
      }
      this.#onPartitionAnswer(queue, batch, answer)
    }
  }

  #onPartitionAnswer(queue: PartitionQueue, batch: ProducerBatch, answer: PartitionAnswer): void {
    const verdict = judgeAnswer(batch, answer)
    if (verdict.kind === 'delivered') {
      this.#settle(queue, batch, () => {
        if (batch.sequence !== null) queue.sequence.onStored(batch.sequence)
        this.#accumulator.deliver(queue, batch, verdict.delivered)
      })
    } else if (verdict.kind === 'split') {
      this.#settle(queue, batch, () => this.#accumulator.split(queue, batch))
    } else {
      const error = new BrokerError(answer.errorCode, produceTo(batch), answer.errorMessage)
      const hint = leaderHint(batch, answer)
      if (hint !== null) this.#cluster.metadata.applyLeaderHint(hint)
      if (error.refreshMetadata) this.#refresh()
      this.#onFailed(queue, batch, error, { hasLeft: true, answer })
    }
  }

  #onFailed(queue: PartitionQueue, batch: ProducerBatch, error: Error, failure: Failure): void {
    this.#settle(queue, batch, () => {
      const nowMs = this.#env.clock.monoMs()
      batch.lastError = error
      if (failure.hasLeft && mayBeStored(error)) batch.isUncertain = true
      const { retryBackoffMs: initialMs, retryBackoffMaxMs: maxMs } = this.#cluster.options
      const retryAtMs = nowMs + backoffMs({ initialMs, maxMs }, batch.attempts, this.#env.rng.u32())
      const isTriedAgain = this.#isTriedAgain(queue, batch, error)
      if (isTriedAgain && retryAtMs < batch.deadlineMs) return queue.onRetry(batch, retryAtMs)
      // Its sequence is not used by another batch: what comes behind it begins anew.
      if (batch.sequence !== null) queue.sequence.onGap()
      if (isTriedAgain) this.#accumulator.fail(queue, batch, expiredError(batch, nowMs))
      else this.#accumulator.fail(queue, batch, recordErrors(batch, error, failure.answer))
    })
  }

  #isTriedAgain(queue: PartitionQueue, batch: ProducerBatch, error: Error): boolean {
    const { sequence, isUncertain, wasFirst } = batch
    if (sequence === null) return isRetriable(error)
    if (losesIdentity(error)) this.#producerIds?.abandon(sequence.producerId)
    const { hasGap } = queue.sequence
    const verdict = judgeSequenced({ error, wasFirst, hasGap, isUncertain })
    if (verdict === 'usual') return isRetriable(error)
    if (verdict === 'anew') {
      batch.isUncertain = false
      queue.sequence.onGap()
    }
    return verdict !== 'fail'
  }

  /** After `close` has failed all batches, an answer that still comes changes nothing. */
  #settle(queue: PartitionQueue, batch: ProducerBatch, act: () => void): void {
    if (!batch.isDone && queue.isInFlight(batch)) act()
  }
}

/** A batch is refused as a whole, but a broker may say which records are to blame (KIP-467). */
function recordErrors(
  batch: ProducerBatch,
  error: Error,
  answer: PartitionAnswer | undefined,
): Error | ((index: number) => Error) {
  if (answer === undefined || answer.recordErrors.length === 0) return error
  const messages = new Map(
    answer.recordErrors.map(({ batchIndex, batchIndexErrorMessage }) => [batchIndex, batchIndexErrorMessage]),
  )
  return (index) => {
    const detail = messages.has(index) ? messages.get(index) : 'another record of the same batch was refused'
    return new BrokerError(answer.errorCode, produceTo(batch), detail)
  }
}

function expiredError(batch: ProducerBatch, nowMs: number): TimeoutError {
  const waitedMs = Math.round(nowMs - batch.createdMs)
  const last = batch.lastError === null ? 'It was never sent' : `Last: ${batch.lastError.message}`
  return new TimeoutError(
    `${produceTo(batch)} did not succeed in ${waitedMs} ms. ${last}`,
    batch.lastError ?? undefined,
  )
}

function produceTo(batch: ProducerBatch): string {
  return `produce to ${partitionName(batch)}`
}
