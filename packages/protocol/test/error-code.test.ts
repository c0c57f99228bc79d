import { describe, expect, it } from 'vitest'
import { ErrorCode, errorInfo } from '../src/error-code.ts'

describe('the error table', () => {
  it('has a name, a reaction and a text for each code, and each code once', () => {
    const codes = Object.values(ErrorCode)
    expect(new Set(codes).size).toBe(codes.length)
    for (const [name, code] of Object.entries(ErrorCode)) {
      const info = errorInfo(code)
      expect(info.name).toBe(name)
      expect(info.text).toMatch(/^[a-z].*[^.]$/)
      expect(info.retriable || !info.refreshMetadata, name).toBe(true)
    }
  })

  it.for([
    ['NOT_LEADER_OR_FOLLOWER', 6, true, true],
    ['UNKNOWN_TOPIC_OR_PARTITION', 3, true, true],
    ['KAFKA_STORAGE_ERROR', 56, true, true],
    ['NOT_ENOUGH_REPLICAS', 19, true, false],
    ['OFFSET_OUT_OF_RANGE', 1, false, false],
    ['REBALANCE_IN_PROGRESS', 27, false, false],
    ['ELIGIBLE_LEADERS_NOT_AVAILABLE', 83, true, true],
    ['INVALID_VOTER_KEY', 125, false, false],
    ['NONE', 0, false, false],
    ['UNKNOWN_SERVER_ERROR', -1, false, false],
  ] as const)('says how a client reacts to %s', ([name, code, retriable, refreshMetadata]) => {
    expect(ErrorCode[name]).toBe(code)
    expect(errorInfo(code)).toMatchObject({ name, retriable, refreshMetadata })
  })

  it('takes a code that it lacks for a final error', () => {
    expect(errorInfo(999)).toMatchObject({ name: 'ERROR_999', retriable: false })
  })
})
