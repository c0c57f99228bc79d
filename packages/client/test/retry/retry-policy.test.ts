import { BrokerError, ConfigError, ConnectionError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../src/retry/backoff.ts'
import { decideRetry } from '../../src/retry/retry-policy.ts'

const BACKOFF = { initialMs: 100, maxMs: 1000 }
const MIDDLE = 2 ** 31

describe('backoff', () => {
  it('doubles up to its maximum', () => {
    const waits = [1, 2, 3, 4, 5, 100].map((failures) => backoffMs(BACKOFF, failures, MIDDLE))
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000])
  })

  it('never leaves ±20 % of the exponential wait, nor exceeds the maximum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (failures, random) => {
          const exponential = Math.min(1000, 100 * 2 ** (failures - 1))
          const wait = backoffMs(BACKOFF, failures, random)
          expect(wait).toBeGreaterThanOrEqual(Math.floor(exponential * 0.8))
          expect(wait).toBeLessThanOrEqual(Math.min(1000, Math.ceil(exponential * 1.2)))
        },
      ),
    )
  })

  it('spreads clients that failed together', () => {
    expect(backoffMs(BACKOFF, 1, 0)).not.toBe(backoffMs(BACKOFF, 1, 2 ** 32 - 1))
  })
})

describe('retry decision', () => {
  const failure = { attempts: 1, nowMs: 0, deadlineMs: 10_000, random: MIDDLE }
  const stale = new BrokerError(ErrorCode.NOT_LEADER_OR_FOLLOWER, 'produce')

  it('tries again after a retriable error', () => {
    expect(decideRetry(BACKOFF, { ...failure, error: stale })).toEqual({ kind: 'retry', delayMs: 100 })
    expect(decideRetry(BACKOFF, { ...failure, error: new ConnectionError('lost'), attempts: 3 })).toEqual({
      kind: 'retry',
      delayMs: 400,
    })
  })

  it('fails at once where waiting does not help', () => {
    const refused = new BrokerError(ErrorCode.TOPIC_ALREADY_EXISTS, 'create topic')
    for (const error of [refused, new ConfigError('wrong'), new TypeError('bug'), 'text']) {
      expect(decideRetry(BACKOFF, { ...failure, error })).toEqual({ kind: 'fail' })
    }
  })

  it('does not begin a try after the deadline', () => {
    expect(decideRetry(BACKOFF, { ...failure, error: stale, nowMs: 9_900 })).toEqual({ kind: 'timeout' })
    expect(decideRetry(BACKOFF, { ...failure, error: stale, nowMs: 9_899 })).toEqual({
      kind: 'retry',
      delayMs: 100,
    })
  })
})
