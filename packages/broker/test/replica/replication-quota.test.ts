import { describe, expect, it } from 'vitest'
import { ReplicationQuota } from '../../src/replica/replication-quota.ts'
import { testQuota } from '../support/test-quota.ts'
import { VirtualTime } from '../support/virtual-time.ts'

function quota(bytesPerSecond?: number): { time: VirtualTime; quota: ReplicationQuota } {
  const time = new VirtualTime()
  return { time, quota: testQuota(time, bytesPerSecond) }
}

/** Spends whenever it may. @returns bytes */
function spendFor(time: VirtualTime, quotas: readonly ReplicationQuota[], ms: number, bytes: number): number {
  let spent = 0
  for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += 10) {
    time.advance(10)
    for (const quota of quotas) {
      if (quota.waitMs > 0) continue
      quota.spend(bytes)
      spent += bytes
    }
  }
  return spent
}

describe('a replication quota', () => {
  it('gives its bytes per second on average, whatever the size of what goes at once', () => {
    const { time, quota: one } = quota(1000)
    const spent = spendFor(time, [one], 60_000, 3500)
    // Beside it the second before, and the one that went last.
    expect(spent).toBeGreaterThan(59_000)
    expect(spent).toBeLessThan(61_000 + 3500)
  })

  it('is not slower for timers that come late: a second that was left unused counts', () => {
    const { time, quota: one } = quota(1000)
    const beganMs = time.monoMs()
    for (let round = 0; round < 100; round++) {
      time.advance(one.waitMs + 70)
      one.spend(100)
    }
    expect(time.monoMs() - beganMs).toBeLessThan(10_100)
  })

  it('saves up no more than a second', () => {
    const { time, quota: one } = quota(1000)
    time.advance(60_000)
    one.spend(1000)
    expect(one.waitMs).toBe(0)
    one.spend(1000)
    expect(one.waitMs).toBe(1000)
  })

  it('is one budget for all who share it', () => {
    const time = new VirtualTime()
    const shared = new BigInt64Array(new SharedArrayBuffer(8))
    const shards = [0, 1, 2].map(() => {
      const shard = new ReplicationQuota(time, shared)
      shard.setRate(3000)
      return shard
    })
    const spent = spendFor(time, shards, 60_000, 500)
    expect(spent).toBeGreaterThan(177_000)
    expect(spent).toBeLessThan(183_000 + 3 * 500)
  })

  it('holds nobody up without a rate, and everybody with a rate of nothing', () => {
    const { quota: one } = quota()
    one.spend(1e12)
    expect(one.waitMs).toBe(0)
    one.setRate(0)
    expect(one.waitMs).toBe(Infinity)
    one.setRate(Infinity)
    expect(one.waitMs).toBe(0)
  })

  it('forgets with a new rate what was overdrawn under the old one', () => {
    const { quota: one } = quota(1)
    one.spend(1_000_000)
    expect(one.waitMs).toBeGreaterThan(900_000)
    one.setRate(1000)
    expect(one.waitMs).toBe(0)
  })

  it('counts what replicas in sync got, and has the others wait for it a second at most', () => {
    const { time, quota: one } = quota(1000)
    for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 100) {
      time.advance(100)
      one.count(1000)
    }
    expect(one.waitMs).toBe(1000)
    time.advance(1000)
    expect(one.waitMs).toBe(0)
  })

  it('leaves the others what replicas in sync do not take', () => {
    const { time, quota: one } = quota(1000)
    let spent = 0
    for (let elapsedMs = 0; elapsedMs < 60_000; elapsedMs += 10) {
      one.count(6)
      spent += spendFor(time, [one], 10, 100)
    }
    expect(spent / 60).toBeGreaterThan(350)
    expect(spent / 60).toBeLessThan(450)
  })

  it('gets back what was taken and did not go', () => {
    const { quota: one } = quota(1000)
    one.spend(5000)
    one.spend(-3000)
    expect(one.waitMs).toBe(1000)
  })
})
