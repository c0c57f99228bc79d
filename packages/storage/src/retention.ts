/** Which segments a log need not keep any longer. Pure: sizes and times in, a number out. */
import type { Offset, TimestampMs } from '@millrace/base'
import type { LogConfig } from './log-config.ts'

export interface RetainedSegment {
  readonly sizeBytes: number
  readonly endOffset: Offset
  /** −1 without any: such a segment never expires by time. */
  readonly maxTimestamp: TimestampMs
}

export interface RetentionLimits {
  readonly config: LogConfig
  readonly nowWallMs: number
  readonly highWatermark: Offset
  readonly logStartOffset: Offset
}

/**
 * Counts segments from the start of the log that fell out of it: below the log start offset, all older than
 * `retention.ms`, or beyond `retention.bytes`. None above the high watermark. The last segment may be among them, when
 * it has records and all expired; by size it never is.
 */
export function countDeletable(segments: readonly RetainedSegment[], limits: RetentionLimits): number {
  const { config, highWatermark } = limits
  let excessBytes = config.retentionBytes < 0 ? 0 : totalBytes(segments) - config.retentionBytes
  let count = 0
  for (const segment of segments) {
    const isActive = count === segments.length - 1
    if (segment.endOffset > highWatermark || (isActive && segment.sizeBytes === 0)) break
    const isOld = isBelowStart(segment, limits, isActive) || isExpired(segment, limits)
    const isExcess =
      !isActive && deletes(config) && config.retentionBytes >= 0 && excessBytes >= segment.sizeBytes
    if (!isOld && !isExcess) break
    excessBytes -= segment.sizeBytes
    count++
  }
  return count
}

function isBelowStart(
  segment: RetainedSegment,
  { logStartOffset }: RetentionLimits,
  isActive: boolean,
): boolean {
  return !isActive && segment.endOffset <= logStartOffset
}

function isExpired({ maxTimestamp }: RetainedSegment, { config, nowWallMs }: RetentionLimits): boolean {
  return (
    deletes(config) &&
    config.retentionMs >= 0 &&
    maxTimestamp >= 0 &&
    nowWallMs - maxTimestamp > config.retentionMs
  )
}

function deletes(config: LogConfig): boolean {
  return config.cleanupPolicy.includes('delete')
}

function totalBytes(segments: readonly RetainedSegment[]): number {
  let sum = 0
  for (const { sizeBytes } of segments) sum += sizeBytes
  return sum
}
