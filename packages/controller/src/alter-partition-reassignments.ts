/**
 * AlterPartitionReassignments: partitions get other replicas, or keep those they had (KIP-455). New replicas are added at
 * once and catch up; AlterPartition completes the reassignment when they are in sync, and only then old ones go.
 */
import type { NodeId } from '@millrace/base'
import type { BrokersImage, LocatedPartition, PartitionImage } from '@millrace/metadata'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { type Decision, type DecisionContext, type Refusal, refusal } from './decision.ts'
import type { WantedPartition } from './partition-change.ts'
import { PartitionChanges } from './partition-changes.ts'

type Request = RequestOf<'AlterPartitionReassignments'>
type PartitionRequest = Request['topics'][number]['partitions'][number]
type Response = ResponseInputOf<'AlterPartitionReassignments'>

/** What a reassignment, or its end, changes at once. */
type Plan = Required<Pick<WantedPartition, 'replicas' | 'addingReplicas' | 'removingReplicas' | 'isr'>>

/**
 * A reassignment that is in progress is replaced by a new one; null instead of replicas cancels it.
 * Errors by partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT (no replicas, one twice, not registered, or
 * nobody in sync would be left), INVALID_REPLICATION_FACTOR (changed without leave), NO_REASSIGNMENT_IN_PROGRESS.
 */
export function handleAlterPartitionReassignments(
  request: Request,
  context: DecisionContext,
): Decision<Response> {
  const { brokers, topics } = context.image
  const changes = new PartitionChanges(context)
  const responses = request.topics.map(({ name, partitions }) => {
    const topic = topics.byName(name)
    return {
      name,
      partitions: partitions.map((asked) => {
        const located = topic && changes.find(topic, asked.partitionIndex)
        const outcome =
          located === undefined
            ? refusal(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                `There is no partition ${name}-${asked.partitionIndex}.`,
              )
            : reassign(located, asked, brokers, request, changes)
        return { partitionIndex: asked.partitionIndex, ...outcome }
      }),
    }
  })
  const { records, uncleanElections } = changes
  const { allowReplicationFactorChange } = request
  return { records, response: { allowReplicationFactorChange, responses }, uncleanElections }
}

const DONE = { errorCode: ErrorCode.NONE, errorMessage: null }

function reassign(
  located: LocatedPartition,
  { replicas }: PartitionRequest,
  brokers: BrokersImage,
  { allowReplicationFactorChange }: Request,
  changes: PartitionChanges,
): Refusal | typeof DONE {
  const { partition } = located
  const problem =
    replicas === null
      ? cancelProblem(partition)
      : (targetProblem(replicas, brokers) ??
        (allowReplicationFactorChange ? null : factorProblem(replicas, partition)))
  if (problem !== null) return problem
  const plan = replicas === null ? cancellation(partition) : reassignment(partition, replicas)
  if (!leavesSomebody(partition, plan)) {
    return refusal(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `None of the replicas ${plan.replicas.join(', ')} is in sync: it would take an unclean leader election.`,
    )
  }
  changes.change(located, plan)
  return DONE
}

/* ------------------------------------------------ what is refused */

function cancelProblem(partition: PartitionImage): Refusal | null {
  return isInProgress(partition)
    ? null
    : refusal(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, 'The partition is not being reassigned.')
}

function targetProblem(replicas: readonly NodeId[], brokers: BrokersImage): Refusal | null {
  const invalid = (reason: string): Refusal => refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, reason)
  if (replicas.length === 0) return invalid('The manual partition assignment includes an empty replica list.')
  if (new Set(replicas).size !== replicas.length) {
    return invalid(
      `The manual partition assignment includes a broker more than once: ${replicas.join(', ')}.`,
    )
  }
  const stranger = replicas.find((id) => !brokers.has(id))
  return stranger === undefined
    ? null
    : invalid(
        `The manual partition assignment includes broker ${stranger}, but no such broker is registered.`,
      )
}

function factorProblem(target: readonly NodeId[], partition: PartitionImage): Refusal | null {
  const { replicas, removingReplicas } = partition
  const factor = replicas.length - removingReplicas.length
  return target.length === factor
    ? null
    : refusal(
        ErrorCode.INVALID_REPLICATION_FACTOR,
        `The replication factor is changed from ${factor} to ${target.length}`,
      )
}

/** Is there anybody left who has every acknowledged record? */
function leavesSomebody({ eligibleLeaderReplicas }: PartitionImage, { replicas, isr }: Plan): boolean {
  return isr.length > 0 || eligibleLeaderReplicas.some((id) => replicas.includes(id))
}

/* ------------------------------------------------ what is planned */

export function isInProgress({ addingReplicas, removingReplicas }: PartitionImage): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0
}

/** Replicas that an earlier reassignment wanted to add, and this one does not, go at once. */
function reassignment(partition: PartitionImage, target: readonly NodeId[]): Plan {
  const before = beforeReassignment(partition)
  const removingReplicas = before.filter((id) => !target.includes(id))
  const replicas = [...target, ...removingReplicas]
  return {
    replicas,
    addingReplicas: target.filter((id) => !before.includes(id)),
    removingReplicas,
    isr: partition.isr.filter((id) => replicas.includes(id)),
  }
}

/** Everything as it was, but for the order. */
function cancellation(partition: PartitionImage): Plan {
  const replicas = beforeReassignment(partition)
  const isr = partition.isr.filter((id) => replicas.includes(id))
  return { replicas, addingReplicas: [], removingReplicas: [], isr }
}

function beforeReassignment({ replicas, addingReplicas }: PartitionImage): readonly NodeId[] {
  return replicas.filter((id) => !addingReplicas.includes(id))
}
