/** One Produce request for the batches of one leader, and what its response says about each. Pure. */
import { NO_OFFSET, NO_TIMESTAMP } from '@millrace/base'
import type { NodeId, Uuid } from '@millrace/base'
import type { BrokerMetadata, LeaderHint } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import type { RequestInputOf, ResponseOf } from '@millrace/protocol'
import type { Delivered } from '../accumulator/delivery-sink.ts'
import type { PartitionQueue } from '../accumulator/partition-queue.ts'
import type { ProducerBatch } from '../accumulator/producer-batch.ts'
import type { Acks } from '../producer-options.ts'

/** A batch on its way, with its queue. */
export interface InFlightBatch {
  readonly queue: PartitionQueue
  readonly batch: ProducerBatch
}

export type PartitionAnswer = ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number]

const ACKS_ON_THE_WIRE = { 0: 0, 1: 1, all: -1 } as const

/** @param topicIdOf null where the brokers give no ids */
export function produceRequest(
  batches: readonly InFlightBatch[],
  acks: Acks,
  timeoutMs: number,
  topicIdOf: (topic: string) => Uuid | undefined,
): RequestInputOf<'Produce'> {
  const byTopic = Map.groupBy(batches, ({ batch }) => batch.topic)
  return {
    acks: ACKS_ON_THE_WIRE[acks],
    timeoutMs,
    topicData: [...byTopic].map(([name, ofTopic]) => ({
      name,
      topicId: topicIdOf(name),
      partitionData: ofTopic.map(({ batch }) => ({ index: batch.partition, records: batch.encode() })),
    })),
  }
}

/** Answers by topic and partition, whichever of name and id the version carries. */
export class ProduceAnswers {
  readonly #answers = new Map<string, PartitionAnswer>()

  constructor(response: ResponseOf<'Produce'>, topicName: (topicId: Uuid) => string | undefined) {
    for (const { name, topicId, partitionResponses } of response.responses) {
      const topic = name === '' ? topicName(topicId) : name
      for (const answer of partitionResponses) this.#answers.set(`${topic} ${answer.index}`, answer)
    }
  }

  of({ topic, partition }: ProducerBatch): PartitionAnswer | undefined {
    return this.#answers.get(`${topic} ${partition}`)
  }
}

export type BatchVerdict =
  | { readonly kind: 'delivered'; readonly delivered: Delivered }
  | { readonly kind: 'split' }
  | { readonly kind: 'failed' }

/** What an answer means for a batch; whether a failed one is tried again is another question. */
export function judgeAnswer(batch: ProducerBatch, answer: PartitionAnswer): BatchVerdict {
  const { topic, partition, recordCount } = batch
  // Stored earlier, so long ago that the broker does not know where: Kafka's clients take it for success.
  const isStored =
    answer.errorCode === ErrorCode.NONE || answer.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER
  if (isStored) {
    const { baseOffset, logAppendTimeMs } = answer
    return { kind: 'delivered', delivered: { topic, partition, baseOffset, logAppendTime: logAppendTimeMs } }
  }
  const isTooLarge =
    answer.errorCode === ErrorCode.MESSAGE_TOO_LARGE || answer.errorCode === ErrorCode.RECORD_LIST_TOO_LARGE
  return isTooLarge && recordCount > 1 ? { kind: 'split' } : { kind: 'failed' }
}

/** With `acks: 0` all that is known is that the batch left. */
export function unacknowledged({ topic, partition }: ProducerBatch): Delivered {
  return { topic, partition, baseOffset: NO_OFFSET, logAppendTime: NO_TIMESTAMP }
}

/** Where a broker said that it is no longer the leader, and who is (KIP-951). */
export function leaderHint(batch: ProducerBatch, { currentLeader }: PartitionAnswer): LeaderHint | null {
  const { leaderId, leaderEpoch } = currentLeader
  if (leaderId < 0) return null
  return { topic: batch.topic, partition: batch.partition, leader: leaderId, leaderEpoch }
}

export function namedBrokers(response: ResponseOf<'Produce'>): BrokerMetadata[] {
  return response.nodeEndpoints.map(({ nodeId, host, port, rack }) => ({
    nodeId: nodeId satisfies NodeId,
    host,
    port,
    rack,
  }))
}
