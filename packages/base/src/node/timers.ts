import type { TimerId, Timers } from '../env.ts'

/** Longest delay that Node's timers take; anything longer would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1

/** The timers of this thread's event loop. */
export const nodeTimers: Timers = {
  after: (delayMs, callback) => setTimeout(callback, Math.min(delayMs, DELAY_MS_MAX)) as unknown as TimerId,
  cancel: (timer) => clearTimeout(timer as unknown as NodeJS.Timeout),
  // The check phase follows the poll phase in which all sockets that were ready have been read.
  endOfTurn: (callback) => void setImmediate(callback),
}
