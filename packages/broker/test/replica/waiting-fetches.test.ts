import { nodeId } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import type { ReplicaFetchWaiter } from '../../src/replica/replica-fetch.ts'
import { WaitingFetches } from '../../src/replica/waiting-fetches.ts'
import { followerFetch } from './fetcher/scripted-leader.ts'

const FOLLOWER = nodeId(2)
const [one, other]: ReplicaFetchWaiter[] = [{ respond: () => {} }, { respond: () => {} }]

describe('a fetch that waits', () => {
  it('is taken once, by its id', () => {
    const waiting = new WaitingFetches()
    expect(waiting.add(followerFetch(1), one!)).toBe(true)
    expect(waiting.take(FOLLOWER, 2)).toBeNull()
    expect(waiting.take(nodeId(3), 1)).toBeNull()
    expect(waiting.take(FOLLOWER, 1)).toBe(one)
    expect(waiting.take(FOLLOWER, 1)).toBeNull()
  })

  it('is replaced by a later one, not by one that it has overtaken', () => {
    const waiting = new WaitingFetches()
    waiting.add(followerFetch(2), one!)
    expect(waiting.add(followerFetch(1), other!)).toBe(false)
    expect(waiting.add(followerFetch(2), other!)).toBe(false)
    expect(waiting.add(followerFetch(3), other!)).toBe(true)
    expect(waiting.take(FOLLOWER, 2)).toBeNull()
    expect(waiting.take(FOLLOWER, 3)).toBe(other)
  })

  it('of a later process is later, whatever its id', () => {
    const waiting = new WaitingFetches()
    waiting.add({ ...followerFetch(9), brokerEpoch: 7 }, one!)
    expect(waiting.add({ ...followerFetch(1), brokerEpoch: 8 }, other!)).toBe(true)
    expect(waiting.add({ ...followerFetch(10), brokerEpoch: 7 }, one!)).toBe(false)
    expect(waiting.take(FOLLOWER, 1)).toBe(other)
  })

  it('is gone when the replica begins anew', () => {
    const waiting = new WaitingFetches()
    waiting.add(followerFetch(5), one!)
    waiting.clear()
    expect(waiting.take(FOLLOWER, 5)).toBeNull()
    expect(waiting.add(followerFetch(1), one!)).toBe(true)
  })
})
