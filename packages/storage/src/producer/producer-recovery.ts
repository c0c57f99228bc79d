/**
 * The producers of a log after a stop: which of the snapshots in the folder are of this log, and what follows from them.
 * Removes those that are not.
 */
import type { BufferPool, Disk, Offset } from '@millrace/base'
import { FileSuffix, parseSegmentFileName } from '../file-name.ts'
import type { ProducerEntry } from './producer-entry.ts'
import { replayProducers, snapshotPath } from './producer-replay.ts'
import type { ReplayedSegment } from './producer-replay.ts'

export interface ProducerRecoveryInput {
  readonly disk: Disk
  readonly directory: string
  /** Of the files in it. */
  readonly names: ReadonlySet<string>
  readonly pool: BufferPool
  readonly segments: readonly ReplayedSegment[]
  readonly logEndOffset: Offset
  readonly cleanShutdown: boolean
  readonly recoveryPoint: Offset
  /** Its producers are found when the damage is cut off. */
  readonly isDamaged: boolean
}

/** Plain data, so that a recovery in another thread can hand it over. */
export interface RecoveredProducers {
  readonly entries: readonly ProducerEntry[]
  /** No producer appended at or behind it, as far as known. */
  readonly endOffset: Offset
  /** Offsets of the snapshots that are left, rising. */
  readonly snapshots: readonly Offset[]
  /** Of those that were removed: not synced. */
  readonly removedSnapshots: readonly Offset[]
  readonly scannedBytes: number
}

export const NO_PRODUCERS: RecoveredProducers = {
  entries: [],
  endOffset: 0 as Offset,
  snapshots: [],
  removedSnapshots: [],
  scannedBytes: 0,
}

/** Every truncation looks for producers then. */
const NOT_KNOWN = Number.MAX_SAFE_INTEGER as Offset

/** @throws DiskError */
export function recoverProducers(input: ProducerRecoveryInput): RecoveredProducers {
  const { disk, directory, names, segments, cleanShutdown, isDamaged } = input
  const found = snapshotsIn(names)
  const usable = found.filter((offset) => isUsable(offset, input))
  // A log of a version that knew no producers: it has none, and may be too long to look at.
  const knewNone = cleanShutdown && found.length === 0
  const isUnread = knewNone || isDamaged
  const replayed = replayProducers({
    ...input,
    segments: isUnread ? [] : segments,
    snapshots: isUnread ? [] : usable,
    nowMs: -1,
  })
  const { entries, endOffset, damagedSnapshots, scannedBytes } = replayed
  const snapshots = usable.filter((offset) => !damagedSnapshots.includes(offset))
  const removedSnapshots = found.filter((offset) => !snapshots.includes(offset))
  for (const offset of removedSnapshots) disk.unlink(snapshotPath(directory, offset))
  return { entries, endOffset: isDamaged ? NOT_KNOWN : endOffset, snapshots, removedSnapshots, scannedBytes }
}

/**
 * Above the recovery point a snapshot may be of a log that was truncated since: its removal was not durable. So may the
 * one at the end of a log without batches, which was emptied.
 */
function isUsable(offset: Offset, input: ProducerRecoveryInput): boolean {
  const { segments, logEndOffset, cleanShutdown, recoveryPoint } = input
  const first = segments[0]?.baseOffset
  if (first === undefined || offset < first || offset > logEndOffset) return false
  return cleanShutdown || (offset <= recoveryPoint && logEndOffset > first)
}

function snapshotsIn(names: ReadonlySet<string>): Offset[] {
  const found: Offset[] = []
  for (const name of names) {
    const parsed = parseSegmentFileName(name)
    if (parsed?.suffix === FileSuffix.producerSnapshot && parsed.stage === '') found.push(parsed.baseOffset)
  }
  return found.toSorted((a, b) => a - b)
}
