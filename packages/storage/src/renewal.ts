/**
 * Writing a folder again after a failed sync (`failed-sync.ts`), so that what is only seen becomes what is stored.
 *
 * Bytes are written in place, the same over the same: whatever a stop leaves of that is what was there or should be. Names
 * are given away and taken back, because a name that is set again to what it is changes nothing; a stop in between leaves
 * the other name, which `takeNamesBack` ends. Names that are gone are made and removed once more. So nothing here can lose
 * what was durable, and nothing has to be synced before it is whole. What was not durable stays so until the next flush, as
 * after any write.
 * Must not know: what the files mean; what has to be flushed.
 */
import { BufferPool } from '@millrace/base'
import type { Disk, FileId, Offset } from '@millrace/base'
import { scanBatches } from './batch-scan.ts'
import { removedBeforeFailure } from './failed-sync.ts'
import { FileSuffix, parseSegmentFileName, PARTITION_METADATA, SYNC_FAILED_MARK } from './file-name.ts'
import { readFully, writeFully } from './transfer.ts'

const CHUNK_BYTES = 2 ** 20
/** Written without a sync before they had their name: their bytes are in doubt, too. */
const UNSYNCED_SUFFIXES: readonly string[] = [
  FileSuffix.offsetIndex,
  FileSuffix.timeIndex,
  FileSuffix.producerSnapshot,
]

/** Ends what a stop interrupted: to be called before anything else reads the folder. @throws DiskError */
export function takeNamesBack(disk: Disk, directory: string): void {
  for (const { name } of disk.list(directory)) {
    if (!name.endsWith(FileSuffix.renamed)) continue
    const path = `${directory}/${name.slice(0, -FileSuffix.renamed.length)}`
    // What has the name by now is newer.
    if (disk.exists(path)) disk.unlink(`${directory}/${name}`)
    else disk.rename(`${directory}/${name}`, path)
  }
}

/** @throws DiskError */
export function renewName(disk: Disk, path: string): void {
  disk.rename(path, path + FileSuffix.renamed)
  disk.rename(path + FileSuffix.renamed, path)
}

/**
 * All of a log's folder; of its segments what lies above the recovery point, below which nothing is in doubt.
 * @throws DiskError; it may be called again then, from the beginning
 */
export function renewLogFolder(disk: Disk, directory: string, recoveryPoint: Offset): void {
  const names = disk
    .list(directory)
    .flatMap(({ name, kind }) => (kind === 'file' && name !== SYNC_FAILED_MARK ? [name] : []))
  const bases = names.flatMap((name) => {
    const parsed = parseSegmentFileName(name)
    return parsed?.suffix === FileSuffix.log && parsed.stage === '' ? [parsed.baseOffset] : []
  })
  for (const name of names) {
    const parsed = parseSegmentFileName(name)
    const path = `${directory}/${name}`
    if (parsed?.suffix === FileSuffix.log && parsed.stage === '') {
      const end = bases.find((base) => base > parsed.baseOffset) ?? Infinity
      // One that was cut at the recovery point may be longer on disk.
      if (end >= recoveryPoint) renewBytes(disk, path, (file) => positionOf(disk, file, recoveryPoint))
    } else if (name === PARTITION_METADATA || UNSYNCED_SUFFIXES.includes(parsed?.suffix ?? '')) {
      renewBytes(disk, path, () => 0)
    }
    renewName(disk, path)
  }
  for (const name of removedBeforeFailure(disk, directory)) {
    if (parseSegmentFileName(name) !== null && !names.includes(name))
      renewRemoval(disk, `${directory}/${name}`)
  }
}

function renewRemoval(disk: Disk, path: string): void {
  disk.close(disk.open(path, 'create'))
  disk.unlink(path)
}

function renewBytes(disk: Disk, path: string, startOf: (file: FileId) => number): void {
  const file = disk.open(path, 'write')
  try {
    const size = disk.size(file)
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size))
    for (let position = startOf(file); position < size;) {
      const wanted = chunk.subarray(0, Math.min(chunk.length, size - position))
      const bytes = wanted.subarray(0, readFully(disk, file, wanted, position))
      if (bytes.length === 0) break
      writeFully(disk, file, path, bytes, position)
      position += bytes.length
    }
    // That the file ends here may be in doubt as well.
    disk.truncate(file, size)
  } finally {
    disk.close(file)
  }
}

/** Of the first batch that reaches above `offset`, or of whatever is behind the last sound one. */
function positionOf(disk: Disk, file: FileId, offset: Offset): number {
  const pool = new BufferPool({ maxPooledBytes: CHUNK_BYTES })
  const options = { disk, file, pool, from: 0, to: disk.size(file), verifyFrom: Infinity }
  return scanBatches(options, (batch) => (batch.lastOffset >= offset ? 'above' : null)).end
}
