/**
 * The producers of a log, from the latest snapshot that can be used and the headers of the batches behind it.
 *
 * Must not know: open logs, when a snapshot may be believed (the caller passes those that may). Reads only.
 */
import type { BufferPool, Disk, Offset } from '@millrace/base'
import { scanBatches } from '../batch-scan.ts'
import { FileSuffix, segmentFileName } from '../file-name.ts'
import { readFile } from '../transfer.ts'
import { entryAfter } from './producer-entry.ts'
import type { ProducerEntry } from './producer-entry.ts'
import { parseProducerSnapshot } from './producer-snapshot.ts'

export interface ProducerReplayOptions {
  readonly disk: Disk
  readonly directory: string
  readonly pool: BufferPool
  /** In order. */
  readonly segments: readonly ReplayedSegment[]
  /** Offsets of snapshots that are of this log; those below its first segment lack batches. */
  readonly snapshots: readonly Offset[]
  /** When producers were seen last that the batches alone tell of; −1: not known. */
  readonly nowMs: number
}

/** Batches of `[0, sizeBytes)` of a segment's file count. */
export interface ReplayedSegment {
  readonly baseOffset: Offset
  readonly endOffset: Offset
  readonly sizeBytes: number
}

export interface ReplayedProducers {
  readonly entries: readonly ProducerEntry[]
  /** No producer appended at or behind it, as far as known. */
  readonly endOffset: Offset
  readonly damagedSnapshots: readonly Offset[]
  readonly scannedBytes: number
}

/** @throws DiskError */
export function replayProducers(options: ProducerReplayOptions): ReplayedProducers {
  const { segments, nowMs } = options
  const { start, loaded, damagedSnapshots } = loadSnapshot(options)
  const entries = new Map(loaded.map((entry) => [entry.producerId, entry]))
  let endOffset = start
  let scannedBytes = 0
  for (const segment of segments) {
    if (segment.endOffset <= start) continue
    scannedBytes += segment.sizeBytes
    scanSegment(options, segment, (batch) => {
      const { baseOffset, producerId } = batch
      if (producerId < 0 || baseOffset < start) return null
      entries.set(producerId, entryAfter(entries.get(producerId), batch, nowMs))
      endOffset = (batch.lastOffset + 1) as Offset
      return null
    })
  }
  return { entries: [...entries.values()], endOffset, damagedSnapshots, scannedBytes }
}

export function snapshotPath(directory: string, offset: Offset): string {
  return `${directory}/${segmentFileName(offset, FileSuffix.producerSnapshot)}`
}

interface LoadedSnapshot {
  /** What it counts up to; the log's first offset without one. */
  readonly start: Offset
  readonly loaded: readonly ProducerEntry[]
  readonly damagedSnapshots: readonly Offset[]
}

function loadSnapshot({ disk, directory, segments, snapshots }: ProducerReplayOptions): LoadedSnapshot {
  const first = segments[0]?.baseOffset ?? (0 as Offset)
  const damagedSnapshots: Offset[] = []
  for (const offset of snapshots.filter((each) => each >= first).toSorted((a, b) => b - a)) {
    const bytes = readFile(disk, snapshotPath(directory, offset))
    const loaded = bytes === null ? null : parseProducerSnapshot(bytes)
    if (loaded !== null) return { start: offset, loaded, damagedSnapshots }
    damagedSnapshots.push(offset)
  }
  return { start: first, loaded: [], damagedSnapshots }
}

function scanSegment(
  { disk, directory, pool }: ProducerReplayOptions,
  { baseOffset, sizeBytes }: ReplayedSegment,
  visit: Parameters<typeof scanBatches>[1],
): void {
  const file = disk.open(`${directory}/${segmentFileName(baseOffset, FileSuffix.log)}`, 'read')
  try {
    scanBatches({ disk, pool, file, from: 0, to: sizeBytes, verifyFrom: Infinity }, visit)
  } finally {
    disk.close(file)
  }
}
