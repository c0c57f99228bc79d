/**
 * What brokers have on their disks: how large each replica is, and how far it lags. Kafka's brokers know only sizes; how
 * many records a follower lacks is what its leader tells on the native wire.
 */
import type { NodeId } from '@millrace/base'
import type { ResponseOf } from '@millrace/protocol'
import { partitionName } from '../cluster/by-leader.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerMetadata } from '../cluster/metadata-cache.ts'
import { ConnectionError, MillraceError, TimeoutError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'

export interface ReplicaDescription extends TopicPartition {
  readonly broker: NodeId
  /** Of its segments; null where its broker did not answer. */
  readonly sizeBytes: number | null
  /** Records that its leader has and it lacks; null while not known, and with Kafka's brokers. */
  readonly lag: number | null
}

export interface ReplicaDescriptions {
  readonly replicas: readonly ReplicaDescription[]
  /** Brokers that could not be asked. */
  readonly unreachable: readonly NodeId[]
}

/** One that does not answer must not hold up what the others know. */
const BROKER_TIMEOUT_MS = 5000

type Answer = ResponseOf<'DescribeLogDirs'>

/** @param topics null: all */
export async function describeReplicas(
  cluster: Cluster,
  topics: readonly string[] | null,
  scope: CallScope,
): Promise<ReplicaDescriptions> {
  return await cluster.retrying('describe replicas', scope, async (signal) => {
    await cluster.refresh(topics ?? [])
    const { brokers } = cluster.metadata
    const answers = await Promise.all(brokers.map((broker) => askBroker(cluster, broker, topics, signal)))
    const collected = new Collected(topics)
    for (const [index, { nodeId }] of brokers.entries()) collected.add(nodeId, answers[index] ?? null)
    return collected.descriptions()
  })
}

/** Null: it could not be asked. */
async function askBroker(
  cluster: Cluster,
  broker: BrokerMetadata,
  topics: readonly string[] | null,
  signal: AbortSignal,
): Promise<Answer | null> {
  const request = {
    topics:
      topics?.flatMap((topic) => {
        const partitions = cluster.metadata.topic(topic)?.partitions.map(({ partition }) => partition)
        return partitions === undefined ? [] : [{ topic, partitions }]
      }) ?? null,
  }
  const timeoutMs = Math.min(cluster.options.requestTimeoutMs, BROKER_TIMEOUT_MS)
  try {
    return await cluster.request(broker, 'DescribeLogDirs', request, { timeoutMs, signal })
  } catch (error) {
    const isGone = error instanceof ConnectionError || error instanceof TimeoutError
    // A cluster that does not serve it knows no less of everything else.
    const isUnserved = error instanceof MillraceError && error.code === 'UNSUPPORTED_VERSION'
    if (!isGone && !isUnserved) throw error
    return null
  }
}

class Collected {
  readonly #topics: ReadonlySet<string> | null
  readonly #replicas = new Map<string, ReplicaDescription>()
  readonly #unreachable: NodeId[] = []

  constructor(topics: readonly string[] | null) {
    this.#topics = topics === null ? null : new Set(topics)
  }

  add(broker: NodeId, answer: Answer | null): void {
    if (answer === null) return void this.#unreachable.push(broker)
    for (const { topics } of answer.results) {
      for (const { name: topic, partitions } of topics) {
        if (this.#topics !== null && !this.#topics.has(topic)) continue
        for (const { partitionIndex: partition, partitionSize, followers } of partitions) {
          this.#merge({ topic, partition, broker, sizeBytes: partitionSize, lag: null })
          for (const { replicaId, offsetLag } of followers) {
            const lag = offsetLag < 0 ? null : offsetLag
            this.#merge({ topic, partition, broker: replicaId, sizeBytes: null, lag })
          }
        }
      }
    }
  }

  descriptions(): ReplicaDescriptions {
    return { replicas: [...this.#replicas.values()], unreachable: this.#unreachable }
  }

  /** A replica's size comes from its own broker, its lag from its leader. */
  #merge(found: ReplicaDescription): void {
    const key = `${partitionName(found)} ${found.broker}`
    const before = this.#replicas.get(key)
    this.#replicas.set(key, {
      ...found,
      sizeBytes: found.sizeBytes ?? before?.sizeBytes ?? null,
      lag: found.lag ?? before?.lag ?? null,
    })
  }
}
