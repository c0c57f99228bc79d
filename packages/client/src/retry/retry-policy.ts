/**
 * Whether to try again, and when. Pure, so that every client takes the same decisions and a test can walk through
 * them without time.
 */
import { MillraceError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import type { BackoffOptions } from './backoff.ts'

export interface Failure {
  readonly error: unknown
  /** Tries so far, this one included. */
  readonly attempts: number
  readonly nowMs: number
  /** On the same monotonic clock as `nowMs`. */
  readonly deadlineMs: number
  /** Uniform in 0 … 2^32 − 1. */
  readonly random: number
}

export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'timeout' }

/**
 * Errors that cannot pass by waiting fail at once; the others are tried again until the next try would begin after
 * the deadline.
 */
export function decideRetry(backoff: BackoffOptions, failure: Failure): RetryDecision {
  if (!isRetriable(failure.error)) return { kind: 'fail' }
  const delayMs = backoffMs(backoff, failure.attempts, failure.random)
  return failure.nowMs + delayMs >= failure.deadlineMs ? { kind: 'timeout' } : { kind: 'retry', delayMs }
}

export function isRetriable(error: unknown): boolean {
  return error instanceof MillraceError && error.retriable
}
