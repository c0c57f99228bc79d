/** How long to wait before the next try. Pure: the randomness comes in as an argument. */
export interface BackoffOptions {
  /** Wait before the first retry. */
  readonly initialMs: number
  /** Waits double up to this. */
  readonly maxMs: number
}

const JITTER = 0.2

/**
 * Exponential backoff with jitter of ±20 %, so that clients which failed together do not come back together (KIP-580).
 *
 * @param failures how many tries have failed so far, 1 for the first retry
 * @param random uniform in 0 … 2^32 − 1
 */
export function backoffMs({ initialMs, maxMs }: BackoffOptions, failures: number, random: number): number {
  const exponential = Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30))
  const factor = 1 - JITTER + (2 * JITTER * random) / 2 ** 32
  return Math.min(maxMs, Math.round(exponential * factor))
}
