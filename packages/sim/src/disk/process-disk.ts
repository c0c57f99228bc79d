/**
 * A machine's disk as one process sees it: calls throw once the process is dead, syncs complete in its events, writes
 * leave a trace.
 */
import type { Disk } from '@millrace/base'
import type { Incarnation } from '../kernel/incarnation.ts'
import { EventKind, type Trace } from '../kernel/trace.ts'
import type { SimDisk } from './sim-disk.ts'

export function processDisk(disk: SimDisk, owner: Incarnation, trace: Trace): Disk {
  const alive = (): SimDisk => {
    owner.assertAlive()
    return disk
  }
  return {
    open: (path, mode) => alive().open(path, mode),
    close: (file) => alive().close(file),
    size: (file) => alive().size(file),
    pread: (file, into, position) => alive().pread(file, into, position),
    pwritev(file, chunks, position) {
      const written = alive().pwritev(file, chunks, position)
      trace.note((EventKind.diskWrite << 24) ^ position, written)
      return written
    },
    truncate(file, bytes) {
      trace.note(EventKind.diskWrite << 24, bytes)
      alive().truncate(file, bytes)
    },
    sync: (file, done) => alive().sync(file, done),
    syncDir: (path, done) => alive().syncDir(path, done),
    rename: (from, to) => alive().rename(from, to),
    unlink: (path) => alive().unlink(path),
    exists: (path) => alive().exists(path),
    mkdir: (path) => alive().mkdir(path),
    rmdir: (path) => alive().rmdir(path),
    list: (path) => alive().list(path),
    freeBytes: (path) => alive().freeBytes(path),
  }
}
