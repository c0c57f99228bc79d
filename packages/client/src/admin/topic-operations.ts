/** Creating, deleting, growing and listing topics. */
import type { Uuid } from '@millrace/base'
import { nodeId } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { CallScope } from '../retry/call-scope.ts'
import { outcomeOf, settle } from '../cluster/settle.ts'

export interface NewTopic {
  readonly name: string
  /** Default: the cluster's `num.partitions`. */
  readonly partitions?: number | undefined
  /** Default: the cluster's `default.replication.factor`. */
  readonly replicationFactor?: number | undefined
  /** Brokers by partition, the preferred leader first, in place of `partitions` and `replicationFactor`. */
  readonly assignments?: readonly (readonly number[])[] | undefined
  /** Topic configs by Kafka's names, such as `{ 'retention.ms': '86400000' }`. */
  readonly configs?: Readonly<Record<string, string | null>> | undefined
}

export interface CreatedTopic {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: number
  readonly replicationFactor: number
}

export interface TopicListing {
  readonly name: string
  readonly topicId: Uuid
  readonly isInternal: boolean
  readonly partitions: number
}

export interface NewPartitions {
  readonly name: string
  /** How many partitions the topic has afterwards, the present ones included. */
  readonly totalPartitions: number
  /** Brokers of each new partition; chosen by the cluster when left out. */
  readonly assignments?: readonly (readonly number[])[] | undefined
}

const CHOSEN_BY_CLUSTER = -1

export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
  validateOnly: boolean,
  scope: CallScope,
): Promise<CreatedTopic[]> {
  const byName = new Map(topics.map((topic) => [topic.name, topic]))
  const names = topics.map((topic) => topic.name)
  // Topics of tries of which nobody knows what came.
  const unanswered = new Set<string>()
  return await settle(cluster, { what: 'create topics', keys: names }, scope, async (pending, signal) => {
    const unsure = new Set(unanswered)
    if (!validateOnly) for (const name of pending) unanswered.add(name)
    const request = {
      topics: pending.map((name) => createRequest(byName.get(name)!)),
      timeoutMs: cluster.options.requestTimeoutMs,
      validateOnly,
    }
    const { topics: answers } = await cluster.requestController('CreateTopics', request, signal)
    for (const { name, errorCode } of answers)
      if (errorCode !== ErrorCode.REQUEST_TIMED_OUT) unanswered.delete(name)
    return new Map(
      answers.map(({ name, topicId, errorCode, errorMessage, numPartitions, replicationFactor }) => [
        name,
        outcomeOf(
          errorCode,
          `create topic ${name}`,
          explained(name, errorCode, errorMessage, unsure),
          () => ({
            name,
            topicId,
            partitions: numPartitions,
            replicationFactor,
          }),
        ),
      ]),
    )
  })
}

/** A topic does not say which request it came from, so a retried creation that finds one can't be called a success. */
function explained(
  name: string,
  errorCode: number,
  message: string | null | undefined,
  unsure: ReadonlySet<string>,
): string | null | undefined {
  if (errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS || !unsure.has(name)) return message
  return (
    `topic '${name}' exists. An earlier try of this call, which got no answer, may have created it, or ` +
    'somebody else: see whether describeTopics shows what was asked for'
  )
}

function createRequest({ name, partitions, replicationFactor, assignments = [], configs = {} }: NewTopic) {
  return {
    name,
    numPartitions: partitions ?? CHOSEN_BY_CLUSTER,
    replicationFactor: replicationFactor ?? CHOSEN_BY_CLUSTER,
    assignments: assignments.map((brokers, partitionIndex) => ({
      partitionIndex,
      brokerIds: brokers.map(nodeId),
    })),
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  }
}

export async function deleteTopics(
  cluster: Cluster,
  names: readonly string[],
  scope: CallScope,
): Promise<void> {
  await settle(cluster, { what: 'delete topics', keys: names }, scope, async (pending, signal) => {
    const request = {
      topics: pending.map((name) => ({ name })),
      timeoutMs: cluster.options.requestTimeoutMs,
    }
    const { responses } = await cluster.requestController('DeleteTopics', request, signal)
    return new Map(
      responses.map(({ name, errorCode, errorMessage }) => [
        name ?? '',
        outcomeOf(errorCode, `delete topic ${name}`, errorMessage, () => true),
      ]),
    )
  })
}

export async function createPartitions(
  cluster: Cluster,
  topics: readonly NewPartitions[],
  validateOnly: boolean,
  scope: CallScope,
): Promise<void> {
  const byName = new Map(topics.map((topic) => [topic.name, topic]))
  const names = topics.map((topic) => topic.name)
  await settle(cluster, { what: 'create partitions', keys: names }, scope, async (pending, signal) => {
    const request = {
      topics: pending.map((name) => growRequest(byName.get(name)!)),
      timeoutMs: cluster.options.requestTimeoutMs,
      validateOnly,
    }
    const { results } = await cluster.requestController('CreatePartitions', request, signal)
    return new Map(
      results.map(({ name, errorCode, errorMessage }) => [
        name,
        outcomeOf(errorCode, `create partitions of ${name}`, errorMessage, () => true),
      ]),
    )
  })
}

function growRequest({ name, totalPartitions, assignments }: NewPartitions) {
  return {
    name,
    count: totalPartitions,
    assignments: assignments?.map((brokers) => ({ brokerIds: brokers.map(nodeId) })) ?? null,
  }
}

export async function listTopics(cluster: Cluster, scope: CallScope): Promise<TopicListing[]> {
  const response = await cluster.retrying('list topics', scope, (signal) =>
    cluster.requestAny('Metadata', { topics: null, allowAutoTopicCreation: false }, { signal }),
  )
  return response.topics
    .map(({ name, topicId, isInternal, partitions }) => ({
      name: name ?? '',
      topicId,
      isInternal,
      partitions: partitions.length,
    }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}
