/** CreatePartitions: more partitions for topics that exist. There is no way to have fewer. */
import type { MetadataImage, MetadataRecord, TopicImage } from '@millrace/metadata'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { type Decision, type DecisionContext, isRefusal, type Refusal, refusal } from './decision.ts'
import { type Assignment, manualAssignment, partitionRecords, placedAssignment } from './new-partitions.ts'

type Request = RequestOf<'CreatePartitions'>
type Growth = Request['topics'][number]
type Response = ResponseInputOf<'CreatePartitions'>
type Result = Response['results'][number]

/**
 * Errors per topic: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT,
 * INVALID_REPLICATION_FACTOR (too few brokers), INVALID_REQUEST (named twice), POLICY_VIOLATION (too many at once).
 */
export function handleCreatePartitions(request: Request, context: DecisionContext): Decision<Response> {
  const { image } = context
  const records: MetadataRecord[] = []
  let placed = 0
  const results = distinct(request).map(({ growth, duplicate }): Result => {
    const { name } = growth
    if (duplicate) return { name, ...refusal(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.') }
    const topic = image.topics.byName(name)
    if (topic === undefined) {
      return { name, ...refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`) }
    }
    const problem = growthProblem(growth, topic, context.config.partitionsPerRequestMax - placed)
    const assignment = problem ?? newReplicas(growth, topic, context, placed)
    if (isRefusal(assignment)) return { name, ...assignment }
    placed += assignment.replicas.length
    if (!request.validateOnly) records.push(...growthRecords(image, topic, assignment))
    return { name, errorCode: ErrorCode.NONE, errorMessage: null }
  })
  return { records, response: { results } }
}

/** Each name once, in the order of the request. */
function distinct(request: Request): { readonly growth: Growth; readonly duplicate: boolean }[] {
  const count = new Map<string, number>()
  for (const { name } of request.topics) count.set(name, (count.get(name) ?? 0) + 1)
  const first = new Map(request.topics.toReversed().map((growth) => [growth.name, growth]))
  return [...count].map(([name, times]) => ({ growth: first.get(name)!, duplicate: times > 1 }))
}

function growthProblem({ count, assignments }: Growth, topic: TopicImage, left: number): Refusal | null {
  const existing = topic.partitions.length
  const added = count - existing
  if (added === 0) {
    return refusal(ErrorCode.INVALID_PARTITIONS, `Topic already has ${existing} partition(s).`)
  }
  if (added < 0) {
    return refusal(
      ErrorCode.INVALID_PARTITIONS,
      `The topic ${topic.name} currently has ${existing} partition(s); ${count} would not be an increase.`,
    )
  }
  if (added > left) {
    return refusal(
      ErrorCode.POLICY_VIOLATION,
      `The request would add ${added} partitions to ${topic.name}, and at most ${left} more are allowed at once. Add them in steps.`,
    )
  }
  if (assignments !== null && assignments.length !== added) {
    return refusal(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Attempted to add ${added} additional partition(s), but ${assignments.length} assignment(s) were specified.`,
    )
  }
  return null
}

function newReplicas(
  { count, assignments }: Growth,
  topic: TopicImage,
  context: DecisionContext,
  placedBefore: number,
): Assignment | Refusal {
  const { brokers } = context.image
  const existing = topic.partitions.length
  const replicationFactor = replicationFactorOf(topic) ?? context.config.defaultReplicationFactor
  if (assignments !== null) {
    const replicas = assignments.map(({ brokerIds }) => brokerIds)
    return manualAssignment(brokers, replicas, replicationFactor, existing)
  }
  return placedAssignment(brokers, {
    partitions: count - existing,
    replicationFactor,
    start: context.random.placementStart + placedBefore,
  })
}

/** As it will be when reassignments that are in progress are done. */
function replicationFactorOf({ partitions: [first] }: TopicImage): number | undefined {
  return first === undefined ? undefined : first.replicas.length - first.removingReplicas.length
}

function growthRecords(image: MetadataImage, topic: TopicImage, assignment: Assignment): MetadataRecord[] {
  return partitionRecords(image.brokers, topic.id, assignment, topic.partitions.length)
}
