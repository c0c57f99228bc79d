/**
 * Files that a stopped process left half way: segments being dropped, compactions being swapped in, checkpoints being
 * replaced. Runs once before a log is opened; a crash in between is cleared up by the next run.
 */
import type { BufferPool, Disk, Offset } from '@millrace/base'
import { scanBatches } from './batch-scan.ts'
import { FileSuffix, parseSegmentFileName, segmentFileName, SYNC_FAILED_MARK } from './file-name.ts'
import type { SegmentFileName } from './file-name.ts'
import { takeNamesBack } from './renewal.ts'
import { TEMPORARY_SUFFIX } from './replace-file.ts'

export interface Leftovers {
  /** Bases of complete segments, rising. */
  readonly segments: Offset[]
  /** Names of the files that were removed or renamed. */
  readonly cleared: string[]
  /** All that are left: so that nobody else has to look, once for each of thousands of partitions. */
  readonly names: ReadonlySet<string>
  /** A sync of the folder or of a file in it failed: what is seen of them may not be stored. */
  readonly isInDoubt: boolean
}

/** @returns what remains in the folder: every segment in it has its final name */
export function clearLeftovers(disk: Disk, directory: string, pool: BufferPool): Leftovers {
  const cleared: string[] = []
  const names = new Set(finalNames(disk, directory))
  const unlink = (name: string) => {
    disk.unlink(`${directory}/${name}`)
    names.delete(name)
    cleared.push(name)
  }
  const files: (SegmentFileName & { readonly name: string })[] = []
  for (const name of names) {
    const parsed = parseSegmentFileName(name)
    if (parsed !== null) files.push({ ...parsed, name })
    else if (name.endsWith(TEMPORARY_SUFFIX)) unlink(name)
  }
  const segments = new Set(files.filter(isSegmentLog).map((file) => file.baseOffset))
  // A compaction makes all its `.cleaned` files before it renames the first to `.swap`. While one is left, the swaps
  // from there on are incomplete and the segments that they replace still there.
  const cleaned = files.filter(({ stage }) => stage === FileSuffix.cleaned)
  const incompleteFrom = Math.min(Infinity, ...cleaned.map((file) => file.baseOffset))
  for (const { name, stage, suffix, baseOffset } of files) {
    if (stage === FileSuffix.deleted || stage === FileSuffix.cleaned) unlink(name)
    if (stage !== FileSuffix.swap) continue
    if (suffix !== FileSuffix.log || baseOffset >= incompleteFrom) unlink(name)
    else {
      finishSwap(disk, directory, pool, { baseOffset, segments, names, unlink })
      cleared.push(name)
    }
  }
  for (const { name, stage, suffix, baseOffset } of files) {
    const isIndex = suffix === FileSuffix.offsetIndex || suffix === FileSuffix.timeIndex
    if (stage === '' && isIndex && !segments.has(baseOffset)) unlink(name)
  }
  const isInDoubt = names.has(SYNC_FAILED_MARK)
  return { segments: [...segments].toSorted((a, b) => a - b), cleared, names, isInDoubt }
}

function finalNames(disk: Disk, directory: string): string[] {
  const names = disk.list(directory).map(({ name }) => name)
  if (!names.some((name) => name.endsWith(FileSuffix.renamed))) return names
  takeNamesBack(disk, directory)
  return disk.list(directory).map(({ name }) => name)
}

function isSegmentLog({ suffix, stage }: SegmentFileName): boolean {
  return suffix === FileSuffix.log && stage === ''
}

interface Swap {
  readonly baseOffset: Offset
  readonly segments: Set<Offset>
  readonly names: Set<string>
  unlink(name: string): void
}

/** Drops the segments whose offsets the compacted one covers, then gives it its name; its indexes are rebuilt later. */
function finishSwap(
  disk: Disk,
  directory: string,
  pool: BufferPool,
  { baseOffset, segments, names, unlink }: Swap,
): void {
  const name = segmentFileName(baseOffset, FileSuffix.log)
  const path = `${directory}/${name}${FileSuffix.swap}`
  const file = disk.open(path, 'read')
  let endOffset: number = baseOffset
  try {
    scanBatches({ disk, file, pool, from: 0, to: disk.size(file), verifyFrom: Infinity }, (batch) => {
      endOffset = batch.lastOffset + 1
      return null
    })
  } finally {
    disk.close(file)
  }
  for (const replaced of segments) {
    if (replaced < baseOffset || (replaced >= endOffset && replaced !== baseOffset)) continue
    unlink(segmentFileName(replaced, FileSuffix.log))
    segments.delete(replaced)
  }
  // Indexes of the old segment would lie about the new one. Those of the other replaced ones are orphans, removed last.
  for (const suffix of [FileSuffix.offsetIndex, FileSuffix.timeIndex]) {
    if (names.has(segmentFileName(baseOffset, suffix))) unlink(segmentFileName(baseOffset, suffix))
  }
  disk.rename(path, `${directory}/${name}`)
  names.delete(name + FileSuffix.swap)
  names.add(name)
  segments.add(baseOffset)
}
