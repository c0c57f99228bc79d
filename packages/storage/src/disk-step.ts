/** What a chain of disk calls is made of: each link may throw at once or fail later, and `done` hears of both. */
import { DiskError } from '@millrace/base'

export type DiskDone = (error: DiskError | null) => void

/** Runs a link that calls back later; when it throws instead, `done` hears of it later too. */
export function step(done: DiskDone, run: () => void): void {
  const error = diskErrorOf(run)
  if (error !== null) queueMicrotask(() => done(error))
}

/** @returns what the disk refused, or null. Anything else is a bug and passes */
export function diskErrorOf(run: () => void): DiskError | null {
  try {
    run()
    return null
  } catch (error) {
    if (error instanceof DiskError) return error
    throw error
  }
}
