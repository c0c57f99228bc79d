/**
 * What the committed metadata records have said, ever: what acknowledged changes are held against.
 *
 * Owns: facts with the time at which they were first made known as committed. Must not know: who asked for them.
 * Invariants: facts are only added; hearing of one again changes nothing.
 */
import type { MetadataRecord } from '@millrace/metadata'

export interface TopicFacts {
  readonly name: string
  readonly topicId: string
  readonly createdMs: number
  /** Null while it exists. */
  removedMs: number | null
  partitions: number
  /** When it had that many. */
  partitionsMs: number
  /** By partition: whoever has had a replica of it. */
  readonly holders: Map<number, Set<number>>
}

export class MetadataFacts {
  readonly #byId = new Map<string, TopicFacts>()
  readonly #configs = new Map<string, number>()

  get topics(): Iterable<TopicFacts> {
    return this.#byId.values()
  }

  topic(topicId: string): TopicFacts | undefined {
    return this.#byId.get(topicId)
  }

  /** In the order of their creation, those that are gone as well. */
  named(name: string): TopicFacts[] {
    return [...this.#byId.values()].filter((topic) => topic.name === name)
  }

  /** When this became the value; undefined: it never did. */
  configSetMs(topic: string, key: string, value: string): number | undefined {
    return this.#configs.get(`${topic}/${key}=${value}`)
  }

  add(records: readonly MetadataRecord[], nowMs: number): void {
    for (const record of records) this.#addOne(record, nowMs)
  }

  #addOne(record: MetadataRecord, nowMs: number): void {
    switch (record.type) {
      case 'TopicRecord': {
        const { name, topicId } = record
        if (this.#byId.has(topicId)) return
        this.#byId.set(topicId, {
          name,
          topicId,
          createdMs: nowMs,
          removedMs: null,
          partitions: 0,
          partitionsMs: nowMs,
          holders: new Map(),
        })
        return
      }
      case 'PartitionRecord': {
        const topic = this.#byId.get(record.topicId)
        if (topic === undefined) return
        addHolders(topic, record.partitionId, record.replicas)
        if (record.partitionId < topic.partitions) return
        topic.partitions = record.partitionId + 1
        topic.partitionsMs = nowMs
        return
      }
      case 'PartitionChangeRecord': {
        const topic = this.#byId.get(record.topicId)
        if (topic !== undefined) addHolders(topic, record.partitionId, record.replicas ?? [])
        return
      }
      case 'RemoveTopicRecord': {
        const topic = this.#byId.get(record.topicId)
        if (topic !== undefined) topic.removedMs ??= nowMs
        return
      }
      case 'ConfigRecord': {
        const key = `${record.resourceName}/${record.name}=${record.value ?? ''}`
        if (!this.#configs.has(key)) this.#configs.set(key, nowMs)
        return
      }
      default:
    }
  }
}

function addHolders({ holders }: TopicFacts, partition: number, replicas: readonly number[]): void {
  const known = holders.get(partition) ?? new Set()
  holders.set(partition, known)
  for (const id of replicas) known.add(id)
}
