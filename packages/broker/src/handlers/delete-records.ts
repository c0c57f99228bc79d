/**
 * DeleteRecords v0–2 (KIP-107): moves the log start offset; −1 stands for the high watermark, beyond which nothing can
 * be deleted. Moving it back, or to where it is, changes nothing. Answered once the new start is durable.
 */
import { NO_OFFSET } from '@millrace/base'
import type { Offset } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { Partition } from '../partition/partition.ts'
import { ledPartition } from '../topics/topic-table.ts'
import type { TopicTable } from '../topics/topic-table.ts'

type TopicRequest = RequestOf<'DeleteRecords'>['topics'][number]
type PartitionRequest = TopicRequest['partitions'][number]
type TopicResponse = ResponseInputOf<'DeleteRecords'>['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

const HIGH_WATERMARK = -1

export function deleteRecordsHandler({
  topics,
}: {
  readonly topics: TopicTable
}): Handler<'DeleteRecords', RequestContext> {
  return async (request) => ({
    topics: await Promise.all(request.topics.map((topic) => deleteInTopic(topics, topic))),
  })
}

async function deleteInTopic(topics: TopicTable, { name, partitions }: TopicRequest): Promise<TopicResponse> {
  const topic = topics.byName(name)
  const results = partitions.map(async (asked) => {
    const partition = ledPartition(topic, asked.partitionIndex)
    return typeof partition === 'number' ? failed(asked, partition) : deleteInPartition(partition, asked)
  })
  return { name, partitions: await Promise.all(results) }
}

function deleteInPartition(
  partition: Partition,
  asked: PartitionRequest,
): PartitionResponse | Promise<PartitionResponse> {
  const { log, highWatermark } = partition
  if (!log.config.cleanupPolicy.includes('delete')) return failed(asked, ErrorCode.POLICY_VIOLATION)
  const target = asked.offset === HIGH_WATERMARK ? highWatermark : asked.offset
  if (target < 0 || target > highWatermark) return failed(asked, ErrorCode.OFFSET_OUT_OF_RANGE)
  const { partitionIndex } = asked
  if (target <= log.logStartOffset) return deleted(partitionIndex, log.logStartOffset)
  return new Promise((resolve) => {
    partition.deleteRecords(target, (error) =>
      resolve(
        error === null ? deleted(partitionIndex, target) : failed(asked, ErrorCode.KAFKA_STORAGE_ERROR),
      ),
    )
  })
}

function deleted(partitionIndex: number, lowWatermark: Offset): PartitionResponse {
  return { partitionIndex, lowWatermark, errorCode: ErrorCode.NONE }
}

function failed({ partitionIndex }: PartitionRequest, errorCode: number): PartitionResponse {
  return { partitionIndex, lowWatermark: NO_OFFSET, errorCode }
}
