/**
 * OffsetForLeaderEpoch v2–4: where a leader epoch ended in this leader's log (KIP-101, KIP-320). For an epoch that left
 * no records: the largest one below it that did; −1 and −1 when there is none.
 */
import type { RequestContext } from '@millrace/net'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'
import { ledPartition } from '../topics/topic-table.ts'
import type { TopicEntry, TopicTable } from '../topics/topic-table.ts'

type PartitionRequest = RequestOf<'OffsetForLeaderEpoch'>['topics'][number]['partitions'][number]
type PartitionResponse = ResponseInputOf<'OffsetForLeaderEpoch'>['topics'][number]['partitions'][number]

export function offsetForLeaderEpochHandler({
  topics,
}: {
  readonly topics: TopicTable
}): Handler<'OffsetForLeaderEpoch', RequestContext> {
  return (request) => ({
    topics: request.topics.map(({ topic, partitions }) => {
      const entry = topics.byName(topic)
      return { topic, partitions: partitions.map((asked) => endOfEpoch(entry, asked)) }
    }),
  })
}

function endOfEpoch(topic: TopicEntry | undefined, asked: PartitionRequest): PartitionResponse {
  const led = ledPartition(topic, asked.partition, asked.currentLeaderEpoch)
  if (typeof led === 'number') return { partition: asked.partition, errorCode: led }
  return { partition: asked.partition, ...led.log.endOffsetForEpoch(asked.leaderEpoch) }
}
