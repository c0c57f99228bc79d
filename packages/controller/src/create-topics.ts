/** CreateTopics: each topic of a request is created or refused on its own. */
import type { NodeId, Uuid } from '@millrace/base'
import {
  brokerConfigSources,
  collisionKey,
  ConfigResourceType,
  effectiveTopicConfig,
  invalidTopicConfig,
  invalidTopicName,
  type MetadataImage,
  type MetadataRecord,
  topicConfigTable,
} from '@millrace/metadata'
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { tooLongValue, tooMuchConfig } from './config-limits.ts'
import {
  type ControllerConfig,
  type Decision,
  type DecisionContext,
  isRefusal,
  type Refusal,
  refusal,
} from './decision.ts'
import { type Assignment, manualAssignment, partitionRecords, placedAssignment } from './new-partitions.ts'

type Request = RequestOf<'CreateTopics'>
type NewTopic = Request['topics'][number]
type Response = ResponseInputOf<'CreateTopics'>
type Result = Response['topics'][number]
type ResultConfigs = NonNullable<Result['configs']>

/** A topic that can be created. */
interface Plan {
  readonly assignment: Assignment
  readonly configs: ReadonlyMap<string, string>
}

/** How many ids `handleCreateTopics` may use. */
export function topicIdsNeeded(request: Request, config: ControllerConfig): number {
  return Math.min(request.topics.length, config.partitionsPerRequestMax)
}

/**
 * Errors per topic: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_REQUEST (named twice, both numbers and an
 * assignment, too long a value), INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT,
 * INVALID_CONFIG; for all topics POLICY_VIOLATION when the request asks for too much at once.
 */
export function handleCreateTopics(request: Request, context: DecisionContext): Decision<Response> {
  const tooMuch = oversized(request, context.config)
  const described = new ConfigDescriber(context)
  const names = new RequestedNames(request, context.image)
  const records: MetadataRecord[] = []
  let placed = 0
  let created = 0
  const topics = names.distinct.map((topic): Result => {
    const problem = tooMuch ?? names.problem(topic.name)
    const plan = problem ?? planTopic(topic, context, placed)
    if (isRefusal(plan)) return { name: topic.name, ...plan, configs: [] }
    names.take(topic.name)
    placed += plan.assignment.replicas.length
    // An id of a topic that was only checked would name a topic that never exists.
    const topicId = request.validateOnly ? undefined : context.random.topicIds[created++]!
    if (topicId !== undefined) records.push(...topicRecords(topic.name, topicId, plan, context.image))
    return {
      name: topic.name,
      topicId,
      errorCode: ErrorCode.NONE,
      numPartitions: plan.assignment.replicas.length,
      replicationFactor: plan.assignment.replicas[0]!.length,
      configs: described.configs(plan.configs),
    }
  })
  return { records, response: { topics } }
}

function oversized(request: Request, config: ControllerConfig): Refusal | null {
  const { partitionsPerRequestMax: max, defaultPartitions } = config
  let partitions = 0
  for (const { assignments, numPartitions } of request.topics) {
    partitions += Math.max(
      1,
      assignments.length || (numPartitions === -1 ? defaultPartitions : numPartitions),
    )
  }
  if (partitions > max) {
    return refusal(
      ErrorCode.POLICY_VIOLATION,
      `The request would create ${partitions} partitions, and at most ${max} are allowed at once. Create fewer topics per request, or topics with fewer partitions.`,
    )
  }
  return tooMuchConfig(request.topics)
}

function planTopic(topic: NewTopic, context: DecisionContext, placedBefore: number): Plan | Refusal {
  const assignment =
    topic.assignments.length === 0 ? placed(topic, context, placedBefore) : assigned(topic, context)
  if (isRefusal(assignment)) return assignment
  const configs = new Map<string, string>()
  for (const { name, value } of topic.configs) {
    if (value === null) {
      return refusal(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${name}`)
    }
    const tooLong = tooLongValue(name, value)
    if (tooLong !== null) return tooLong
    configs.set(name, value)
  }
  const invalid = invalidTopicConfig(configs)
  return invalid === null ? { assignment, configs } : refusal(ErrorCode.INVALID_CONFIG, invalid)
}

function placed(
  topic: NewTopic,
  { image, config, random }: DecisionContext,
  placedBefore: number,
): Assignment | Refusal {
  const { numPartitions, replicationFactor } = topic
  if (numPartitions < -1 || numPartitions === 0) {
    return refusal(
      ErrorCode.INVALID_PARTITIONS,
      'Number of partitions must be larger than 0, or -1 to use the default value.',
    )
  }
  if (replicationFactor < -1 || replicationFactor === 0) {
    return refusal(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    )
  }
  return placedAssignment(image.brokers, {
    partitions: numPartitions === -1 ? config.defaultPartitions : numPartitions,
    replicationFactor: replicationFactor === -1 ? config.defaultReplicationFactor : replicationFactor,
    start: random.placementStart + placedBefore,
  })
}

function assigned(
  { numPartitions, replicationFactor, assignments }: NewTopic,
  context: DecisionContext,
): Assignment | Refusal {
  if (numPartitions !== -1 || replicationFactor !== -1) {
    const what = numPartitions !== -1 ? 'number of partitions' : 'replication factor'
    return refusal(
      ErrorCode.INVALID_REQUEST,
      `A manual partition assignment was specified, but the ${what} was not set to -1.`,
    )
  }
  const replicas: (readonly NodeId[])[] = []
  for (const { partitionIndex, brokerIds } of assignments) {
    if (partitionIndex in replicas) {
      return refusal(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Found multiple manual partition assignments for partition ${partitionIndex}`,
      )
    }
    if (partitionIndex < 0 || partitionIndex >= assignments.length) {
      return refusal(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Partitions should be a consecutive 0-based integer sequence: ${assignments.length} were assigned, among them partition ${partitionIndex}`,
      )
    }
    replicas[partitionIndex] = brokerIds
  }
  return manualAssignment(context.image.brokers, replicas, null, 0)
}

function topicRecords(name: string, topicId: Uuid, plan: Plan, image: MetadataImage): MetadataRecord[] {
  const configs = [...plan.configs].map(([key, value]) =>
    metadataRecord('ConfigRecord', {
      resourceType: ConfigResourceType.TOPIC,
      resourceName: name,
      name: key,
      value,
    }),
  )
  return [
    metadataRecord('TopicRecord', { name, topicId }),
    ...configs,
    ...partitionRecords(image.brokers, topicId, plan.assignment, 0),
  ]
}

/** Which of the requested names may be taken: valid, asked for once, free, and not colliding with another. */
class RequestedNames {
  readonly #image: MetadataImage
  readonly #byName = new Map<string, NewTopic>()
  readonly #duplicates = new Set<string>()
  /** Names taken by this request, by collision key. */
  readonly #taken = new Map<string, string>()

  constructor(request: Request, image: MetadataImage) {
    this.#image = image
    for (const topic of request.topics) {
      if (this.#byName.has(topic.name)) this.#duplicates.add(topic.name)
      else this.#byName.set(topic.name, topic)
    }
  }

  /** Each name once, in the order of the request. */
  get distinct(): readonly NewTopic[] {
    return [...this.#byName.values()]
  }

  problem(name: string): Refusal | null {
    if (this.#duplicates.has(name)) return refusal(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.')
    const invalid = invalidTopicName(name)
    if (invalid !== null) {
      return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${invalid}`)
    }
    if (this.#image.topics.byName(name) !== undefined) {
      return refusal(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    }
    const key = collisionKey(name)
    const other =
      key === null ? undefined : (this.#image.topics.collidingNames(key)[0] ?? this.#taken.get(key))
    if (other === undefined) return null
    return refusal(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic '${name}' collides with topic '${other}': names that differ only in '.' and '_' would share their metrics.`,
    )
  }

  take(name: string): void {
    const key = collisionKey(name)
    if (key !== null) this.#taken.set(key, name)
  }
}

/** The configuration that a new topic ends up with. Most topics have none of their own: theirs is made once. */
class ConfigDescriber {
  readonly #context: DecisionContext
  #inherited: ResultConfigs | null = null

  constructor(context: DecisionContext) {
    this.#context = context
  }

  configs(own: ReadonlyMap<string, string>): ResultConfigs {
    if (own.size > 0) return this.#describe(own)
    this.#inherited ??= this.#describe(own)
    return this.#inherited
  }

  #describe(own: ReadonlyMap<string, string>): ResultConfigs {
    const { image, config } = this.#context
    const sources = brokerConfigSources(image, config.nodeId, config.staticEntries)
    return [...topicConfigTable.entries()].map(([name, key]) => {
      const { value, source } = effectiveTopicConfig(name, key, own, sources)
      return { name, value, readOnly: false, configSource: source, isSensitive: false }
    })
  }
}
