/** Leader elections that an operator asks for (KIP-183, KIP-460). */
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import { byTopic, partitionName } from '../cluster/by-leader.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { PartialFailureError } from '../cluster/settle.ts'
import { BrokerError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'

/**
 * `preferred`: the first replica leads, when it is live and in sync. `unclean`: where there is no leader, a live replica
 * becomes one even if it lacks acknowledged records, which are lost then.
 */
export type ElectionType = 'preferred' | 'unclean'

export interface ElectionOutcome extends TopicPartition {
  /** False: there was no need of an election. */
  readonly elected: boolean
}

const ELECTION_TYPE = { preferred: 0, unclean: 1 } as const

/**
 * A partition that cannot be given a leader now is a failure, and not tried again: whoever asked decides what to do.
 *
 * @param partitions null: all that need it; the others are not in the answer
 * @throws BrokerError PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION of one
 * partition, PartialFailureError of several
 */
export async function electLeaders(
  cluster: Cluster,
  type: ElectionType,
  partitions: readonly TopicPartition[] | null,
  scope: CallScope,
): Promise<ElectionOutcome[]> {
  if (partitions?.length === 0) return []
  const what = `elect ${type} leaders`
  const request = {
    electionType: ELECTION_TYPE[type],
    topicPartitions:
      partitions === null
        ? null
        : byTopic(partitions).map(([topic, asked]) => ({
            topic,
            partitions: asked.map(({ partition }) => partition),
          })),
    timeoutMs: cluster.options.requestTimeoutMs,
  }
  const answer = await cluster.retrying(what, scope, async (signal) => {
    const response = await cluster.requestController('ElectLeaders', request, signal)
    throwIfUndecided(response, what)
    return response
  })
  return outcomes(answer, type)
}

/** No decision about partitions: there was no controller to take one, or it refused the request as a whole. */
function throwIfUndecided(
  { errorCode, replicaElectionResults }: ResponseOf<'ElectLeaders'>,
  what: string,
): void {
  if (errorCode !== ErrorCode.NONE) throw new BrokerError(errorCode, what)
  for (const { partitionResult } of replicaElectionResults) {
    // Version 0 tells it of each partition.
    const undecided = partitionResult.find((result) => result.errorCode === ErrorCode.NOT_CONTROLLER)
    if (undecided !== undefined) throw new BrokerError(undecided.errorCode, what, undecided.errorMessage)
  }
}

function outcomes(
  { replicaElectionResults }: ResponseOf<'ElectLeaders'>,
  type: ElectionType,
): ElectionOutcome[] {
  const found: ElectionOutcome[] = []
  const failures = new Map<string, BrokerError>()
  for (const { topic, partitionResult } of replicaElectionResults) {
    for (const { partitionId: partition, errorCode, errorMessage } of partitionResult) {
      const elected = errorCode === ErrorCode.NONE
      if (elected || errorCode === ErrorCode.ELECTION_NOT_NEEDED) found.push({ topic, partition, elected })
      else {
        const name = partitionName({ topic, partition })
        failures.set(name, new BrokerError(errorCode, `elect the ${type} leader of ${name}`, errorMessage))
      }
    }
  }
  const [only] = failures.values()
  if (only === undefined) return found
  const total = found.length + failures.size
  throw total === 1 ? only : new PartialFailureError(`elect ${type} leaders`, failures, total)
}
