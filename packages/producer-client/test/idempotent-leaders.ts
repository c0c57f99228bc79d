/**
 * Fake brokers that recognize batches as Kafka's leaders do, over one log per partition that no failover loses, and that
 * do to requests what networks and elections do.
 */
import type { Rng } from '@millrace/base'
import { offset } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { addToSequence, followsSequence, RecordBatchView } from '@millrace/record'
import type { FakeCluster } from '../../client/test/fake/fake-cluster.ts'

interface Stored {
  readonly baseSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
}

interface Producer {
  readonly epoch: number
  readonly batches: readonly Stored[]
}

type Answer = ResponseInputOf<'Produce'>

interface Outcome {
  readonly errorCode: number
  readonly baseOffset: number
}

export interface Trouble {
  /** One request in so many goes wrong; 0: none does. */
  readonly oneIn: number
  /** Kafka's leaders take any sequence of a producer that they do not know. */
  readonly isLenient: boolean
}

const REFUSALS = [
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.REQUEST_TIMED_OUT,
] as const
const NOT_APPENDED: ReadonlySet<number> = new Set([ErrorCode.NOT_ENOUGH_REPLICAS])

export class IdempotentLeaders {
  trouble: Trouble = { oneIn: 0, isLenient: false }
  readonly #cluster: FakeCluster
  readonly #rng: Rng
  readonly #producers = new Map<string, Producer>()

  constructor(cluster: FakeCluster, rng: Rng) {
    this.#cluster = cluster
    this.#rng = rng
    cluster.intercept('Produce', (request, brokerId) => this.#onProduce(request, brokerId))
  }

  /** The producers' states are gone, as after their expiry. */
  forgetProducers(): void {
    this.#producers.clear()
  }

  #onProduce(request: RequestOf<'Produce'>, brokerId: number): Answer | Promise<Answer> | 'drop' | 'ignore' {
    // The bytes are the connection's: what is looked at later is a copy.
    const copy = withOwnRecords(request)
    if (this.trouble.oneIn === 0 || this.#rng.below(this.trouble.oneIn) > 0)
      return this.#answer(copy, brokerId)
    const kind = this.#rng.below(7)
    if (kind === 0) return 'drop'
    if (kind === 1) return (this.#answer(copy, brokerId), 'drop')
    if (kind === 2) return (this.#answer(copy, brokerId), 'ignore')
    if (kind === 3) return this.#later(() => this.#answer(copy, brokerId))
    if (kind === 4) {
      const answer = this.#answer(copy, brokerId)
      return this.#later(() => answer)
    }
    if (kind === 5) {
      this.#cluster.moveLeader('flights', this.#rng.below(2), 1 + this.#rng.below(3))
      return this.#answer(copy, brokerId)
    }
    return this.#answer(copy, brokerId, REFUSALS[this.#rng.below(REFUSALS.length)]!)
  }

  #later(answer: () => Answer): Promise<Answer> {
    const delayMs = this.#rng.below(1500)
    return new Promise((resolve) => this.#cluster.world.timers.after(delayMs, () => resolve(answer())))
  }

  #answer(request: RequestOf<'Produce'>, brokerId: number, refusal = 0): Answer {
    const responses = request.topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index, records }) => {
        const { errorCode, baseOffset } = this.#produce(name, index, records!, brokerId, refusal)
        return { index, errorCode, baseOffset: offset(baseOffset) }
      }),
    }))
    return { responses }
  }

  #produce(topic: string, index: number, records: Buffer, brokerId: number, refusal: number): Outcome {
    const partition = this.#cluster.partition(topic, index)
    if (partition.leader !== brokerId) return { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, baseOffset: -1 }
    if (NOT_APPENDED.has(refusal)) return { errorCode: refusal, baseOffset: -1 }
    const outcome = this.#append(topic, index, records)
    return outcome.errorCode === 0 && refusal !== 0 ? { errorCode: refusal, baseOffset: -1 } : outcome
  }

  #append(topic: string, index: number, records: Buffer): Outcome {
    const view = new RecordBatchView(records)
    const { producerId, producerEpoch, baseSequence, lastOffsetDelta } = view
    const key = `${topic} ${index} ${producerId}`
    const known = this.#producers.get(key)
    const lastSequence = addToSequence(baseSequence, lastOffsetDelta)
    const isOfEpoch = known?.epoch === producerEpoch
    const batches = isOfEpoch ? known.batches : []
    const same = batches.find(
      (each) => each.baseSequence === baseSequence && each.lastSequence === lastSequence,
    )
    if (same !== undefined) return { errorCode: 0, baseOffset: same.baseOffset }
    const errorCode = this.#sequenceError(known, view)
    if (errorCode !== 0) return { errorCode, baseOffset: -1 }
    const baseOffset = this.#cluster.partition(topic, index).append(records)
    const stored = { baseSequence, lastSequence, baseOffset }
    this.#producers.set(key, { epoch: producerEpoch, batches: [...batches.slice(-4), stored] })
    return { errorCode: 0, baseOffset }
  }

  #sequenceError(known: Producer | undefined, { producerEpoch, baseSequence }: RecordBatchView): number {
    if (known === undefined) {
      return baseSequence === 0 || this.trouble.isLenient ? 0 : ErrorCode.UNKNOWN_PRODUCER_ID
    }
    if (producerEpoch < known.epoch) return ErrorCode.INVALID_PRODUCER_EPOCH
    const follows =
      producerEpoch > known.epoch
        ? baseSequence === 0
        : followsSequence(known.batches.at(-1)!.lastSequence, baseSequence)
    return follows ? 0 : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  }
}

function withOwnRecords(request: RequestOf<'Produce'>): RequestOf<'Produce'> {
  return {
    ...request,
    topicData: request.topicData.map((topic) => ({
      ...topic,
      partitionData: topic.partitionData.map(({ index, records }) => ({
        index,
        records: Buffer.from(records!),
      })),
    })),
  }
}
