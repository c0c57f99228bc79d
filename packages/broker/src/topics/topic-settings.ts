/** The configuration of a topic in the shapes that its partitions use. */
import type { NodeId, TimestampMs } from '@millrace/base'
import { NO_LIMIT, throttledPartitions } from '@millrace/metadata'
import type { ThrottledPartitions, TopicConfig } from '@millrace/metadata'
import type { BatchLimits } from '@millrace/record'
import type { LogConfig } from '@millrace/storage'

/**
 * When an append counts as done.
 * - `commit`: acks=all is answered after fdatasync; consumers see what is flushed.
 * - `interval`: flushed in the background `flushMs` after the first unflushed write; answers and consumers don't wait.
 * - `os`: never flushed explicitly while running (Kafka's default); a clean stop still flushes.
 */
type FlushPolicy = 'commit' | 'interval' | 'os'

export interface TopicSettings {
  readonly flushPolicy: FlushPolicy
  readonly flushMs: number
  readonly minInsyncReplicas: number
  /** Without the limits of time, which move. */
  readonly batchLimits: BatchLimits
  /** How far from the broker's clock timestamps may lie; null: not checked. */
  readonly timestampBeforeMaxMs: number | null
  readonly timestampAfterMaxMs: number | null
  readonly logConfig: LogConfig
  /** Partitions whose replica on this broker keeps to the quota of its side (KIP-73). */
  readonly throttledAsLeader: ThrottledPartitions
  readonly throttledAsFollower: ThrottledPartitions
}

/** What one compressed batch may unpack to. */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024

/** For `interval` when no interval is set. */
const DEFAULT_FLUSH_MS = 1000

/** @param brokerId on which they hold */
export function topicSettings(config: TopicConfig, brokerId: NodeId): TopicSettings {
  const flushMs = config['flush.ms']
  // The producer's times are replaced anyway.
  const checksTimes = config['message.timestamp.type'] === 'CreateTime'
  return {
    flushPolicy: config['flush.policy'],
    flushMs: flushMs === NO_LIMIT ? DEFAULT_FLUSH_MS : flushMs,
    minInsyncReplicas: config['min.insync.replicas'],
    batchLimits: {
      maxBatchBytes: config['max.message.bytes'],
      maxDecompressedBytes: DECOMPRESSED_BYTES_MAX,
      requireKey: config['cleanup.policy'].includes('compact'),
    },
    timestampBeforeMaxMs: checksTimes ? limitOrNull(config['message.timestamp.before.max.ms']) : null,
    timestampAfterMaxMs: checksTimes ? limitOrNull(config['message.timestamp.after.max.ms']) : null,
    logConfig: {
      segmentBytes: config['segment.bytes'],
      segmentMs: config['segment.ms'],
      segmentIndexBytes: config['segment.index.bytes'],
      indexIntervalBytes: config['index.interval.bytes'],
      retentionMs: config['retention.ms'],
      retentionBytes: config['retention.bytes'],
      fileDeleteDelayMs: config['file.delete.delay.ms'],
      maxMessageBytes: config['max.message.bytes'],
      messageTimestampType: config['message.timestamp.type'],
      cleanupPolicy: config['cleanup.policy'],
    },
    throttledAsLeader: throttledPartitions(config['leader.replication.throttled.replicas'], brokerId),
    throttledAsFollower: throttledPartitions(config['follower.replication.throttled.replicas'], brokerId),
  }
}

/** What a batch that arrives now must keep to. */
export function batchLimitsAt(settings: TopicSettings, nowWallMs: number): BatchLimits {
  const { batchLimits, timestampBeforeMaxMs, timestampAfterMaxMs } = settings
  if (timestampBeforeMaxMs === null && timestampAfterMaxMs === null) return batchLimits
  // Left out rather than set to something that always holds: each of them makes the validation look at every record.
  return {
    ...batchLimits,
    ...(timestampBeforeMaxMs !== null && { minTimestamp: (nowWallMs - timestampBeforeMaxMs) as TimestampMs }),
    ...(timestampAfterMaxMs !== null && { maxTimestamp: (nowWallMs + timestampAfterMaxMs) as TimestampMs }),
  }
}

function limitOrNull(value: number): number | null {
  return value === NO_LIMIT ? null : value
}
