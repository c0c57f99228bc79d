/**
 * The difference between two images, made by replaying records: the only way in which metadata ever changes. Controllers
 * replay what they decided, brokers what was committed, and both get the same image from the same records.
 *
 * Invariant: the base image stays as it is. A record that contradicts the base asserts: the log or our own code is
 * broken, and going on would let nodes drift apart.
 */
import { assert } from '@millrace/base'
import type { MetadataRecord } from '@millrace/protocol'
import type { ImagePosition, MetadataImage } from '../image/metadata-image.ts'
import { BrokersDelta } from './brokers-delta.ts'
import { ConfigsDelta } from './configs-delta.ts'
import { TopicsDelta } from './topics-delta.ts'

export class MetadataDelta {
  readonly base: MetadataImage
  readonly topics: TopicsDelta
  readonly configs: ConfigsDelta
  readonly brokers: BrokersDelta
  /** Level after the delta; 0: the feature is gone (KIP-584). */
  readonly #features = new Map<string, number>()
  #nextProducerId: number

  constructor(base: MetadataImage) {
    this.base = base
    this.topics = new TopicsDelta(base.topics)
    this.configs = new ConfigsDelta(base.configs)
    this.brokers = new BrokersDelta(base.brokers)
    this.#nextProducerId = base.nextProducerId
  }

  get isEmpty(): boolean {
    const { topics, configs, brokers } = this
    const isStructureEmpty = topics.isEmpty && configs.isEmpty && brokers.isEmpty
    return isStructureEmpty && this.#features.size === 0 && this.#nextProducerId === this.base.nextProducerId
  }

  /** Features whose level changed; 0: gone. */
  get features(): ReadonlyMap<string, number> {
    return this.#features
  }

  replayAll(records: Iterable<MetadataRecord>): this {
    for (const record of records) this.replay(record)
    return this
  }

  replay(record: MetadataRecord): void {
    switch (record.type) {
      case 'TopicRecord':
        return this.topics.replayTopic(record)
      case 'PartitionRecord':
        return this.topics.replayPartition(record)
      case 'PartitionChangeRecord':
        return this.topics.replayPartitionChange(record)
      case 'RemoveTopicRecord':
        return this.configs.replayTopicRemoved(this.topics.replayRemove(record))
      case 'ConfigRecord':
        return this.configs.replayConfig(record)
      case 'RegisterBrokerRecord':
        return this.brokers.replayRegister(record)
      case 'UnregisterBrokerRecord':
        return this.brokers.replayUnregister(record)
      case 'BrokerRegistrationChangeRecord':
        return this.brokers.replayChange(record)
      case 'FeatureLevelRecord':
        this.#features.set(record.name, record.featureLevel)
        return
      case 'ProducerIdsRecord':
        assert(record.nextProducerId > this.#nextProducerId, 'producer ids are given once')
        this.#nextProducerId = record.nextProducerId
        return
      case 'NoOpRecord':
        return
    }
  }

  /** The image after the records replayed so far. */
  apply(position: ImagePosition): MetadataImage {
    return this.base.with({
      position,
      features: this.#appliedFeatures(),
      brokers: this.brokers.apply(),
      topics: this.topics.apply(),
      configs: this.configs.apply(),
      nextProducerId: this.#nextProducerId,
    })
  }

  #appliedFeatures(): ReadonlyMap<string, number> {
    if (this.#features.size === 0) return this.base.features
    const features = new Map([...this.base.features, ...this.#features])
    for (const [name, level] of this.#features) if (level === 0) features.delete(name)
    return features
  }
}
