/**
 * Everything a cluster knows about itself at one offset of the metadata log. Immutable: whoever holds an image may
 * read it at leisure while later ones are made from it.
 */
import { NO_NODE, NO_OFFSET, NO_TIMESTAMP, type NodeId, type Offset, type TimestampMs } from '@millrace/base'
import type { BrokersImage } from './brokers-image.ts'
import { ConfigsImage } from './configs-image.ts'
import { type PartitionImage, TopicsImage } from './topics-image.ts'

/** Up to where in the metadata log an image goes. */
export interface ImagePosition {
  /** Of the last record applied; −1 before the first. */
  readonly lastOffset: Offset
  /** Epoch of the controller that wrote it; −1 before the first. */
  readonly epoch: number
  readonly timestampMs: TimestampMs
}

export interface MetadataImageParts {
  readonly clusterId: string
  readonly controllerId: NodeId
  readonly position: ImagePosition
  readonly features: ReadonlyMap<string, number>
  readonly brokers: BrokersImage
  readonly topics: TopicsImage
  readonly configs: ConfigsImage
  readonly nextProducerId: number
}

export class MetadataImage implements MetadataImageParts {
  readonly clusterId: string
  /** The active controller, `NO_NODE` while none is known. Comes from the quorum, not from records. */
  readonly controllerId: NodeId
  readonly position: ImagePosition
  /** Level by feature name. */
  readonly features: ReadonlyMap<string, number>
  readonly brokers: BrokersImage
  readonly topics: TopicsImage
  readonly configs: ConfigsImage
  /** First that no broker was given yet. */
  readonly nextProducerId: number

  constructor(parts: MetadataImageParts) {
    this.clusterId = parts.clusterId
    this.controllerId = parts.controllerId
    this.position = parts.position
    this.features = parts.features
    this.brokers = parts.brokers
    this.topics = parts.topics
    this.configs = parts.configs
    this.nextProducerId = parts.nextProducerId
  }

  /** Before the first record. */
  static empty(clusterId: string): MetadataImage {
    return new MetadataImage({
      clusterId,
      controllerId: NO_NODE,
      position: { lastOffset: NO_OFFSET, epoch: -1, timestampMs: NO_TIMESTAMP },
      features: new Map(),
      brokers: new Map(),
      topics: TopicsImage.EMPTY,
      configs: ConfigsImage.EMPTY,
      nextProducerId: 0,
    })
  }

  partition(topicName: string, index: number): PartitionImage | undefined {
    return this.topics.partition(topicName, index)
  }

  with(changed: Partial<MetadataImageParts>): MetadataImage {
    const { clusterId, controllerId, position, features, brokers, topics, configs, nextProducerId } = this
    return new MetadataImage({
      clusterId,
      controllerId,
      position,
      features,
      brokers,
      topics,
      configs,
      nextProducerId,
      ...changed,
    })
  }
}
