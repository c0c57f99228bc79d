/**
 * What a topic's configuration says about its logs. Keys carry Kafka's names and meanings in camel case; the values
 * come validated from the metadata, so that nothing here has bounds or texts.
 */

export interface LogConfig {
  /** A segment is closed before it grows beyond this (`segment.bytes`). */
  readonly segmentBytes: number
  /** A segment is closed when a batch is this much younger than the segment's first (`segment.ms`). */
  readonly segmentMs: number
  /** Size at which an offset or time index is full and its segment is closed (`segment.index.bytes`). */
  readonly segmentIndexBytes: number
  /** Bytes of log between two index entries (`index.interval.bytes`). */
  readonly indexIntervalBytes: number
  /** −1: no limit (`retention.ms`). */
  readonly retentionMs: number
  /** −1: no limit (`retention.bytes`). */
  readonly retentionBytes: number
  /** `file.delete.delay.ms`: from the renaming of a dropped segment to its unlinking. */
  readonly fileDeleteDelayMs: number
  /** Largest batch that a producer may append (`max.message.bytes`); checked by the caller that validates batches. */
  readonly maxMessageBytes: number
  /** `message.timestamp.type` */
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  /** Retention by time and size applies only where it contains `delete` (`cleanup.policy`). */
  readonly cleanupPolicy: readonly ('delete' | 'compact')[]
}

/** Kafka's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 2 ** 30,
  segmentMs: 7 * 24 * 3_600_000,
  segmentIndexBytes: 10 * 2 ** 20,
  indexIntervalBytes: 4096,
  retentionMs: 7 * 24 * 3_600_000,
  retentionBytes: -1,
  fileDeleteDelayMs: 60_000,
  maxMessageBytes: 1_048_588,
  messageTimestampType: 'CreateTime',
  cleanupPolicy: ['delete'],
}
