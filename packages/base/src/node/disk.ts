/**
 * The operating system's files behind the `Disk` interface.
 *
 * Owns: the mapping from file ids (descriptors) to the paths that errors name, and descriptors whose closing waits for
 * a sync. Must not know: what the bytes mean, retries, placement.
 * Invariants: reads and writes are synchronous (under a microsecond for small ones, ten times cheaper than through the
 * thread pool); only syncs run on the thread pool. A descriptor with a sync in flight is closed after that sync, so
 * that its number can't be given to another file meanwhile.
 */
import fs from 'node:fs'
import { DiskError } from '../env.ts'
import type { DirEntry, Disk, FileId, OpenMode } from '../env.ts'

type SyncDone = (error: DiskError | null) => void

const OPEN_FLAGS: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
}

interface OpenFile {
  readonly path: string
  syncsInFlight: number
  closing: boolean
}

/** @returns a disk of its own table of open files: one per thread is enough */
export function nodeDisk(): Disk {
  return new NodeDisk()
}

class NodeDisk implements Disk {
  readonly #open = new Map<number, OpenFile>()

  open(path: string, mode: OpenMode): FileId {
    try {
      const descriptor = fs.openSync(path, OPEN_FLAGS[mode], 0o644)
      this.#open.set(descriptor, { path, syncsInFlight: 0, closing: false })
      return descriptor as FileId
    } catch (error) {
      throw diskError(error, path, 'open')
    }
  }

  close(file: FileId): void {
    const state = this.#stateOf(file, 'close')
    if (state.syncsInFlight > 0) {
      state.closing = true
      return
    }
    this.#open.delete(file)
    try {
      fs.closeSync(file)
    } catch (error) {
      throw diskError(error, state.path, 'close')
    }
  }

  size(file: FileId): number {
    try {
      return fs.fstatSync(file).size
    } catch (error) {
      throw this.#fileError(error, file, 'stat')
    }
  }

  pread(file: FileId, into: Uint8Array, position: number): number {
    try {
      return fs.readSync(file, into, 0, into.length, position)
    } catch (error) {
      throw this.#fileError(error, file, 'read')
    }
  }

  pwritev(file: FileId, chunks: readonly Uint8Array[], position: number): number {
    try {
      if (chunks.length === 1) return fs.writeSync(file, chunks[0]!, 0, chunks[0]!.length, position)
      return fs.writevSync(file, chunks as Uint8Array[], position)
    } catch (error) {
      throw this.#fileError(error, file, 'write')
    }
  }

  truncate(file: FileId, bytes: number): void {
    try {
      fs.ftruncateSync(file, bytes)
    } catch (error) {
      throw this.#fileError(error, file, 'truncate')
    }
  }

  sync(file: FileId, done: SyncDone): void {
    const state = this.#stateOf(file, 'sync')
    state.syncsInFlight++
    fs.fdatasync(file, (error) => {
      state.syncsInFlight--
      const failure = error === null ? null : diskError(error, state.path, 'sync')
      if (state.closing && state.syncsInFlight === 0) this.#closeLate(file)
      done(failure)
    })
  }

  syncDir(path: string, done: SyncDone): void {
    fs.open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY, (openError, descriptor) => {
      if (openError !== null) return done(diskError(openError, path, 'open directory'))
      fs.fsync(descriptor, (syncError) => {
        fs.close(descriptor, (closeError) => {
          const error = syncError ?? closeError ?? null
          done(error === null ? null : diskError(error, path, 'sync directory'))
        })
      })
    })
  }

  rename(from: string, to: string): void {
    attempt(from, `rename to ${to}`, () => fs.renameSync(from, to))
  }

  unlink(path: string): void {
    attempt(path, 'unlink', () => fs.unlinkSync(path))
  }

  exists(path: string): boolean {
    return fs.existsSync(path)
  }

  mkdir(path: string): void {
    attempt(path, 'make directory', () => fs.mkdirSync(path, { recursive: true }))
  }

  rmdir(path: string): void {
    attempt(path, 'remove directory', () => fs.rmdirSync(path))
  }

  list(path: string): DirEntry[] {
    const found = attempt(path, 'list directory', () => fs.readdirSync(path, { withFileTypes: true }))
    return found
      .map((entry): DirEntry => ({ name: entry.name, kind: entry.isDirectory() ? 'directory' : 'file' }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  freeBytes(path: string): number {
    return attempt(path, 'query free space of', () => {
      const { bavail, bsize } = fs.statfsSync(path)
      return bavail * bsize
    })
  }

  /** The owner let go of the file while a sync ran: nobody is left to hear of an error in closing it. */
  #closeLate(file: FileId): void {
    this.#open.delete(file)
    fs.close(file)
  }

  #stateOf(file: FileId, operation: string): OpenFile {
    const state = this.#open.get(file)
    if (state === undefined || state.closing) throw new DiskError('EBADF', `file ${file}`, operation)
    return state
  }

  #fileError(error: unknown, file: FileId, operation: string): Error {
    return diskError(error, this.#open.get(file)?.path ?? `file ${file}`, operation)
  }
}

function attempt<T>(path: string, operation: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw diskError(error, path, operation)
  }
}

/** Anything that is not an errno (a wrong argument, say) is a bug of ours and passes unchanged. */
function diskError(error: unknown, path: string, operation: string): DiskError {
  if (error instanceof Error && 'code' in error && 'errno' in error && typeof error.code === 'string') {
    return new DiskError(error.code, path, operation)
  }
  throw error
}
