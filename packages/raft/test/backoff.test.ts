import { expect, it } from 'vitest'
import { electionBackoff, exponentialBackoff } from '../src/backoff.ts'

it('doubles from attempt to attempt and, jitter included, never passes its maximum', () => {
  expect(exponentialBackoff(1, 1000)).toEqual({ delayMs: 20, jitterMs: 20 })
  expect(exponentialBackoff(3, 1000)).toEqual({ delayMs: 80, jitterMs: 80 })
  expect(exponentialBackoff(50, 1000)).toEqual({ delayMs: 500, jitterMs: 500 })
})

it('of elections is quick a bounded number of times', () => {
  expect(electionBackoff(1, 1000)).toEqual(electionBackoff(8, 1000))
  expect(electionBackoff(12, 1000).delayMs).toBeGreaterThan(electionBackoff(8, 1000).delayMs)
  expect(electionBackoff(100, 1000)).toEqual({ delayMs: 500, jitterMs: 500 })
})
