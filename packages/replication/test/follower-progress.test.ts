import { leaderEpoch, nodeId, offset as toOffset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { FollowerProgress } from '../src/follower-progress.ts'

const fetch = (fetchId: number, brokerEpoch: number) => ({
  replicaId: nodeId(2),
  brokerEpoch,
  fetchId,
  leaderEpoch: leaderEpoch(1),
  fetchOffset: toOffset(3),
  lastFetchedEpoch: leaderEpoch(1),
  logStartOffset: toOffset(0),
  highWatermark: toOffset(0),
})

describe('progress', () => {
  it('takes fetches of one process in order, and of processes in order (KIP-903)', () => {
    const progress = new FollowerProgress(nodeId(2), 0)
    progress.arrived(fetch(8, 5))
    expect(progress.isNews(fetch(8, 5))).toBe(false)
    expect(progress.isNews(fetch(9, 5))).toBe(true)
    expect(progress.isNews(fetch(9, 4))).toBe(false)
    expect(progress.isNews(fetch(1, 6))).toBe(true)
  })

  it('is unknown until what a fetch acknowledges has been compared', () => {
    const progress = new FollowerProgress(nodeId(2), 0)
    progress.arrived(fetch(1, 5))
    progress.acknowledged(fetch(1, 5), toOffset(3), 10)
    expect(progress.endOffset).toBe(3)
    progress.arrived(fetch(2, 5))
    expect(progress.endOffset).toBe(-1)
  })

  it('is measured from when the follower last had all that there was', () => {
    const progress = new FollowerProgress(nodeId(2), 0)
    progress.acknowledged(fetch(1, 5), toOffset(3), 50)
    expect(progress.keepsUp(toOffset(3), 1_000_000, 100)).toBe(true)
    expect(progress.keepsUp(toOffset(4), 150, 100)).toBe(true)
    expect(progress.keepsUp(toOffset(4), 151, 100)).toBe(false)
  })

  it('is measured from when the end moved on, where the follower waited at it', () => {
    const progress = new FollowerProgress(nodeId(2), 0)
    progress.acknowledged(fetch(1, 5), toOffset(3), 50)
    progress.endMoves(toOffset(3), 1000)
    expect(progress.keepsUp(toOffset(4), 1100, 100)).toBe(true)
    progress.endMoves(toOffset(4), 1100)
    expect(progress.keepsUp(toOffset(5), 1101, 100)).toBe(false)
  })
})
