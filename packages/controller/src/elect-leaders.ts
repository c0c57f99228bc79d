/**
 * ElectLeaders: an operator wants preferred replicas to lead again (KIP-183), or lets a replica lead that may lack
 * acknowledged records, where nobody else can (KIP-460).
 */
import { NO_NODE } from '@millrace/base'
import type { LocatedPartition, MetadataImage } from '@millrace/metadata'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { type Decision, type DecisionContext, type Refusal, refusal } from './decision.ts'
import { PartitionChanges } from './partition-changes.ts'

type Request = RequestOf<'ElectLeaders'>
type Response = ResponseInputOf<'ElectLeaders'>
type Result = Response['replicaElectionResults'][number]
type PartitionResult = Result['partitionResult'][number]

/** Numbers of the protocol. */
const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const

const ELECTED = { errorCode: ErrorCode.NONE, errorMessage: null }

/**
 * Errors: INVALID_REQUEST (no such type of election); by partition UNKNOWN_TOPIC_OR_PARTITION, ELECTION_NOT_NEEDED,
 * PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE. Asked for all partitions, those that need no election
 * are left out of the answer.
 */
export function handleElectLeaders(request: Request, context: DecisionContext): Decision<Response> {
  const { electionType, topicPartitions } = request
  if (electionType !== ElectionType.PREFERRED && electionType !== ElectionType.UNCLEAN) {
    return { records: [], response: refusedElection(topicPartitions ?? []) }
  }
  const changes = new PartitionChanges(context)
  const isForAll = topicPartitions === null
  const replicaElectionResults: Result[] = []
  for (const { topic, partitions } of topicPartitions ?? allPartitions(context.image)) {
    const found = context.image.topics.byName(topic)
    const partitionResult: PartitionResult[] = []
    for (const partitionId of partitions) {
      const located = found && changes.find(found, partitionId)
      const outcome =
        located === undefined ? unknown(topic, partitionId) : elect(located, electionType, changes)
      if (isForAll && outcome.errorCode === ErrorCode.ELECTION_NOT_NEEDED) continue
      partitionResult.push({ partitionId, ...outcome })
    }
    if (!isForAll || partitionResult.length > 0) replicaElectionResults.push({ topic, partitionResult })
  }
  const { records, uncleanElections } = changes
  return { records, response: { replicaElectionResults }, uncleanElections }
}

/** Version 0 has no other place for an error than beside each partition. */
function refusedElection(asked: NonNullable<Request['topicPartitions']>): Response {
  const errorCode = ErrorCode.INVALID_REQUEST
  const replicaElectionResults = asked.map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode })),
  }))
  return { errorCode, replicaElectionResults }
}

function* allPartitions({ topics }: MetadataImage) {
  for (const { name: topic, partitions } of topics.values()) yield { topic, partitions: partitions.keys() }
}

function unknown(topic: string, partitionId: number): Refusal {
  return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no partition ${topic}-${partitionId}.`)
}

function elect(
  located: LocatedPartition,
  electionType: number,
  changes: PartitionChanges,
): Refusal | typeof ELECTED {
  const { leader, replicas } = located.partition
  const isPreferred = electionType === ElectionType.PREFERRED
  if (isPreferred ? leader === replicas[0] : leader !== NO_NODE) {
    return refusal(ErrorCode.ELECTION_NOT_NEEDED, 'The partition has such a leader.')
  }
  const after = changes.change(located, { election: isPreferred ? 'preferred' : 'unclean' })
  if (after.leader !== NO_NODE && after.leader !== leader) return ELECTED
  return isPreferred
    ? refusal(
        ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
        'The preferred replica is not live, or not in sync with the leader.',
      )
    : refusal(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, 'No replica of the partition is live.')
}
