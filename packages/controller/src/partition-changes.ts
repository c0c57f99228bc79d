/**
 * The changes of partitions that one decision makes, as records, and what there is to tell of them. Finds out which rules
 * hold for each partition: what its topic is configured to, and which brokers may lead.
 *
 * Invariant: a partition that is changed twice in one decision is changed from what the first change made of it.
 */
import type { LeaderEpoch, NodeId, Uuid } from '@millrace/base'
import {
  type BrokerImage,
  isAvailable,
  type LocatedPartition,
  type MetadataImage,
  type MetadataRecord,
  type PartitionImage,
  type TopicImage,
} from '@millrace/metadata'
import type { DecisionContext } from './decision.ts'
import { directoryOf } from './log-directory.ts'
import { changePartition, type PartitionRules, type WantedPartition } from './partition-change.ts'

/** A replica leads that may lack acknowledged records: they are lost if it does. */
export interface UncleanElection {
  readonly topic: string
  readonly partition: number
  readonly leader: NodeId
  readonly leaderEpoch: LeaderEpoch
}

/** What is being decided on a broker, and is not in the image yet. */
export interface BrokerEvent {
  readonly brokerId: NodeId
  /** `gone`: leads nothing. `stopping`: is made leader of nothing any more. `live`: may lead. */
  readonly becomes: 'gone' | 'stopping' | 'live'
}

type RulesContext = Pick<DecisionContext, 'image' | 'config'>

const LEADS = { gone: false, stopping: false, live: true } as const

export class PartitionChanges {
  readonly #context: RulesContext
  readonly #event: BrokerEvent | null
  readonly #records: MetadataRecord[] = []
  readonly #uncleanElections: UncleanElection[] = []
  readonly #changed = new Map<Uuid, Map<number, PartitionImage>>()
  readonly #clusterMinInsyncReplicas: number
  /** Of the topic that was last asked for: partitions of a topic come one after another. */
  #rules: { readonly topicId: Uuid; readonly rules: PartitionRules } | null = null

  constructor(context: RulesContext, event: BrokerEvent | null = null) {
    this.#context = context
    this.#event = event
    this.#clusterMinInsyncReplicas = clusterMinInsyncReplicas(context.image)
  }

  get records(): readonly MetadataRecord[] {
    return this.#records
  }

  get uncleanElections(): readonly UncleanElection[] {
    return this.#uncleanElections
  }

  /** As it stands after what was decided so far. */
  find(topic: TopicImage, partitionId: number): LocatedPartition | undefined {
    const partition = this.#changed.get(topic.id)?.get(partitionId) ?? topic.partitions[partitionId]
    return partition === undefined ? undefined : { topic, partitionId, partition }
  }

  /** @returns the partition after the change; the very same if there was nothing to change */
  change(located: LocatedPartition, wanted: WantedPartition): PartitionImage {
    const { topic, partitionId } = located
    const { record, partition, isUncleanElection } = changePartition(located, wanted, this.rules(topic))
    if (record === null) return partition
    this.#records.push(record)
    const changed = this.#changed.get(topic.id)
    if (changed === undefined) this.#changed.set(topic.id, new Map([[partitionId, partition]]))
    else changed.set(partitionId, partition)
    if (isUncleanElection) {
      const { leader, leaderEpoch } = partition
      this.#uncleanElections.push({ topic: topic.name, partition: partitionId, leader, leaderEpoch })
    }
    return partition
  }

  rules(topic: TopicImage): PartitionRules {
    if (this.#rules?.topicId === topic.id) return this.#rules.rules
    const { image, config } = this.#context
    const entries = image.configs.forTopic(topic.name)
    const minimum = entries.get(MIN_INSYNC_REPLICAS)
    const unclean = entries.get(UNCLEAN_ELECTION) ?? inherited(this.#context, config.nodeId, UNCLEAN_ELECTION)
    const rules: PartitionRules = {
      minInsyncReplicas: minimum === undefined ? this.#clusterMinInsyncReplicas : Number(minimum),
      allowsUncleanElection: unclean?.toLowerCase() === 'true',
      directoryOf: (id) => directoryOf(image.brokers, id),
      mayLead: (id) => this.#mayLead(id),
      mayStayLeader: (id) => this.#mayStayLeader(id),
    }
    this.#rules = { topicId: topic.id, rules }
    return rules
  }

  /** Whether a crash may take from the broker what it has acknowledged. */
  mayLoseAcknowledged(topic: TopicImage, brokerId: NodeId): boolean {
    const own = this.#context.image.configs.forTopic(topic.name).get('flush.policy')
    const policy = own ?? inherited(this.#context, brokerId, 'log.flush.policy') ?? 'commit'
    return policy !== 'commit'
  }

  #mayLead(id: NodeId): boolean {
    const event = this.#event
    if (event?.brokerId === id) return LEADS[event.becomes]
    const broker = this.#context.image.brokers.get(id)
    return broker !== undefined && isAvailable(broker)
  }

  #mayStayLeader(id: NodeId): boolean {
    const event = this.#event
    if (event?.brokerId === id) return event.becomes !== 'gone'
    const broker: BrokerImage | undefined = this.#context.image.brokers.get(id)
    return broker !== undefined && !broker.fenced
  }
}

const MIN_INSYNC_REPLICAS = 'min.insync.replicas'
const UNCLEAN_ELECTION = 'unclean.leader.election.enable'

/**
 * The least that holds on any broker for a topic that does not set its own. What a broker was started with is not known
 * here: without a value for all brokers it may be 1. Too small a value makes no replica eligible that is not.
 */
function clusterMinInsyncReplicas({ brokers, configs }: MetadataImage): number {
  const forAll = Number(configs.forAllBrokers().get(MIN_INSYNC_REPLICAS) ?? 1)
  let least = forAll
  for (const id of brokers.keys()) {
    least = Math.min(least, Number(configs.forBroker(id).get(MIN_INSYNC_REPLICAS) ?? forAll))
  }
  return least
}

/** What is set for topics that do not set it themselves; of what nodes were started with, only this one's is known. */
function inherited({ image, config }: RulesContext, brokerId: NodeId, key: string): string | undefined {
  const { configs } = image
  return (
    configs.forBroker(brokerId).get(key) ?? configs.forAllBrokers().get(key) ?? config.staticEntries.get(key)
  )
}
