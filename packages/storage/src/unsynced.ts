/**
 * What a log that was just opened has to make durable with its first flush: after anything but a clean stop, what is there
 * may only be in memory.
 */
import { parentOf, PARTITION_METADATA } from './file-name.ts'
import type { Flusher } from './flusher.ts'
import { snapshotPath } from './producer/producer-replay.ts'
import type { RecoveryReport } from './recovery.ts'
import type { SegmentList } from './segment-list.ts'

export interface OpenedLog {
  readonly directory: string
  readonly cleanShutdown: boolean
  readonly segments: SegmentList
  readonly flusher: Flusher
}

/** Names, bytes above the recovery point, and what recovery wrote. */
export function markUnsynced(
  { directory, cleanShutdown, segments, flusher }: OpenedLog,
  { writtenIndexes, removedFiles, wasInDoubt, producers }: RecoveryReport,
): void {
  flusher.markDirectory(directory)
  flusher.markDirectory(parentOf(directory))
  flusher.markRemoved(removedFiles)
  flusher.markRemoved(producers.removedSnapshots.map((offset) => snapshotPath(directory, offset)))
  for (const segment of segments.all) {
    const isAbove = !cleanShutdown && segment.endOffset > flusher.recoveryPoint
    if (isAbove || wasInDoubt || writtenIndexes.includes(segment.baseOffset)) flusher.markSegment(segment)
  }
  if (!cleanShutdown) flusher.markSegment(segments.active)
  if (!wasInDoubt) return
  flusher.markFile(`${directory}/${PARTITION_METADATA}`)
  for (const offset of producers.snapshots) flusher.markFile(snapshotPath(directory, offset))
}
