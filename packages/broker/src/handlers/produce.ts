/**
 * Produce v3–11: one record batch v2 per partition, appended in the order of arrival (KIP-98).
 *
 * - acks 0: no response; an error closes the connection, as Kafka does. acks 1: answered after the write. acks −1:
 *   after every in-sync replica has it, which under the flush policy `commit` means flushed.
 * - Batches with a producer id are stored once and in order, however often they come (`Log.checkProducers`).
 *   Transactional batches are refused, because no transaction can have been begun.
 * - A follower that can be elected keeps what it is sent for a moment: the client may have heard of it first.
 */
import { NO_OFFSET } from '@millrace/base'
import type { Uuid } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode, LateAnswer, NO_RESPONSE } from '@millrace/protocol'
import type { Handler, NoResponse, RequestOf, ResponseInputOf } from '@millrace/protocol'
import { batchSizeAt, CompressionType, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import type { Deadlines } from '../deadlines.ts'
import { Append } from '../partition/append.ts'
import type { RequiredAcks } from '../partition/append.ts'
import type { Partition } from '../partition/partition.ts'
import { appendedPartition } from '../topics/topic-table.ts'
import type { ClusterView } from '../shard/cluster-view.ts'
import type { TopicTable } from '../topics/topic-table.ts'
import { LeaderHints } from './leader-hints.ts'

type ProduceResponse = ResponseInputOf<'Produce'>
type PartitionResponse = ProduceResponse['responses'][number]['partitionResponses'][number]

interface ProduceSurroundings {
  readonly topics: TopicTable
  readonly cluster: ClusterView
  readonly deadlines: Deadlines
}

export function produceHandler({
  topics,
  cluster,
  deadlines,
}: ProduceSurroundings): Handler<'Produce', RequestContext> {
  const view = new RecordBatchView(Buffer.alloc(0))

  return (request, context) => {
    const { acks } = request
    if (acks !== -1 && acks !== 0 && acks !== 1)
      return everyPartition(request, ErrorCode.INVALID_REQUIRED_ACKS)
    const produce = new ProduceProgress(acks, cluster, context.connection.listener)
    for (const { name, topicId, partitionData } of request.topicData) {
      const topic = topics.find(name, topicId)
      produce.beginTopic(name, topicId)
      for (const { index, records } of partitionData) {
        const partition = appendedPartition(topic, index)
        const append = produce.beginPartition(index, typeof partition === 'number' ? null : partition)
        if (typeof partition === 'number') {
          append.fail(partition, null)
          continue
        }
        const problem = shapeProblem(view, records, context.apiVersion)
        if (problem === null) partition.append(wholeBatch(view, records!), append)
        else append.fail(problem.errorCode, problem.message)
      }
    }
    return answer(produce, request, context, deadlines)
  }
}

function answer(
  produce: ProduceProgress,
  request: RequestOf<'Produce'>,
  context: RequestContext,
  deadlines: Deadlines,
): ProduceResponse | NoResponse | LateAnswer<ProduceResponse | NoResponse> {
  if (request.acks === 0) {
    produce.whenSettled(() => {
      if (produce.failed) context.connection.close('a produce request with acks=0 failed')
    })
    return NO_RESPONSE
  }
  if (produce.settled) return produce.response()
  const deadline = request.acks === -1 ? deadlines.after(request.timeoutMs, () => produce.expire()) : null
  const answer = new LateAnswer<ProduceResponse | NoResponse>()
  produce.whenSettled(() => {
    if (deadline !== null) deadlines.cancel(deadline)
    answer.give(produce.response())
  })
  return answer
}

/** One produce request under way: its partitions' appends, in the request's order. */
class ProduceProgress {
  readonly #acks: RequiredAcks
  readonly #cluster: ClusterView
  readonly #listener: string
  readonly #topics: {
    readonly name: string
    readonly topicId: Uuid
    readonly partitions: PartitionProgress[]
  }[] = []
  readonly #onAppendSettled = (append: Append): void => {
    if (append.errorCode !== ErrorCode.NONE) this.failed = true
    if (--this.#unsettled === 0) this.#onSettled?.()
  }
  #unsettled = 0
  #onSettled: (() => void) | null = null
  failed = false

  /** @param listener by which the client came in */
  constructor(acks: RequiredAcks, cluster: ClusterView, listener: string) {
    this.#acks = acks
    this.#cluster = cluster
    this.#listener = listener
  }

  get settled(): boolean {
    return this.#unsettled === 0
  }

  beginTopic(name: string, topicId: Uuid): void {
    this.#topics.push({ name, topicId, partitions: [] })
  }

  beginPartition(index: number, partition: Partition | null): Append {
    const append = new Append(this.#acks, this.#onAppendSettled)
    this.#unsettled++
    this.#topics.at(-1)!.partitions.push({ index, partition, append })
    return append
  }

  /** Runs `callback` once every append is settled, at once when they are. */
  whenSettled(callback: () => void): void {
    if (this.settled) callback()
    else this.#onSettled = callback
  }

  /** The client's time is up. What was staged stays in the log: the outcome is unknown to the client. */
  expire(): void {
    for (const { partitions } of this.#topics) {
      for (const { append } of partitions) append.fail(ErrorCode.REQUEST_TIMED_OUT, null)
    }
  }

  response(): ProduceResponse {
    const hints = this.failed ? new LeaderHints(this.#cluster, this.#listener) : null
    const responses = this.#topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitionResponses: partitions.map((partition) => {
        const response = partitionResponse(partition)
        if (hints === null) return response
        return { ...response, ...hints.of(response.errorCode, name, topicId, response.index) }
      }),
    }))
    return hints === null ? { responses } : { responses, nodeEndpoints: hints.endpoints }
  }
}

interface PartitionProgress {
  readonly index: number
  readonly partition: Partition | null
  readonly append: Append
}

function partitionResponse({ index, partition, append }: PartitionProgress): PartitionResponse {
  const { errorCode, baseOffset, logAppendTimeMs, errorMessage, refusedRecords } = append
  return {
    index,
    errorCode,
    baseOffset,
    logAppendTimeMs,
    logStartOffset:
      errorCode === ErrorCode.NONE || append.tellsLogStart ? partition?.log.logStartOffset : undefined,
    recordErrors: refusedRecords.map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    })),
    errorMessage,
  }
}

function everyPartition(request: RequestOf<'Produce'>, errorCode: number): ProduceResponse {
  return {
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: NO_OFFSET })),
    })),
  }
}

interface Problem {
  readonly errorCode: number
  readonly message: string
}

/** What the request's version demands of a batch, before the batch itself is validated. */
function shapeProblem(view: RecordBatchView, records: Buffer | null, apiVersion: number): Problem | null {
  if (records === null || records.length < RECORD_BATCH_HEADER_BYTES) return NOT_ONE_BATCH
  const size = view.at(records, 0).sizeInBytes
  // A size that no batch can have is left to the validation, which calls it corrupt.
  if (size > records.length || (size >= RECORD_BATCH_HEADER_BYTES && hasBatchAt(records, size)))
    return NOT_ONE_BATCH
  if (apiVersion < 7 && view.compression === CompressionType.zstd) return ZSTD_TOO_EARLY
  return view.isTransactional ? NO_TRANSACTION : null
}

/** Whether another whole batch follows; a piece of one does not count, as with Kafka. */
function hasBatchAt(records: Buffer, position: number): boolean {
  const size = batchSizeAt(records, position)
  return size !== null && size <= records.length - position
}

/** Without what may follow it. @param view at the batch */
function wholeBatch(view: RecordBatchView, records: Buffer): Buffer {
  const size = view.sizeInBytes
  return size >= records.length || size < RECORD_BATCH_HEADER_BYTES ? records : records.subarray(0, size)
}

const NOT_ONE_BATCH: Problem = {
  errorCode: ErrorCode.INVALID_RECORD,
  message: 'produce requests must have exactly one record batch per partition',
}
const ZSTD_TOO_EARLY: Problem = {
  errorCode: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  message: 'zstd needs Produce version 7 or later',
}
const NO_TRANSACTION: Problem = {
  errorCode: ErrorCode.INVALID_TXN_STATE,
  message: 'no transaction was begun: transactions are not supported yet',
}
