import { BrokerError, TimeoutError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { judgeSequenced, losesIdentity, mayBeStored } from '../../src/sender/failure-verdict.ts'

const refused = (errorCode: number) => new BrokerError(errorCode, 'produce')
const OUT_OF_ORDER = refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
const UNKNOWN = refused(ErrorCode.UNKNOWN_PRODUCER_ID)

describe('a batch that is out of order', () => {
  it('waits for its turn when others before it were on their way', () => {
    for (const hasGap of [false, true]) {
      const failure = { error: OUT_OF_ORDER, wasFirst: false, hasGap, isUncertain: true }
      expect(judgeSequenced(failure)).toBe('again')
    }
  })

  it('begins anew behind one that failed, but only when it is surely not stored', () => {
    const failure = { error: OUT_OF_ORDER, wasFirst: true, hasGap: true }
    expect(judgeSequenced({ ...failure, isUncertain: false })).toBe('anew')
    expect(judgeSequenced({ ...failure, isUncertain: true })).toBe('fail')
  })

  it('fails when all before it were stored: the log has lost records', () => {
    const failure = { error: OUT_OF_ORDER, wasFirst: true, hasGap: false, isUncertain: false }
    expect(judgeSequenced(failure)).toBe('fail')
  })
})

describe('a batch of a producer that the leader does not know', () => {
  it('begins anew when it is the first, else waits for its turn', () => {
    const failure = { error: UNKNOWN, hasGap: false, isUncertain: true }
    expect(judgeSequenced({ ...failure, wasFirst: true })).toBe('anew')
    expect(judgeSequenced({ ...failure, wasFirst: false })).toBe('again')
  })
})

describe('what a failed try leaves open', () => {
  it('is nothing after a refusal that comes before the append', () => {
    expect(mayBeStored(OUT_OF_ORDER)).toBe(false)
    expect(mayBeStored(refused(ErrorCode.NOT_ENOUGH_REPLICAS))).toBe(false)
  })

  it('is whether the batch is stored after anything else', () => {
    expect(mayBeStored(new TimeoutError('no answer'))).toBe(true)
    expect(mayBeStored(refused(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND))).toBe(true)
    expect(mayBeStored(refused(ErrorCode.NOT_LEADER_OR_FOLLOWER))).toBe(true)
  })

  it('is the producer id where somebody else has it', () => {
    expect(losesIdentity(refused(ErrorCode.INVALID_PRODUCER_EPOCH))).toBe(true)
    expect(losesIdentity(OUT_OF_ORDER)).toBe(false)
  })
})
