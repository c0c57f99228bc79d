import { offset } from '@millrace/base'
import type { Offset } from '@millrace/base'
import type { FetchAnswer } from '@millrace/replication'
import { describe, expect, it } from 'vitest'
import { HeldFetches } from '../../../src/replica/fetcher/held-fetches.ts'
import type { ReplicationQuota } from '../../../src/replica/replication-quota.ts'
import { testQuota } from '../../support/test-quota.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { followerFetch, TestFollower } from './scripted-leader.ts'

const ANSWER_BYTES_MAX = 1000
const FETCH = followerFetch(1)

class HeldRig {
  readonly time = new VirtualTime()
  readonly quota: ReplicationQuota
  readonly held: HeldFetches
  /** Partitions whose fetches left, in order. */
  readonly sent: number[] = []

  constructor(bytesPerSecond: number) {
    this.quota = testQuota(this.time, bytesPerSecond)
    const { time: timers, quota } = this
    this.held = new HeldFetches({ timers, quota, answerBytesMax: ANSWER_BYTES_MAX })
  }

  pass(...followers: readonly TestFollower[]): void {
    for (const follower of followers) this.held.pass(follower, () => this.sent.push(follower.index))
  }
}

function throttled(index: number): TestFollower {
  const follower = new TestFollower(index)
  follower.isThrottledAsFollower = true
  return follower
}

function answer(bytes: number, highWatermark = Number.MAX_SAFE_INTEGER): FetchAnswer {
  const { fetchOffset: baseOffset } = FETCH
  const endOffset = offset(baseOffset + bytes)
  const records = bytes === 0 ? null : { data: Buffer.alloc(bytes), baseOffset, endOffset, epochs: [] }
  return { kind: 'records', records, highWatermark: highWatermark as Offset, logStartOffset: offset(0) }
}

describe('fetches of throttled followers', () => {
  it('leave one after the other, each when what the ones before may bring has been waited out', () => {
    const rig = new HeldRig(1000)
    rig.quota.spend(1000)
    rig.pass(throttled(0), throttled(1), throttled(2))
    expect(rig.sent).toEqual([0])
    rig.time.advance(999)
    expect(rig.sent).toEqual([0])
    rig.time.advance(1)
    expect(rig.sent).toEqual([0, 1])
    rig.time.advance(1000)
    expect(rig.sent).toEqual([0, 1, 2])
    expect(rig.time.pendingTimers).toBe(0)
  })

  it('give back what they did not bring, and wait longer for what they brought beyond it', () => {
    const rig = new HeldRig(1000)
    rig.quota.spend(1000)
    const [a, b] = [throttled(0), throttled(1)]
    rig.pass(a, b)
    rig.held.onAnswer(a, FETCH, answer(100))
    expect(rig.quota.waitMs).toBe(100)
    rig.time.advance(100)
    rig.held.reconsider()
    expect(rig.sent).toEqual([0, 1])
    rig.held.onAnswer(b, FETCH, answer(5000))
    expect(rig.quota.waitMs).toBe(5000)
    rig.pass(a)
    rig.held.onAnswer(a, FETCH, null)
    expect(rig.quota.waitMs).toBe(5000)
  })

  it('never wait where they are in sync, by the metadata or by what their leader answered; they count', () => {
    const rig = new HeldRig(1000)
    rig.quota.spend(2000)
    const [member, current] = [throttled(0), throttled(1)]
    member.isInSync = true
    rig.held.onAnswer(current, FETCH, answer(0, FETCH.fetchOffset))
    rig.pass(member, current, throttled(2))
    expect(rig.sent).toEqual([0, 1])
    expect(rig.quota.waitMs).toBe(1000)
    rig.time.advance(500)
    rig.held.onAnswer(member, FETCH, answer(300))
    expect(rig.quota.waitMs).toBe(800)
    rig.held.onAnswer(current, FETCH, answer(10, FETCH.fetchOffset + 11))
    rig.pass(current)
    expect(rig.sent).toEqual([0, 1])
  })

  it('do not wait where nothing is throttled, and do not count', () => {
    const rig = new HeldRig(1)
    rig.quota.spend(1000)
    const free = new TestFollower(0)
    rig.pass(free)
    rig.held.onAnswer(free, FETCH, answer(1000))
    expect(rig.sent).toEqual([0])
    expect(rig.quota.waitMs).toBeLessThanOrEqual(999_000)
  })

  it('go when the rate or the throttle is taken away, and not at all when they are cancelled', () => {
    const rig = new HeldRig(0)
    const [a, b, c] = [throttled(0), throttled(1), throttled(2)]
    rig.pass(a, b, c)
    rig.time.advance(60_000)
    expect(rig.sent).toEqual([])
    a.isThrottledAsFollower = false
    rig.held.reconsider()
    expect(rig.sent).toEqual([0])
    rig.held.remove(b)
    rig.quota.setRate(Infinity)
    rig.held.reconsider()
    expect(rig.sent).toEqual([0, 2])
  })

  it('replace those of the same replica that wait still', () => {
    const rig = new HeldRig(1000)
    rig.quota.spend(2000)
    const follower = throttled(0)
    rig.pass(follower, follower)
    rig.time.advance(60_000)
    expect(rig.sent).toEqual([0])
  })

  it('leave no timer behind', () => {
    const rig = new HeldRig(1000)
    rig.quota.spend(2000)
    rig.pass(throttled(0))
    rig.held.close()
    rig.time.advance(60_000)
    expect(rig.sent).toEqual([])
    expect(rig.time.pendingTimers).toBe(0)
  })
})
