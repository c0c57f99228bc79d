/** Whole reads and writes over a `Disk` whose calls may be short. */
import { DiskError } from '@millrace/base'
import type { Disk, FileId } from '@millrace/base'

/** @returns bytes read: fewer than `into` holds only at the end of the file */
export function readFully(disk: Disk, file: FileId, into: Uint8Array, position: number): number {
  let done = disk.pread(file, into, position)
  if (done === into.length) return done
  for (;;) {
    const read = disk.pread(file, into.subarray(done), position + done)
    done += read
    if (read === 0 || done === into.length) return done
  }
}

/** Throws a `DiskError` naming `path` when a call fails; what was written before stays. */
export function writeFully(
  disk: Disk,
  file: FileId,
  path: string,
  bytes: Uint8Array,
  position: number,
): void {
  for (let done = 0; done < bytes.length;) {
    const written = disk.pwritev(file, [bytes.subarray(done)], position + done)
    if (written === 0) throw new DiskError('EIO', path, 'write nothing to')
    done += written
  }
}

/** @returns the content, or null when there is no such file */
export function readFile(disk: Disk, path: string): Buffer | null {
  if (!disk.exists(path)) return null
  const file = disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(disk.size(file))
    return bytes.subarray(0, readFully(disk, file, bytes, 0))
  } finally {
    disk.close(file)
  }
}
