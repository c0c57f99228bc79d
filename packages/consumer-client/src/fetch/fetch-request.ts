/** One Fetch request for the partitions of one leader, and what its answer holds for each. Pure. */
import { NO_LEADER_EPOCH, offset } from '@millrace/base'
import type { LeaderEpoch, Uuid } from '@millrace/base'
import type { MetadataCache } from '@millrace/client'
import type { RequestInputOf, ResponseOf } from '@millrace/protocol'
import { batchSizeAt, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import type { ResolvedConsumerOptions } from '../consumer-options.ts'
import type { PartitionCursor } from './partition-cursor.ts'

type FetchLimits = Pick<ResolvedConsumerOptions, 'minBytes' | 'maxWaitMs' | 'partitionMaxBytes'>
export type FetchedPartition = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

/** A partition of a request, with the generation under which it was asked for. */
export interface FetchTarget {
  readonly cursor: PartitionCursor
  readonly generation: number
}

/** @param maxBytes for the whole answer */
export function fetchRequest(
  targets: readonly FetchTarget[],
  metadata: MetadataCache,
  limits: FetchLimits,
  maxBytes: number,
): RequestInputOf<'Fetch'> {
  const byTopic = Map.groupBy(targets, ({ cursor }) => cursor.topic)
  return {
    maxWaitMs: limits.maxWaitMs,
    minBytes: limits.minBytes,
    maxBytes,
    topics: [...byTopic].map(([topic, ofTopic]) => ({
      topic,
      topicId: metadata.topic(topic)?.topicId,
      partitions: ofTopic.map(({ cursor }) => ({
        partition: cursor.partition,
        currentLeaderEpoch: metadata.partition(topic, cursor.partition)?.leaderEpoch ?? NO_LEADER_EPOCH,
        fetchOffset: offset(cursor.fetchOffset),
        lastFetchedEpoch: cursor.lastFetchedEpoch,
        partitionMaxBytes: Math.min(limits.partitionMaxBytes, maxBytes),
      })),
    })),
  }
}

/** Answers by topic and partition, whichever of name and id the version carries. */
export class FetchAnswers {
  readonly #answers = new Map<string, FetchedPartition>()
  /** The one whose first batch is whole, however large. */
  readonly firstWithRecords: FetchedPartition | undefined

  constructor(response: ResponseOf<'Fetch'>, topicName: (topicId: Uuid) => string | undefined) {
    for (const { topic, topicId, partitions } of response.responses) {
      const name = topic === '' ? topicName(topicId) : topic
      for (const answer of partitions) this.#answers.set(`${name} ${answer.partitionIndex}`, answer)
    }
    this.firstWithRecords = [...this.#answers.values()].find(({ records }) => (records?.length ?? 0) > 0)
  }

  of({ topic, partition }: PartitionCursor): FetchedPartition | undefined {
    return this.#answers.get(`${topic} ${partition}`)
  }
}

/** How far the whole batches at the beginning of some bytes reach. */
export interface WholeBatches {
  /** Behind the last whole batch. */
  readonly end: number
  /** Behind the last record of it. */
  readonly nextOffset: number
  readonly lastEpoch: LeaderEpoch
}

/** @returns null when there is not one whole batch; a broker may cut the last one off */
export function wholeBatches(records: Buffer): WholeBatches | null {
  const view = new RecordBatchView(records)
  let at = 0
  for (;;) {
    const size = batchSizeAt(records, at)
    // Sizes that no batch can have are left for the checks before delivery, which say what is wrong.
    if (size === null || size < RECORD_BATCH_HEADER_BYTES) break
    view.at(records, at)
    at += size
  }
  if (at === 0) return null
  return { end: at, nextOffset: view.lastOffset + 1, lastEpoch: view.partitionLeaderEpoch }
}
