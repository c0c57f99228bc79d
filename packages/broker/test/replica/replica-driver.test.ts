import { nodeId, offset } from '@millrace/base'
import type { LeaderEpoch } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { partitionState, ReplicaRig } from './replica-rig.ts'

/** A leader and a follower that waits at the end of its log. */
function pair(configs: Readonly<Record<string, string>> = {}) {
  const image = partitionState({ replicas: [1, 2].map(nodeId), isr: [1, 2].map(nodeId) })
  const leader = new ReplicaRig(1, image, configs)
  const follower = new ReplicaRig(2, image, configs)
  return { leader, follower, waiting: leader.serve(follower) }
}

describe('an append that waits for all in-sync replicas', () => {
  it('is answered once the follower has fetched from behind it, and both have it on disk', () => {
    const { leader, follower, waiting } = pair()
    const wait = leader.append('a')
    leader.answer(follower, waiting)
    expect(follower.log.logEndOffset).toBe(1)
    // Not on the follower's disk: it must not acknowledge it by fetching what comes next.
    expect(follower.fetches).toHaveLength(1)
    leader.flushed()
    expect(leader.released).toEqual([])
    follower.flushed()
    leader.serve(follower)
    expect(leader.released).toEqual([wait])
    expect(leader.highWatermark).toBe(1)
  })

  it('under flush policy os is answered when both have written it', () => {
    const { leader, follower, waiting } = pair({ 'flush.policy': 'os' })
    const wait = leader.append('a')
    leader.answer(follower, waiting)
    leader.serve(follower)
    expect(leader.released).toEqual([wait])
  })

  it('fails with an error that says nothing of its fate when the leadership is lost', () => {
    const { leader } = pair()
    const wait = leader.append('a')
    leader.driver.update(
      partitionState({ leader: nodeId(2), leaderEpoch: 1 as LeaderEpoch, partitionEpoch: 1 }),
    )
    expect(leader.failed).toEqual([[wait, 'NOT_LEADER_OR_FOLLOWER']])
    expect(leader.roles).toEqual(['leader', 'follower'])
  })
})

describe('a leader without controllers', () => {
  it('tells of its doubts when its followers are gone, too, and sends away who waits', () => {
    const { leader } = pair()
    leader.isOwnSessionOver = true
    const wait = leader.append('a')
    leader.flushed()
    leader.time.advance(480)
    expect([leader.failed, leader.doubts]).toEqual([[], 0])
    leader.time.advance(40)
    expect(leader.failed).toEqual([[wait, 'NOT_LEADER_OR_FOLLOWER']])
    expect(leader.doubts).toBeGreaterThan(0)
  })
})

describe('a fetch of a follower', () => {
  it('does not take the place of a later one that waits, when it was overtaken on its way', () => {
    const { leader, follower, waiting } = pair()
    const late = { ...follower.fetches[0]!, fetchId: waiting - 1 }
    leader.driver.onReplicaFetch(late, leader)
    leader.driver.onReplicaFetchDropped(follower.id, late.fetchId)
    leader.append('a')
    expect(leader.replies.get(waiting)).toMatchObject({ kind: 'records', endOffset: 1 })
  })

  it('is not answered any more once it was dropped', () => {
    const { leader, follower, waiting } = pair()
    leader.driver.onReplicaFetchDropped(follower.id, waiting)
    leader.append('a')
    expect(leader.replies.size).toBe(0)
  })

  it('reads nothing from a leader that has gone', () => {
    const { leader } = pair()
    leader.append('a')
    const range = { offset: offset(0), endOffset: offset(1), maxBytes: 100 }
    expect(leader.driver.readForReplica(leader.driver.leaderEpoch, range, leader.pool).kind).toBe('ok')
    leader.driver.update(
      partitionState({ leader: nodeId(2), leaderEpoch: 1 as LeaderEpoch, partitionEpoch: 1 }),
    )
    expect(leader.driver.readForReplica(0 as LeaderEpoch, range, leader.pool).kind).toBe('failed')
  })
})

describe('a follower', () => {
  it('cuts what the new leader does not have, and goes on from there', async () => {
    const { leader, follower } = pair()
    leader.append('kept by nobody')
    leader.flushed()
    const newLeader = partitionState({ leader: nodeId(2), leaderEpoch: 1 as LeaderEpoch, partitionEpoch: 1 })
    follower.driver.update(newLeader)
    follower.flushed()
    follower.append('b')
    leader.driver.update(newLeader)
    leader.flushed()
    const asked = follower.serve(leader)
    expect(follower.replies.get(asked)).toMatchObject({ kind: 'diverging', end: { epoch: 0, endOffset: 0 } })
    follower.answer(leader, asked)
    await leader.settled()
    expect(leader.log.logEndOffset).toBe(0)
    follower.answer(leader, follower.serve(leader))
    expect(leader.log.logEndOffset).toBe(1)
  })

  it('that has only an epoch without records to drop goes on without a sync', () => {
    const { leader } = pair()
    expect(leader.log.leaderEpochs).toEqual([{ epoch: 0, startOffset: 0 }])
    leader.driver.update(
      partitionState({ leader: nodeId(2), leaderEpoch: 1 as LeaderEpoch, partitionEpoch: 1 }),
    )
    expect(leader.log.leaderEpochs).toEqual([])
    // Asked for in the same turn: nothing was waited for.
    expect(leader.fetches).toMatchObject([{ fetchOffset: 0, leaderEpoch: 1, lastFetchedEpoch: -1 }])
  })

  it('tries again at a tick when no answer came', () => {
    const { follower } = pair()
    follower.driver.onFetchAnswer(follower.fetches[0]!.fetchId, null)
    expect(follower.fetches).toHaveLength(1)
    follower.time.advance(20)
    expect(follower.fetches).toHaveLength(2)
  })

  it('whose disk was full begins anew with what it has', async () => {
    const { leader, follower, waiting } = pair()
    leader.append('a')
    follower.disk.fail({ operation: 'pwritev', path: /\.log$/, code: 'ENOSPC' })
    leader.answer(follower, waiting)
    expect([follower.log.logEndOffset, follower.log.failure]).toEqual([0, null])
    follower.time.advance(1000)
    await follower.settled()
    leader.answer(follower, leader.serve(follower))
    expect(follower.log.logEndOffset).toBe(1)
  })
})

describe('the in-sync replicas', () => {
  it('lose a follower that is silent for too long, by a proposal to the controller', () => {
    const { leader } = pair()
    leader.flushed()
    leader.append('a')
    leader.time.advance(10_100)
    expect(leader.proposals).toEqual([{ requestId: 1, isr: [1] }])
  })
})

describe('a log that fails', () => {
  it('ends the leadership, which the controller is told, and all that waits', () => {
    const { leader } = pair()
    leader.flushed()
    leader.disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
    const wait = leader.append('a')
    leader.flushed()
    expect(leader.failed).toEqual([[wait, 'KAFKA_STORAGE_ERROR']])
    expect(leader.refusals).toEqual(['log-failed'])
    expect(leader.driver.isServing).toBe(false)
  })

  it('of an only replica goes on being read: nobody else could serve it', () => {
    const image = partitionState({ replicas: [nodeId(1)], isr: [nodeId(1)] })
    const only = new ReplicaRig(1, image)
    only.flushed()
    only.disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
    only.append('a')
    only.flushed()
    expect(only.refusals).toEqual([])
    expect(only.driver.isServing).toBe(true)
  })
})
