/** How long to wait before trying again. */

/** The random part is as long as the fixed one, so that replicas that failed together don't try together again. */
export interface Backoff {
  readonly delayMs: number
  readonly jitterMs: number
}

const FIRST_MS = 20
/** A replica that learns first that the leader is gone is refused by those that don't know yet, or sent back: they soon will. */
const QUICK_ATTEMPTS = 8

/** @param failures in a row, from 1 @param maxMs of delay and jitter together */
export function exponentialBackoff(failures: number, maxMs: number): Backoff {
  // 2^20 × 20 ms is hours: larger powers only risk to overflow.
  const halfMs = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 20), maxMs / 2)
  return { delayMs: halfMs, jitterMs: halfMs }
}

/** Quick at first, a bounded number of times, then exponential. */
export function electionBackoff(failures: number, maxMs: number): Backoff {
  return exponentialBackoff(Math.max(failures - QUICK_ATTEMPTS, 1), maxMs)
}
