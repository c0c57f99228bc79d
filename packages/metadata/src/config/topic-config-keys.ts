/**
 * Every configuration key that a topic may have, with Kafka's names, meanings and defaults (Kafka 4.2), and one of our
 * own, `flush.policy`. A text says so where a key is accepted for compatibility and has no effect.
 */
import {
  booleanKey,
  type ConfigKeys,
  type ConfigValues,
  doubleKey,
  enumKey,
  intKey,
  listKey,
  longKey,
  NO_LIMIT,
} from './config-key.ts'
import { ConfigTable } from './config-table.ts'
import { throttledReplicasKey } from './replication-throttle.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const NO_EFFECT = 'Accepted for compatibility; has no effect.'
const NO_COMPACTION = 'Kept for log compaction, which this version does not perform yet: no effect.'
const NO_TIERS = 'Accepted for compatibility; has no effect, as there is no tiered storage.'

export const topicConfigKeys = {
  'cleanup.policy': listKey({
    default: ['delete'],
    values: ['compact', 'delete'],
    text: 'What happens to old records. delete: segments past retention.ms or retention.bytes are removed. compact: records must have keys; this version does not compact yet, so a topic with compact alone keeps everything.',
  }),
  'compression.gzip.level': intKey({ default: -1, min: -1, max: 9, text: NO_EFFECT }),
  'compression.lz4.level': intKey({ default: 9, min: 1, max: 17, text: NO_EFFECT }),
  'compression.type': enumKey({
    default: 'producer',
    values: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    text: "Batches are always kept as their producer compressed them, which is 'producer'; other values are stored without effect.",
  }),
  'compression.zstd.level': intKey({ default: 3, min: -131_072, max: 22, text: NO_EFFECT }),
  'delete.retention.ms': longKey({ default: DAY_MS, min: 0, unit: 'ms', text: NO_COMPACTION }),
  'file.delete.delay.ms': longKey({
    default: 60_000,
    min: 0,
    unit: 'ms',
    text: 'How long the file of a removed segment stays on disk, so that readers can finish.',
  }),
  'flush.messages': longKey({
    default: NO_LIMIT,
    min: 1,
    unit: 'count',
    text: `Records after which a partition is flushed. ${NO_EFFECT} See flush.policy.`,
  }),
  'flush.ms': longKey({
    default: NO_LIMIT,
    min: 0,
    unit: 'ms',
    text: 'Longest time that appended records stay unflushed with flush.policy=interval; without a limit 1000 is taken.',
  }),
  'flush.policy': enumKey({
    default: 'commit',
    values: ['commit', 'interval', 'os'],
    text: 'When a record counts as stored. commit: acks=all is answered after it is on disk. interval: disks are flushed in the background. os: the operating system decides, as in Kafka. Not known to Kafka.',
  }),
  'follower.replication.throttled.replicas': throttledReplicasKey(
    'follower',
    'Replicas that fetch no faster than follower.replication.throttled.rate of their broker while they are not in sync: each as PARTITION:BROKER with the id of the broker that follows, or * for all.',
  ),
  'index.interval.bytes': intKey({
    default: 4096,
    min: 0,
    unit: 'bytes',
    text: 'Bytes of log between two entries of the offset index.',
  }),
  'leader.replication.throttled.replicas': throttledReplicasKey(
    'leader',
    'Replicas that, where they lead, send to those that are not in sync no faster than leader.replication.throttled.rate of their broker: each as PARTITION:BROKER with the id of the broker that leads, or * for all.',
  ),
  'local.retention.bytes': longKey({ default: -2, min: -2, unit: 'bytes', text: NO_TIERS }),
  'local.retention.ms': longKey({ default: -2, min: -2, unit: 'ms', text: NO_TIERS }),
  'max.compaction.lag.ms': longKey({ default: NO_LIMIT, min: 1, unit: 'ms', text: NO_COMPACTION }),
  'max.message.bytes': intKey({
    default: 1_048_588,
    min: 0,
    unit: 'bytes',
    text: 'Largest record batch accepted, as compressed by its producer.',
  }),
  'message.timestamp.after.max.ms': longKey({
    default: 3_600_000,
    min: 0,
    unit: 'ms',
    text: "How far a record's timestamp may lie after the broker's clock, when message.timestamp.type=CreateTime.",
  }),
  'message.timestamp.before.max.ms': longKey({
    default: NO_LIMIT,
    min: 0,
    unit: 'ms',
    text: "How far a record's timestamp may lie before the broker's clock, when message.timestamp.type=CreateTime.",
  }),
  'message.timestamp.type': enumKey({
    default: 'CreateTime',
    values: ['CreateTime', 'LogAppendTime'],
    text: 'Whether records keep the timestamp of their producer or get that of their append.',
  }),
  'min.cleanable.dirty.ratio': doubleKey({
    default: 0.5,
    min: 0,
    max: 1,
    unit: 'ratio',
    text: NO_COMPACTION,
  }),
  'min.compaction.lag.ms': longKey({ default: 0, min: 0, unit: 'ms', text: NO_COMPACTION }),
  'min.insync.replicas': intKey({
    default: 1,
    min: 1,
    unit: 'count',
    text: 'In-sync replicas that must have a record before acks=all is answered; with fewer in sync, such produce requests are refused.',
  }),
  preallocate: booleanKey({ default: false, text: NO_EFFECT }),
  'remote.log.copy.disable': booleanKey({ default: false, text: NO_TIERS }),
  'remote.log.delete.on.disable': booleanKey({ default: false, text: NO_TIERS }),
  'remote.storage.enable': booleanKey({
    default: false,
    text: 'Only false is accepted, as there is no tiered storage.',
  }),
  'retention.bytes': longKey({
    default: -1,
    min: -1,
    unit: 'bytes',
    text: 'Size of a partition above which its oldest segments are removed; -1: no limit.',
  }),
  'retention.ms': longKey({
    default: 7 * DAY_MS,
    min: -1,
    unit: 'ms',
    text: 'Age above which segments are removed; -1: no limit.',
  }),
  'segment.bytes': intKey({
    default: 1024 ** 3,
    min: 1024 ** 2,
    unit: 'bytes',
    text: 'Size of a segment file. Retention removes whole segments, so larger ones mean coarser retention.',
  }),
  'segment.index.bytes': intKey({
    default: 10 * 1024 ** 2,
    min: 4,
    unit: 'bytes',
    text: "Largest size of a segment's index; a segment with a full index is closed.",
  }),
  'segment.jitter.ms': longKey({ default: 0, min: 0, unit: 'ms', text: NO_EFFECT }),
  'segment.ms': longKey({
    default: 7 * DAY_MS,
    min: 1,
    unit: 'ms',
    text: 'Age after which a segment is closed even if it is not full, so that retention can remove it.',
  }),
  'unclean.leader.election.enable': booleanKey({
    default: false,
    text: 'Whether a replica that is not in sync may become leader when no other is left, which loses records. No effect while topics have one replica.',
  }),
} as const satisfies ConfigKeys

/** The typed configuration of one topic. */
export type TopicConfig = ConfigValues<typeof topicConfigKeys>

export const topicConfigTable = new ConfigTable(topicConfigKeys)

/** @returns why a topic can't have this configuration, as a sentence for whoever asked for it; null when it can */
export function invalidTopicConfig(entries: ReadonlyMap<string, string>): string | null {
  if (entries.size === 0) return null
  for (const [name, text] of entries) {
    const invalid = topicConfigTable.invalidEntry(name, text)
    if (invalid !== null) return invalid
  }
  const config = topicConfigTable.resolve(entries)
  if (config['remote.storage.enable']) {
    return 'Invalid value true for configuration remote.storage.enable: there is no tiered storage'
  }
  if (config['min.compaction.lag.ms'] > config['max.compaction.lag.ms']) {
    return `min.compaction.lag.ms (${config['min.compaction.lag.ms']}) must not exceed max.compaction.lag.ms (${config['max.compaction.lag.ms']})`
  }
  return null
}
