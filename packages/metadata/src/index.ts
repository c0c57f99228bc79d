export type { MetadataRecord } from '@millrace/protocol'
export {
  booleanKey,
  type ConfigKey,
  type ConfigKeys,
  type ConfigType,
  type ConfigUnit,
  type ConfigUpdate,
  type ConfigValues,
  describeValidValues,
  enumKey,
  formatConfigValue,
  intKey,
  listKey,
  longKey,
  NO_LIMIT,
  optionalStringKey,
  passwordKey,
} from './config/config-key.ts'
export { ConfigTable } from './config/config-table.ts'
export { describeConfigs, type DescribingBroker } from './config/describe-configs.ts'
export {
  type BrokerConfigSources,
  brokerConfigSources,
  effectiveBrokerConfig,
  effectiveTopicConfig,
  resolveTopicConfig,
} from './config/effective-config.ts'
export {
  isThrottled,
  replicationThrottleKeys,
  replicationThrottleTable,
  type ThrottledPartitions,
  throttledPartitions,
} from './config/replication-throttle.ts'
export { invalidTopicConfig, type TopicConfig, topicConfigTable } from './config/topic-config-keys.ts'
export { topicDefaultKeys } from './config/topic-defaults.ts'
export { changedPartition } from './delta/changed-partition.ts'
export { MetadataDelta } from './delta/metadata-delta.ts'
export type { TopicDelta } from './delta/topics-delta.ts'
export {
  type BrokerEndpoint,
  type BrokerImage,
  type BrokersImage,
  isAvailable,
} from './image/brokers-image.ts'
export { ALL_BROKERS, type ConfigEntries, ConfigResourceType } from './image/configs-image.ts'
export { imageDifferenceRecords } from './image/image-difference.ts'
export { imageRecords } from './image/image-records.ts'
export { type ImagePosition, MetadataImage } from './image/metadata-image.ts'
export type { LocatedPartition, PartitionImage, TopicImage } from './image/topics-image.ts'
export { collisionKey, invalidTopicName, isInternalTopic } from './topic-name.ts'
