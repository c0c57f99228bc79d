/** Failures that a test orders from a `SimDisk`, in the words of `Disk`. */
export type DiskOperation =
  | 'open'
  | 'close'
  | 'size'
  | 'pread'
  | 'pwritev'
  | 'truncate'
  | 'sync'
  | 'syncDir'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'rmdir'
  | 'list'
  | 'freeBytes'

export interface DiskFault {
  readonly operation: DiskOperation
  /** Which paths fail; every path when left out. */
  readonly path?: RegExp
  /** errno name */
  readonly code: string
  /** Matching calls that still succeed before the first failure. Default 0. */
  readonly after?: number
  /** Calls that fail. Default 1. */
  readonly times?: number
}

/** The faults still to come. */
export class DiskFaults {
  #pending: { readonly fault: DiskFault; after: number; times: number }[] = []

  add(fault: DiskFault): void {
    this.#pending.push({ fault, after: fault.after ?? 0, times: fault.times ?? 1 })
  }

  clear(): void {
    this.#pending = []
  }

  /** @returns the errno name that this call fails with, or null */
  next(operation: DiskOperation, path: string): string | null {
    for (const pending of this.#pending) {
      const { fault } = pending
      if (fault.operation !== operation || (fault.path !== undefined && !fault.path.test(path))) continue
      if (pending.after > 0) {
        pending.after--
        continue
      }
      pending.times--
      if (pending.times === 0) this.#pending = this.#pending.filter((other) => other !== pending)
      return fault.code
    }
    return null
  }
}
