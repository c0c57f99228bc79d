/** Moves the beginning of partitions forward: what lies before is deleted. */
import { offset } from '@millrace/base'
import type { Offset } from '@millrace/base'
import { partitionName, requestByLeader } from '../cluster/by-leader.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { outcomeOf } from '../cluster/settle.ts'
import type { CallScope } from '../retry/call-scope.ts'

export interface DeleteRecordsTarget extends TopicPartition {
  /** Records below are deleted; `end`: all that are there now. */
  readonly before: number | 'end'
}

export interface DeletedRecords extends TopicPartition {
  /** The first offset that is still there. */
  readonly logStartOffset: Offset
}

const HIGH_WATERMARK = -1

export async function deleteRecords(
  cluster: Cluster,
  targets: readonly DeleteRecordsTarget[],
  scope: CallScope,
): Promise<DeletedRecords[]> {
  return await requestByLeader(cluster, 'delete records', scope, targets, async (leader, asked, signal) => {
    const request = {
      topics: [...Map.groupBy(asked, (target) => target.topic)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ partition, before }) => ({
          partitionIndex: partition,
          offset: offset(before === 'end' ? HIGH_WATERMARK : before),
        })),
      })),
      timeoutMs: cluster.options.requestTimeoutMs,
    }
    const response = await cluster.request(leader, 'DeleteRecords', request, { signal })
    return new Map(
      response.topics.flatMap(({ name: topic, partitions }) =>
        partitions.map(({ partitionIndex: partition, lowWatermark, errorCode }) => {
          const name = partitionName({ topic, partition })
          const deleted = { topic, partition, logStartOffset: lowWatermark }
          return [name, outcomeOf(errorCode, `delete records of ${name}`, null, () => deleted)] as const
        }),
      ),
    )
  })
}
