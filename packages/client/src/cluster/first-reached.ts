/**
 * One of several addresses, whichever can be reached: each gets a head start before the next is tried beside it, so that a
 * machine that takes connections and never says a word (frozen, cut off) does not use up everybody's time (after RFC 8305).
 */
import type { Endpoint, TimerId, Timers } from '@millrace/base'
import { ConnectionError } from '../errors.ts'

/** Longer than a busy broker needs for its first words. */
const HEAD_START_MS = 500

/**
 * @param reach is called for one address after another until one is reached; later successes are nobody's concern
 * @param endpoints at least one
 * @throws ConnectionError of the address that failed last when none can be reached; whatever else `reach` throws, at once
 */
export function firstReached<T>(
  timers: Timers,
  endpoints: readonly Endpoint[],
  reach: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let next = 0
    let failed = 0
    let headStart: TimerId | null = null
    const endHeadStart = (): void => {
      if (headStart !== null) timers.cancel(headStart)
      headStart = null
    }
    const settle = (outcome: () => void): void => {
      endHeadStart()
      next = endpoints.length
      outcome()
    }
    const onFailure = (error: unknown): void => {
      failed++
      if (!(error instanceof ConnectionError) || failed === endpoints.length) {
        settle(() => reject(error as Error))
      } else tryNext()
    }
    const tryNext = (): void => {
      endHeadStart()
      const endpoint = endpoints[next++]
      if (endpoint === undefined) return
      headStart = timers.after(HEAD_START_MS, tryNext)
      reach(endpoint).then((reached) => settle(() => resolve(reached)), onFailure)
    }
    tryNext()
  })
}
