/**
 * Requests about partitions go to the partitions' leaders: this groups partitions by leader, sends one request to
 * each, and sends again those whose leader was another one by now.
 */
import { ErrorCode } from '@millrace/protocol'
import type { Endpoint } from '@millrace/base'
import { settle } from './settle.ts'
import type { Outcome } from './settle.ts'
import { formatEndpoint } from '../bootstrap.ts'
import { BrokerError, ConnectionError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'
import type { Cluster } from './cluster.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `topic-partition`, as Kafka writes it. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** Partitions of one topic together, as most requests want them. */
export function byTopic<Place extends TopicPartition>(partitions: readonly Place[]): [string, Place[]][] {
  return [...Map.groupBy(partitions, ({ topic }) => topic)]
}

/**
 * @param send asks one leader about some of the partitions, once; outcomes are keyed by `partitionName`
 * @returns results in the order of `partitions`
 */
export async function requestByLeader<Asked extends TopicPartition, Result>(
  cluster: Cluster,
  what: string,
  scope: CallScope,
  partitions: readonly Asked[],
  send: (
    leader: Endpoint,
    asked: readonly Asked[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, Outcome<Result>>>,
): Promise<Result[]> {
  const byName = new Map(partitions.map((partition) => [partitionName(partition), partition]))
  for (const topic of new Set(partitions.map((partition) => partition.topic)))
    await cluster.topic(topic, scope)
  const { unknownTopicTimeoutMs } = cluster.options
  const batch = { what, keys: [...byName.keys()], unknownTopicTimeoutMs }
  return await settle(cluster, batch, scope, async (pending, signal) => {
    const outcomes = new Map<string, Outcome<Result>>()
    const leaders = new Map<string, { readonly leader: Endpoint; readonly asked: Asked[] }>()
    for (const name of pending) {
      const asked = byName.get(name)!
      const leader = cluster.route(asked.topic, asked.partition)
      if (leader === undefined) outcomes.set(name, noLeader(cluster, what, asked))
      else groupOf(leaders, leader).push(asked)
    }
    const answers = [...leaders.values()].map(async ({ leader, asked }) => ({
      asked,
      answer: await tried(send(leader, asked, signal)),
    }))
    for (const { asked, answer } of await Promise.all(answers)) {
      for (const partition of asked) {
        const name = partitionName(partition)
        const outcome = answer instanceof BrokerError ? answer : answer.get(name)
        if (outcome !== undefined) outcomes.set(name, outcome)
      }
    }
    return outcomes
  })
}

function groupOf<Asked>(
  leaders: Map<string, { readonly leader: Endpoint; readonly asked: Asked[] }>,
  leader: Endpoint,
): Asked[] {
  const key = formatEndpoint(leader)
  const group = leaders.get(key) ?? { leader, asked: [] }
  leaders.set(key, group)
  return group.asked
}

function noLeader(cluster: Cluster, what: string, asked: TopicPartition): BrokerError {
  const place = `${what} of ${partitionName(asked)}`
  const partitions = cluster.metadata.topic(asked.topic)?.partitions.length ?? 0
  if (asked.partition < partitions) return new BrokerError(ErrorCode.LEADER_NOT_AVAILABLE, place)
  const detail = partitions === 0 ? null : `the topic has partitions 0 to ${partitions - 1}`
  return new BrokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, place, detail)
}

/** One unreachable leader must not lose what the others have answered. */
async function tried<T>(answer: Promise<T>): Promise<T | BrokerError> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ConnectionError) {
      return new BrokerError(ErrorCode.NETWORK_EXCEPTION, 'request to the leader', error.message)
    }
    throw error
  }
}
