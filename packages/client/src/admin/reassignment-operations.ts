/** Moving partitions to other brokers (KIP-455). */
import { nodeId } from '@millrace/base'
import type { NodeId } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { byTopic, partitionName } from '../cluster/by-leader.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { outcomeOf, settle } from '../cluster/settle.ts'
import type { Outcome } from '../cluster/settle.ts'
import type { CallScope } from '../retry/call-scope.ts'
import { requireSuccess } from './quorum-operations.ts'

export interface PartitionReassignment extends TopicPartition {
  /** The brokers that are to have it, the preferred leader first; null: cancel the reassignment that is going on. */
  readonly replicas: readonly number[] | null
}

export interface OngoingReassignment extends TopicPartition {
  /** All that there are now, those that come and those that go among them. */
  readonly replicas: readonly NodeId[]
  /** They copy the partition, and stay. */
  readonly addingReplicas: readonly NodeId[]
  /** They go when those that are added have caught up. */
  readonly removingReplicas: readonly NodeId[]
}

/**
 * Resolves when the controller has begun the reassignments; `listPartitionReassignments` shows those that still go on.
 * @throws BrokerError INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS, UNKNOWN_TOPIC_OR_PARTITION of one
 * partition, PartialFailureError of several
 */
export async function alterPartitionReassignments(
  cluster: Cluster,
  reassignments: readonly PartitionReassignment[],
  scope: CallScope,
): Promise<void> {
  const what = 'reassign partitions'
  const byName = new Map(reassignments.map((reassignment) => [partitionName(reassignment), reassignment]))
  let attempts = 0
  await settle(cluster, { what, keys: [...byName.keys()] }, scope, async (pending, signal) => {
    const isRepeated = attempts++ > 0
    const request = {
      timeoutMs: cluster.options.requestTimeoutMs,
      topics: byTopic(pending.map((name) => byName.get(name)!)).map(([name, asked]) => ({
        name,
        partitions: asked.map(({ partition, replicas }) => ({
          partitionIndex: partition,
          replicas: replicas?.map(nodeId) ?? null,
        })),
      })),
    }
    const answer = await cluster.requestController('AlterPartitionReassignments', request, signal)
    requireSuccess(answer, what)
    const outcomes = new Map<string, Outcome<true>>()
    for (const { name: topic, partitions } of answer.responses) {
      for (const { partitionIndex: partition, errorCode, errorMessage } of partitions) {
        const name = partitionName({ topic, partition })
        // The answer to the try that cancelled it may have been lost.
        const isCancelled = isRepeated && errorCode === ErrorCode.NO_REASSIGNMENT_IN_PROGRESS
        const code = isCancelled ? ErrorCode.NONE : errorCode
        outcomes.set(
          name,
          outcomeOf(code, `reassign ${name}`, errorMessage, () => true),
        )
      }
    }
    return outcomes
  })
}

/** @param partitions null: all */
export async function listPartitionReassignments(
  cluster: Cluster,
  partitions: readonly TopicPartition[] | null,
  scope: CallScope,
): Promise<OngoingReassignment[]> {
  const what = 'list reassignments'
  const topics =
    partitions === null
      ? null
      : byTopic(partitions).map(([name, asked]) => ({
          name,
          partitionIndexes: asked.map(({ partition }) => partition),
        }))
  const answer = await cluster.retrying(what, scope, async (signal) => {
    const request = { timeoutMs: cluster.options.requestTimeoutMs, topics }
    const response = await cluster.requestController('ListPartitionReassignments', request, signal)
    requireSuccess(response, what)
    return response
  })
  return answer.topics
    .flatMap(({ name: topic, partitions: ongoing }) =>
      ongoing.map(({ partitionIndex: partition, replicas, addingReplicas, removingReplicas }) => ({
        topic,
        partition,
        replicas,
        addingReplicas,
        removingReplicas,
      })),
    )
    .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}
