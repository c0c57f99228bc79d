/**
 * ListOffsets v1–9. By time: the first record whose timestamp is not before the one asked for, its exact offset, not
 * that of its batch; none: offset and timestamp −1 without an error. Consumers see nothing beyond the high watermark.
 */
import { DiskError, NO_LEADER_EPOCH, NO_OFFSET, NO_TIMESTAMP } from '@millrace/base'
import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { Partition } from '../partition/partition.ts'
import { ledPartition } from '../topics/topic-table.ts'
import type { TopicTable } from '../topics/topic-table.ts'

type PartitionRequest = RequestOf<'ListOffsets'>['topics'][number]['partitions'][number]
type PartitionResponse = ResponseInputOf<'ListOffsets'>['topics'][number]['partitions'][number]

const READ_COMMITTED = 1

/** Points of a log that are asked for as a timestamp. */
const SpecialTimestamp = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  /** Nothing is tiered: the same as the earliest. */
  earliestLocal: -4,
  /** Nothing is tiered: there is none. */
  latestTiered: -5,
} as const

/** Version from which a special timestamp may be asked for. */
const SINCE_VERSION: ReadonlyMap<number, number> = new Map([
  [SpecialTimestamp.latest, 1],
  [SpecialTimestamp.earliest, 1],
  [SpecialTimestamp.maxTimestamp, 7],
  [SpecialTimestamp.earliestLocal, 8],
  [SpecialTimestamp.latestTiered, 9],
])

interface FoundOffset {
  readonly offset: Offset
  readonly timestamp: TimestampMs
  readonly leaderEpoch: LeaderEpoch
}

const NONE: FoundOffset = { offset: NO_OFFSET, timestamp: NO_TIMESTAMP, leaderEpoch: NO_LEADER_EPOCH }

export function listOffsetsHandler({
  topics,
}: {
  readonly topics: TopicTable
}): Handler<'ListOffsets', RequestContext> {
  return (request, { apiVersion }) => ({
    topics: request.topics.map(({ name, partitions }) => {
      const topic = topics.byName(name)
      const committedOnly = request.isolationLevel === READ_COMMITTED
      return {
        name,
        partitions: partitions.map((asked) => {
          const partition = ledPartition(topic, asked.partitionIndex, asked.currentLeaderEpoch)
          if (typeof partition === 'number') return failed(asked, partition)
          return listOffset(partition, asked, committedOnly, apiVersion)
        }),
      }
    }),
  })
}

function listOffset(
  partition: Partition,
  asked: PartitionRequest,
  committedOnly: boolean,
  apiVersion: number,
): PartitionResponse {
  const { timestamp, partitionIndex } = asked
  if (timestamp < 0 && apiVersion < (SINCE_VERSION.get(timestamp) ?? Infinity)) {
    return failed(asked, ErrorCode.UNSUPPORTED_VERSION)
  }
  if (!partition.isHighWatermarkCurrent && isBoundByHighWatermark(timestamp)) {
    // Since version 5 there is an error of its own for it (KIP-207).
    return failed(asked, apiVersion < 5 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.OFFSET_NOT_AVAILABLE)
  }
  const endOffset = committedOnly ? partition.lastStableOffset : partition.highWatermark
  try {
    return { partitionIndex, errorCode: ErrorCode.NONE, ...findOffset(partition, timestamp, endOffset) }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    return failed(asked, ErrorCode.KAFKA_STORAGE_ERROR)
  }
}

function isBoundByHighWatermark(timestamp: TimestampMs): boolean {
  return (
    timestamp >= 0 || timestamp === SpecialTimestamp.latest || timestamp === SpecialTimestamp.maxTimestamp
  )
}

function findOffset(partition: Partition, timestamp: TimestampMs, endOffset: Offset): FoundOffset {
  const { log } = partition
  switch (timestamp) {
    case SpecialTimestamp.latest:
      return { offset: endOffset, timestamp: NO_TIMESTAMP, leaderEpoch: partition.leaderEpoch }
    case SpecialTimestamp.earliest:
    case SpecialTimestamp.earliestLocal:
      return {
        offset: log.logStartOffset,
        timestamp: NO_TIMESTAMP,
        leaderEpoch: epochOf(partition, log.logStartOffset),
      }
    case SpecialTimestamp.latestTiered:
      return NONE
    case SpecialTimestamp.maxTimestamp:
      return below(endOffset, log.maxTimestamp())
    default:
      return below(endOffset, log.findByTimestamp(timestamp, endOffset))
  }
}

/** @returns the epoch that the record at `offset` is or would be of; −1 when nothing was ever written */
function epochOf(partition: Partition, offset: Offset): LeaderEpoch {
  return (
    partition.log.leaderEpochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch ?? NO_LEADER_EPOCH
  )
}

function below(endOffset: Offset, found: FoundOffset | null): FoundOffset {
  return found !== null && found.offset < endOffset ? found : NONE
}

function failed({ partitionIndex }: PartitionRequest, errorCode: number): PartitionResponse {
  return { partitionIndex, errorCode }
}
