import type { Clock } from '../env.ts'

/** The clocks of this machine. */
export const nodeClock: Clock = {
  monoMs: () => performance.now(),
  wallMs: () => Date.now(),
}
