/** Replaces a small file so that a crash leaves the old content or the new one, never a mixture. */
import type { Disk, FileId } from '@millrace/base'
import { diskErrorOf, step } from './disk-step.ts'
import type { DiskDone } from './disk-step.ts'
import { failedSyncs, syncDirectory } from './failed-sync.ts'
import { writeFully } from './transfer.ts'

export const TEMPORARY_SUFFIX = '.tmp'

/**
 * Writes beside the file, syncs, renames over it, syncs the directory; `done` runs later, when the new content is durable.
 * At most one replacement of a path at a time.
 */
export function replaceFile(
  disk: Disk,
  directory: string,
  name: string,
  content: Buffer,
  done: DiskDone,
): void {
  const path = `${directory}/${name}`
  const temporary = path + TEMPORARY_SUFFIX
  step(done, () => {
    const file = writeTemporary(disk, temporary, content)
    disk.sync(file, (syncError) => {
      const closeError = diskErrorOf(() => disk.close(file))
      const error = syncError ?? closeError
      if (error !== null) return done(error)
      step(done, () => {
        const known = failedSyncs(disk, directory)
        disk.rename(temporary, path)
        syncDirectory(disk, directory, known, done)
      })
    })
  })
}

function writeTemporary(disk: Disk, path: string, content: Buffer): FileId {
  const file = disk.open(path, 'create')
  try {
    disk.truncate(file, 0)
    writeFully(disk, file, path, content, 0)
    return file
  } catch (error) {
    disk.close(file)
    throw error
  }
}
