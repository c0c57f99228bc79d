/**
 * Which value of a key holds, and why: a topic's own, else what is set at run time for this broker, else for all
 * brokers, else what this broker was started with, else the default. DescribeConfigs shows the whole chain.
 */
import type { NodeId } from '@millrace/base'
import type { ConfigEntries } from '../image/configs-image.ts'
import type { MetadataImage } from '../image/metadata-image.ts'
import { type ConfigKey, formatConfigValue } from './config-key.ts'
import { type TopicConfig, topicConfigTable } from './topic-config-keys.ts'
import { type TopicConfigSynonym, topicConfigSynonyms } from './topic-defaults.ts'

/** Where a value comes from; numbers as in DescribeConfigs. */
export const ConfigSource = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource]

/** A broker's own configuration: what holds for topics that say nothing. */
export interface BrokerConfigSources {
  /** Set at run time for this broker. */
  readonly broker: ConfigEntries
  /** Set at run time for all brokers. */
  readonly allBrokers: ConfigEntries
  /** From this broker's file, flags and environment: only what was set there. */
  readonly static: ConfigEntries
}

interface ConfigSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: ConfigSource
}

export interface EffectiveConfig {
  readonly name: string
  readonly key: ConfigKey
  /** Null: not set. */
  readonly value: string | null
  readonly source: ConfigSource
  /** Every value that is set for it, the one that holds first. */
  readonly synonyms: readonly ConfigSynonym[]
}

export function brokerConfigSources(
  image: MetadataImage,
  brokerId: NodeId,
  staticEntries: ConfigEntries,
): BrokerConfigSources {
  return {
    broker: image.configs.forBroker(brokerId),
    allBrokers: image.configs.forAllBrokers(),
    static: staticEntries,
  }
}

/** The typed configuration that holds for a topic on this broker. */
export function resolveTopicConfig(topic: ConfigEntries, broker: BrokerConfigSources): TopicConfig {
  const inherited = new Map<string, string>()
  for (const [name] of topicConfigTable.entries()) {
    if (topic.has(name)) continue
    const [first] = brokerSynonyms(name, broker)
    if (first !== undefined) inherited.set(name, first.topicValue)
  }
  return topicConfigTable.resolve(topic, inherited)
}

/** @param topic the topic's own entries */
export function effectiveTopicConfig(
  name: string,
  key: ConfigKey,
  topic: ConfigEntries,
  broker: BrokerConfigSources,
): EffectiveConfig {
  const inherited = brokerSynonyms(name, broker)
  const own = topic.get(name)
  const defaultValue = formatConfigValue(key, key.default)
  const synonyms: ConfigSynonym[] = inherited.map(({ name, value, source }) => ({ name, value, source }))
  if (own !== undefined) synonyms.unshift({ name, value: own, source: ConfigSource.TOPIC })
  // As Kafka has it: a default counts as a synonym only where the broker key of the same unit carries it.
  const [primary, ...others] = topicConfigSynonyms(name)
  if (primary !== undefined && others.length === 0) {
    synonyms.push({ name: primary.name, value: defaultValue, source: ConfigSource.DEFAULT })
  }
  const value = own ?? inherited[0]?.topicValue ?? defaultValue
  return { name, key, value, source: synonyms[0]?.source ?? ConfigSource.DEFAULT, synonyms }
}

export function effectiveBrokerConfig(
  name: string,
  key: ConfigKey,
  sources: BrokerConfigSources,
): EffectiveConfig {
  const synonyms: ConfigSynonym[] = []
  for (const { entries, source } of inPrecedence(sources)) {
    const value = entries.get(name)
    if (value !== undefined) synonyms.push({ name, value, source })
  }
  const defaultValue = formatConfigValue(key, key.default)
  if (defaultValue !== null) synonyms.push({ name, value: defaultValue, source: ConfigSource.DEFAULT })
  const [first] = synonyms
  return { name, key, value: first?.value ?? null, source: first?.source ?? ConfigSource.DEFAULT, synonyms }
}

interface InheritedValue extends ConfigSynonym {
  readonly value: string
  /** `value` in the topic key's unit. */
  readonly topicValue: string
}

function brokerSynonyms(topicKey: string, sources: BrokerConfigSources): InheritedValue[] {
  const values: InheritedValue[] = []
  const synonyms = topicConfigSynonyms(topicKey)
  for (const { entries, source } of inPrecedence(sources)) {
    if (entries.size === 0) continue
    for (const synonym of synonyms) {
      const value = entries.get(synonym.name)
      if (value === undefined) continue
      values.push({ name: synonym.name, value, source, topicValue: inTopicUnit(value, synonym) })
    }
  }
  return values
}

function inPrecedence(sources: BrokerConfigSources): { entries: ConfigEntries; source: ConfigSource }[] {
  return [
    { entries: sources.broker, source: ConfigSource.DYNAMIC_BROKER },
    { entries: sources.allBrokers, source: ConfigSource.DYNAMIC_DEFAULT_BROKER },
    { entries: sources.static, source: ConfigSource.STATIC_BROKER },
  ]
}

/** −1, "no limit", is −1 in every unit. */
function inTopicUnit(value: string, synonym: TopicConfigSynonym): string {
  if (synonym.factor === 1 || value === '-1') return value
  return String(Number(value) * synonym.factor)
}
