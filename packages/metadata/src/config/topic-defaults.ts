/**
 * The broker-wide keys that stand behind topic keys: a topic without its own `retention.ms` takes the broker's
 * `log.retention.ms`, else `log.retention.minutes`, else `log.retention.hours`. Names and order are Kafka's. The keys
 * are derived from the topic keys, so that type, bounds and text are said once.
 */
import { type ConfigKey, type ConfigKeys, intKey, NO_LIMIT } from './config-key.ts'
import { topicConfigKeys } from './topic-config-keys.ts'

/** A broker key that a topic key falls back on. */
export interface TopicConfigSynonym {
  readonly name: string
  /** What one unit of the broker's value is in units of the topic's: 3,600,000 for hours. */
  readonly factor: number
}

interface SynonymDeclaration {
  readonly name: string
  readonly in?: 'minutes' | 'hours'
  /** Of the broker key, where it is the one that carries the default of the whole chain. */
  readonly default?: number
}

const FACTOR = { minutes: 60_000, hours: 3_600_000 } as const

const declarations: ReadonlyMap<string, readonly SynonymDeclaration[]> = new Map(
  Object.entries({
    'cleanup.policy': [{ name: 'log.cleanup.policy' }],
    'compression.gzip.level': [{ name: 'compression.gzip.level' }],
    'compression.lz4.level': [{ name: 'compression.lz4.level' }],
    'compression.type': [{ name: 'compression.type' }],
    'compression.zstd.level': [{ name: 'compression.zstd.level' }],
    'delete.retention.ms': [{ name: 'log.cleaner.delete.retention.ms' }],
    'file.delete.delay.ms': [{ name: 'log.segment.delete.delay.ms' }],
    'flush.messages': [{ name: 'log.flush.interval.messages' }],
    'flush.ms': [
      { name: 'log.flush.interval.ms' },
      { name: 'log.flush.scheduler.interval.ms', default: NO_LIMIT },
    ],
    'flush.policy': [{ name: 'log.flush.policy' }],
    'index.interval.bytes': [{ name: 'log.index.interval.bytes' }],
    'local.retention.bytes': [{ name: 'log.local.retention.bytes' }],
    'local.retention.ms': [{ name: 'log.local.retention.ms' }],
    'max.compaction.lag.ms': [{ name: 'log.cleaner.max.compaction.lag.ms' }],
    'max.message.bytes': [{ name: 'message.max.bytes' }],
    'message.timestamp.after.max.ms': [{ name: 'log.message.timestamp.after.max.ms' }],
    'message.timestamp.before.max.ms': [{ name: 'log.message.timestamp.before.max.ms' }],
    'message.timestamp.type': [{ name: 'log.message.timestamp.type' }],
    'min.cleanable.dirty.ratio': [{ name: 'log.cleaner.min.cleanable.ratio' }],
    'min.compaction.lag.ms': [{ name: 'log.cleaner.min.compaction.lag.ms' }],
    'min.insync.replicas': [{ name: 'min.insync.replicas' }],
    preallocate: [{ name: 'log.preallocate' }],
    'retention.bytes': [{ name: 'log.retention.bytes' }],
    'retention.ms': [
      { name: 'log.retention.ms' },
      { name: 'log.retention.minutes', in: 'minutes' },
      { name: 'log.retention.hours', in: 'hours', default: 168 },
    ],
    'segment.bytes': [{ name: 'log.segment.bytes' }],
    'segment.index.bytes': [{ name: 'log.index.size.max.bytes' }],
    'segment.jitter.ms': [
      { name: 'log.roll.jitter.ms' },
      { name: 'log.roll.jitter.hours', in: 'hours', default: 0 },
    ],
    'segment.ms': [{ name: 'log.roll.ms' }, { name: 'log.roll.hours', in: 'hours', default: 168 }],
    'unclean.leader.election.enable': [{ name: 'unclean.leader.election.enable' }],
  } satisfies { [Name in keyof typeof topicConfigKeys]?: readonly SynonymDeclaration[] }),
)

const NO_SYNONYMS: readonly TopicConfigSynonym[] = []
const synonymsByTopicKey: ReadonlyMap<string, readonly TopicConfigSynonym[]> = new Map(
  [...declarations].map(([topicKey, synonyms]) => [
    topicKey,
    synonyms.map(({ name, in: unit }) => ({ name, factor: unit === undefined ? 1 : FACTOR[unit] })),
  ]),
)

/** Broker keys behind a topic key, the one that wins first; empty for a key that brokers have no default for. */
export function topicConfigSynonyms(topicKey: string): readonly TopicConfigSynonym[] {
  return synonymsByTopicKey.get(topicKey) ?? NO_SYNONYMS
}

/** The broker keys themselves, for the table of a server's configuration. */
export const topicDefaultKeys: ConfigKeys = Object.fromEntries(
  [...declarations].flatMap(([topicKeyName, synonyms]) =>
    synonyms.map((synonym, index) => [synonym.name, brokerKey(topicKeyName, synonyms, index)]),
  ),
)

function brokerKey(topicKeyName: string, chain: readonly SynonymDeclaration[], index: number): ConfigKey {
  const topicKey: ConfigKey = topicConfigKeys[topicKeyName as keyof typeof topicConfigKeys]
  const synonym = chain[index]!
  const next = chain[index + 1]
  const text = `${topicKey.text} For topics that do not set ${topicKeyName}.`
  if (synonym.in !== undefined && synonym.default !== undefined) {
    return intKey({ default: synonym.default, min: topicKey.min === -1 ? -1 : 0, unit: synonym.in, text })
  }
  const key: ConfigKey = {
    ...topicKey,
    text,
    ...(index === 0 ? { update: 'dynamic' } : { unit: synonym.in ?? 'ms' }),
  }
  if (synonym.default !== undefined) return { ...key, default: synonym.default }
  if (next === undefined) return key
  return { ...key, default: null, nullable: true, text: `${text} Not set: ${next.name}.` }
}
