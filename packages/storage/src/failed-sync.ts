/**
 * The mark that a failed sync leaves in its folder (`sync-failed`), for whoever comes after it.
 *
 * The kernel takes pages and names whose sync failed for clean: everybody still sees them, every later sync of them
 * succeeds, and a power cut takes them away. Whoever saw the failure can refuse to go on; the next process has only the
 * mark to know it by, and begins by writing everything in doubt again (`renewal.ts`).
 * The mark need not be durable: the power cut that takes it away takes with it what was seen and not stored.
 * Invariants: the mark grows with each failure, by a line with the names of files whose removal may not be stored; names
 * that changed before a failure are never told durable after it.
 */
import { DiskError } from '@millrace/base'
import type { Disk } from '@millrace/base'
import { diskErrorOf } from './disk-step.ts'
import type { DiskDone } from './disk-step.ts'
import { SYNC_FAILED_MARK } from './file-name.ts'
import { readFile, writeFully } from './transfer.ts'

/**
 * Rises with each sync of the folder, or of a file in it, that fails, until everything in it was written again.
 * @throws DiskError
 */
export function failedSyncs(disk: Disk, directory: string): number {
  const path = `${directory}/${SYNC_FAILED_MARK}`
  if (!disk.exists(path)) return 0
  const file = disk.open(path, 'read')
  try {
    // One that was cut off before its first byte counts all the same.
    return Math.max(1, disk.size(file))
  } finally {
    disk.close(file)
  }
}

/**
 * Best effort, as the disk is not well.
 * @param removed names that were there, and may still be on disk
 * @returns why there is no mark
 */
export function leaveSyncFailedMark(
  disk: Disk,
  directory: string,
  removed: Iterable<string> = [],
): DiskError | null {
  const path = `${directory}/${SYNC_FAILED_MARK}`
  return diskErrorOf(() => {
    const file = disk.open(path, 'create')
    try {
      writeFully(disk, file, path, Buffer.from(`${[...removed].join(' ')}\n`), disk.size(file))
    } finally {
      disk.close(file)
    }
  })
}

/** Names that the mark tells of. @throws DiskError */
export function removedBeforeFailure(disk: Disk, directory: string): string[] {
  const content = readFile(disk, `${directory}/${SYNC_FAILED_MARK}`)
  return content === null ? [] : content.toString('latin1').split(/\s+/)
}

/** Everything in the folder was written again. @throws DiskError */
export function removeSyncFailedMark(disk: Disk, directory: string): void {
  const path = `${directory}/${SYNC_FAILED_MARK}`
  if (disk.exists(path)) disk.unlink(path)
}

/**
 * Makes names in a folder durable.
 * @param known `failedSyncs` from before the first of the names in question changed
 * @param done gets an error, too, when another sync of the folder has failed since: it may have been for these names
 */
export function syncDirectory(disk: Disk, directory: string, known: number, done: DiskDone): void {
  disk.syncDir(directory, (error) => {
    if (error !== null) {
      const markError = leaveSyncFailedMark(disk, directory)
      if (markError !== null) error.cause = markError
      return done(error)
    }
    let failed = known
    const readError = diskErrorOf(() => (failed = failedSyncs(disk, directory)))
    done(
      readError ?? (failed > known ? new DiskError('EIO', directory, 'sync, after it failed once,') : null),
    )
  })
}
