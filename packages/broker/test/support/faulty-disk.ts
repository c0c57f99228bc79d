/** The real disk, with writes and syncs that fail, or wait, on demand. */
import { DiskError } from '@millrace/base'
import type { Disk, FileId } from '@millrace/base'
import { nodeDisk } from '@millrace/base/node'

export interface DiskFaults {
  /** errno name that every write of a file under this path part gets. */
  failWrites: string | null
  failSyncs: string | null
  /** Only files whose path contains it are concerned. */
  path: string
}

export class FaultyDisk {
  readonly faults: DiskFaults = { failWrites: null, failSyncs: null, path: '' }
  readonly disk: Disk
  writes = 0
  reads = 0
  #heldSyncs: (() => void)[] | null = null

  constructor() {
    const real = nodeDisk()
    const paths = new Map<FileId, string>()
    const concerns = (file: FileId): boolean => paths.get(file)!.includes(this.faults.path)
    this.disk = Object.create(real, {
      open: {
        value: (path: string, mode: 'read' | 'write' | 'create') => {
          const file = real.open(path, mode)
          paths.set(file, path)
          return file
        },
      },
      pwritev: {
        value: (file: FileId, chunks: readonly Uint8Array[], position: number) => {
          const { failWrites } = this.faults
          if (failWrites !== null && concerns(file))
            throw new DiskError(failWrites, paths.get(file)!, 'write')
          if (paths.get(file)!.endsWith('.log')) this.writes++
          return real.pwritev(file, chunks, position)
        },
      },
      pread: {
        value: (file: FileId, into: Uint8Array, position: number) => {
          this.reads++
          return real.pread(file, into, position)
        },
      },
      sync: {
        value: (file: FileId, done: (error: DiskError | null) => void) => {
          const { failSyncs } = this.faults
          const sync = (): void => {
            if (failSyncs !== null)
              setImmediate(() => done(new DiskError(failSyncs, paths.get(file)!, 'sync')))
            else real.sync(file, done)
          }
          if (this.#heldSyncs !== null && concerns(file)) this.#heldSyncs.push(sync)
          else sync()
        },
      },
    }) as Disk
    // Private state of the real disk is only reachable on itself.
    for (const name of ['close', 'size', 'truncate', 'syncDir', 'rename', 'unlink', 'exists'] as const) {
      Object.defineProperty(this.disk, name, { value: real[name].bind(real) })
    }
    for (const name of ['mkdir', 'rmdir', 'list', 'freeBytes'] as const) {
      Object.defineProperty(this.disk, name, { value: real[name].bind(real) })
    }
  }

  holdSyncs(): void {
    this.#heldSyncs = []
  }

  releaseSyncs(): void {
    const held = this.#heldSyncs ?? []
    this.#heldSyncs = null
    for (const sync of held) sync()
  }

  /** As when the file is closed under them: what asked for them is not interested any more. */
  dropSyncs(): void {
    this.#heldSyncs = null
  }
}
