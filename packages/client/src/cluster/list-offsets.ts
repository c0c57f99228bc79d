/** Finds offsets by position or time: ListOffsets at the leaders of the partitions. */
import { leaderEpoch, timestampMs } from '@millrace/base'
import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import type { CallScope } from '../retry/call-scope.ts'
import { partitionName, requestByLeader } from './by-leader.ts'
import type { TopicPartition } from './by-leader.ts'
import type { Cluster } from './cluster.ts'
import { outcomeOf } from './settle.ts'

/**
 * `beginning`: the first record that is still there. `end`: where the next record will go. `maxTimestamp`: the record
 * with the greatest timestamp (KIP-734). A timestamp: the first record that is not older, in ms since 1970 or a Date.
 */
export type OffsetSpec = 'beginning' | 'end' | 'maxTimestamp' | { readonly timestamp: number | Date }

export interface OffsetQuery extends TopicPartition {
  readonly at: OffsetSpec
}

export interface FoundOffset extends TopicPartition {
  /** −1 when no record is that recent. */
  readonly offset: Offset
  /** Of the record found by time; −1 otherwise. */
  readonly timestamp: TimestampMs
  readonly leaderEpoch: LeaderEpoch
}

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const READ_UNCOMMITTED = 0

/** @returns in the order of `queries`; each partition may be asked about once */
export async function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  scope: CallScope,
): Promise<FoundOffset[]> {
  return await requestByLeader(cluster, 'list offsets', scope, queries, async (leader, asked, signal) => {
    const request = {
      isolationLevel: READ_UNCOMMITTED,
      topics: [...Map.groupBy(asked, (query) => query.topic)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map((query) => ({
          partitionIndex: query.partition,
          currentLeaderEpoch:
            cluster.metadata.partition(name, query.partition)?.leaderEpoch ?? leaderEpoch(-1),
          timestamp: timestampMs(wireTimestamp(query.at)),
        })),
      })),
    }
    const response = await cluster.request(leader, 'ListOffsets', request, { signal })
    return new Map(
      response.topics.flatMap(({ name: topic, partitions }) =>
        partitions.map(({ partitionIndex: partition, errorCode, offset, timestamp, leaderEpoch: epoch }) => {
          const name = partitionName({ topic, partition })
          const found = { topic, partition, offset, timestamp, leaderEpoch: epoch }
          return [name, outcomeOf(errorCode, `list offsets of ${name}`, null, () => found)] as const
        }),
      ),
    )
  })
}

function wireTimestamp(at: OffsetSpec): number {
  switch (at) {
    case 'beginning':
      return EARLIEST
    case 'end':
      return LATEST
    case 'maxTimestamp':
      return MAX_TIMESTAMP
    default:
      return Number(at.timestamp)
  }
}
