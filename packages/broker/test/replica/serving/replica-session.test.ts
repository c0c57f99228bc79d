import { offset } from '@millrace/base'
import type { LeaderEpoch } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import type { ReplicationQuota } from '../../../src/replica/replication-quota.ts'
import { testQuota } from '../../support/test-quota.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { SessionRig, TestLeader, TestRequest, TOPIC_ID } from './session-rig.ts'

function leaders(count: number): TestLeader[] {
  return Array.from({ length: count }, (_, index) => new TestLeader(index))
}

/** A session whose quota has this rate. */
function throttled(bytesPerSecond: number): { rig: SessionRig; time: VirtualTime; quota: ReplicationQuota } {
  const time = new VirtualTime()
  const quota = testQuota(time, bytesPerSecond)
  return { rig: new SessionRig({ responseBytesMax: 1_000_000, quota, time }), time, quota }
}

describe('a parked request of a follower', () => {
  it('is answered at the end of the turn, with all that was to be told in it', () => {
    const rig = new SessionRig()
    const [a, b, c] = leaders(3) as [TestLeader, TestLeader, TestLeader]
    const request = rig.park([a, b, c])
    rig.reply(a, 1, 10)
    rig.reply(c, 3, 0)
    expect(request.answer).toBeNull()
    rig.time.endTurn()
    expect(request.partitions).toMatchObject([
      { partitionIndex: 0, errorCode: 0, fetchId: 1, highWatermark: 100, logStartOffset: 4 },
      { partitionIndex: 2, errorCode: 0, fetchId: 3, highWatermark: 100, logStartOffset: 4 },
    ])
    expect(request.told).toEqual([
      [0, 10],
      [2, 0],
    ])
    expect(b.dropped).toEqual([])
  })

  it('is answered with nothing when its time is up, and what waits goes on waiting', () => {
    const rig = new SessionRig()
    const [leader] = leaders(1) as [TestLeader]
    const first = rig.park([leader])
    rig.time.advance(500)
    expect(first.told).toEqual([])
    const second = rig.park()
    rig.reply(leader, 1, 10)
    rig.time.endTurn()
    expect(second.told).toEqual([[0, 10]])
  })

  it('leaves at most one other waiting beside it: the oldest comes back', () => {
    const rig = new SessionRig()
    const requests = [rig.park(), rig.park(), rig.park()]
    expect(requests.map(({ told }) => told)).toEqual([[], null, null])
  })

  it('whose time is up is answered itself, not an older one that may wait longer', () => {
    const rig = new SessionRig()
    const [patient, hasty] = [rig.park([], 500), rig.park([], 100)]
    rig.time.advance(100)
    expect(patient.told).toBeNull()
    expect(hasty.told).toEqual([])
    rig.time.advance(400)
    expect(patient.told).toEqual([])
  })

  it('is answered at once when the shard is about to stop', () => {
    const rig = new SessionRig()
    const requests = [rig.park(), rig.park()]
    rig.session.hurry()
    expect(requests.map(({ told }) => told)).toEqual([[], []])
  })

  it('says where logs part, what went wrong, and who was not found', () => {
    const rig = new SessionRig()
    const [a, b] = leaders(2) as [TestLeader, TestLeader]
    const request = rig.park([a, b])
    const end = { epoch: 2 as LeaderEpoch, endOffset: offset(7) }
    rig.session.respond(a, 1, { kind: 'diverging', end, logStartOffset: offset(4) })
    rig.session.respond(b, 2, { kind: 'error', error: 'OFFSET_OUT_OF_RANGE', logStartOffset: offset(5) })
    const refused = {
      partitionIndex: 9,
      errorCode: 6,
      highWatermark: offset(0),
      records: null,
      shardPort: 99,
    }
    rig.session.refuse(TOPIC_ID, refused)
    rig.time.endTurn()
    expect(request.partitions).toMatchObject([
      { partitionIndex: 0, errorCode: 0, divergingEpoch: end, logStartOffset: 4 },
      { partitionIndex: 1, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, logStartOffset: 5 },
      { partitionIndex: 9, errorCode: 6, shardPort: 99 },
    ])
  })
})

describe('records for a follower', () => {
  it('are read when they are sent, up to the limit of the answer; the others are in the next ones, in their order', () => {
    const rig = new SessionRig({ responseBytesMax: 1000 })
    const all = leaders(4)
    const first = rig.park(all)
    for (const [position, leader] of all.entries()) rig.reply(leader, position + 1, 500)
    expect(all.map(({ reads }) => reads)).toEqual([0, 0, 0, 0])
    rig.time.endTurn()
    // Three quarters of it are for followers in sync; the second partition gets what is left of them.
    expect(first.told).toEqual([
      [0, 500],
      [1, 250],
    ])
    expect(all.map(({ reads }) => reads)).toEqual([1, 1, 0, 0])
    // The follower asks for more of the first two: they have to wait for the others.
    const second = rig.park()
    const again = [rig.expect(all[0]!), rig.expect(all[1]!)]
    rig.reply(all[0]!, again[0]!, 500)
    rig.reply(all[1]!, again[1]!, 250)
    rig.time.endTurn()
    expect(second.told).toEqual([
      [2, 500],
      [3, 250],
    ])
    const third = rig.park()
    rig.time.endTurn()
    expect(third.told).toBeNull()
    expect(rig.session.hasSomethingToTell).toBe(true)
    rig.session.hurry()
    expect(third.told).toEqual([
      [0, 500],
      [1, 250],
    ])
  })

  it('that did not fit leave with the next request that is parked, without being asked for', () => {
    const rig = new SessionRig({ responseBytesMax: 1000 })
    const all = leaders(2)
    const requests = [rig.park(all), rig.park()]
    for (const [position, leader] of all.entries()) rig.reply(leader, position + 1, 750)
    rig.time.endTurn()
    expect(requests.map(({ told }) => told)).toEqual([[[0, 750]], [[1, 750]]])
  })

  it('are no more than the follower takes, of one partition and of all', () => {
    const rig = new SessionRig({ responseBytesMax: 1_000_000 })
    const [a, b] = leaders(2) as [TestLeader, TestLeader]
    rig.session.onRequest(400)
    const request = new TestRequest()
    rig.expect(a, 100)
    rig.expect(b, 1000)
    rig.session.park(request.late, request, 500)
    rig.reply(a, 1, 500)
    rig.reply(b, 2, 500)
    rig.time.endTurn()
    expect(request.told).toEqual([
      [0, 100],
      [1, 200],
    ])
  })

  it('give their memory back once they are written, not before', () => {
    const rig = new SessionRig()
    const [leader] = leaders(1) as [TestLeader]
    const request = rig.park([leader])
    rig.reply(leader, 1, 10)
    rig.time.endTurn()
    expect(leader.released).toBe(0)
    request.written()
    expect(leader.released).toBe(1)
  })

  it('that can no longer be read are an error; where the log begins now is what the next fetch is told', () => {
    const rig = new SessionRig()
    const [a, b] = leaders(2) as [TestLeader, TestLeader]
    a.failsWith = ErrorCode.KAFKA_STORAGE_ERROR
    b.failsWith = ErrorCode.OFFSET_OUT_OF_RANGE
    const request = rig.park([a, b])
    rig.reply(a, 1, 10)
    rig.reply(b, 2, 10)
    rig.time.endTurn()
    const errors = request.partitions!.map(({ errorCode }) => errorCode)
    expect(errors).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_LEADER_OR_FOLLOWER])
  })
})

describe('a replica that catches up', () => {
  it('takes no more than a quarter of an answer, and waits for no replica in sync, nor they for it', () => {
    const rig = new SessionRig({ responseBytesMax: 1000 })
    const [behindA, behindB, inSync] = leaders(3) as [TestLeader, TestLeader, TestLeader]
    const first = rig.park([behindA, behindB, inSync])
    rig.replyBehind(behindA, 1, 5000)
    rig.replyBehind(behindB, 2, 5000)
    rig.reply(inSync, 3, 5000)
    rig.time.endTurn()
    expect(first.told).toEqual([
      [2, 750],
      [0, 250],
    ])
    const second = rig.park()
    rig.session.hurry()
    expect(second.told).toEqual([[1, 250]])
  })

  it('is paced by the configured rate where it is throttled, which holds nobody else up', () => {
    const { rig, time, quota } = throttled(1000)
    const [behind, inSync, free] = leaders(3) as [TestLeader, TestLeader, TestLeader]
    behind.isThrottledAsLeader = true
    let request = rig.park([behind], 60_000)
    quota.spend(1000)
    rig.replyBehind(behind, 1, 1_000_000)
    rig.time.endTurn()
    // A second's worth, so the next one is due in a second.
    expect(request.told).toEqual([[0, 1000]])
    request = rig.park([inSync, free], 60_000)
    rig.replyBehind(behind, rig.expect(behind), 1_000_000)
    rig.time.endTurn()
    expect(request.told).toBeNull()
    rig.reply(inSync, 2, 5000)
    rig.replyBehind(free, 3, 7000)
    rig.time.endTurn()
    expect(request.told).toEqual([
      [1, 5000],
      [2, 7000],
    ])
    request = rig.park([], 60_000)
    time.advance(999)
    time.endTurn()
    expect(request.told).toBeNull()
    time.advance(2)
    time.endTurn()
    expect(request.told).toEqual([[0, 1000]])
  })

  it('goes on at once when its rate or its throttle is taken away', () => {
    const { rig, time, quota } = throttled(0)
    const [a, b] = leaders(2) as [TestLeader, TestLeader]
    for (const leader of [a, b]) leader.isThrottledAsLeader = true
    let request = rig.park([a, b], 60_000)
    rig.replyBehind(a, 1, 50)
    rig.replyBehind(b, 2, 60)
    time.advance(10_000)
    time.endTurn()
    expect(request.told).toBeNull()
    a.isThrottledAsLeader = false
    rig.session.onThrottlesChanged()
    time.endTurn()
    expect(request.told).toEqual([[0, 50]])
    request = rig.park([], 60_000)
    quota.setRate(Infinity)
    rig.session.onThrottlesChanged()
    time.endTurn()
    expect(request.told).toEqual([[1, 60]])
  })

  it('waits for what replicas in sync of throttled partitions got, who never wait', () => {
    const { rig, time, quota } = throttled(1000)
    const [behind, inSync] = leaders(2) as [TestLeader, TestLeader]
    for (const leader of [behind, inSync]) leader.isThrottledAsLeader = true
    quota.spend(1000)
    rig.park([behind, inSync], 60_000)
    rig.reply(inSync, 2, 800)
    time.endTurn()
    let request = rig.park([], 60_000)
    rig.replyBehind(behind, 1, 10)
    time.advance(799)
    time.endTurn()
    expect(request.told).toBeNull()
    rig.reply(inSync, rig.expect(inSync), 500)
    time.endTurn()
    expect(request.told).toEqual([[1, 500]])
    request = rig.park([], 60_000)
    time.advance(502)
    time.endTurn()
    expect(request.told).toEqual([[0, 10]])
  })
})

describe('throttled replicas of several brokers that catch up', () => {
  it('share the configured rate, and each gets its turn', () => {
    const time = new VirtualTime()
    const choices = { responseBytesMax: 1_000_000, quota: testQuota(time, 1000), time }
    const sent = [new SessionRig(choices), new SessionRig(choices)].map((rig) => {
      const [leader] = leaders(1) as [TestLeader]
      leader.isThrottledAsLeader = true
      const round = { rig, leader, bytes: 0, request: rig.park([leader], 1e9) }
      rig.replyBehind(leader, 1, 1_000_000)
      return round
    })
    for (let elapsedMs = 0; elapsedMs < 20_000; elapsedMs += 10) {
      time.advance(10)
      time.endTurn()
      for (const round of sent) {
        const { rig, leader, request } = round
        if (request.told === null) continue
        round.bytes += request.told[0]![1]
        round.request = rig.park([], 1e9)
        rig.replyBehind(leader, rig.expect(leader), 1_000_000)
      }
    }
    const [a, b] = sent.map(({ bytes }) => bytes) as [number, number]
    expect(a + b).toBeGreaterThan(18_000)
    expect(a + b).toBeLessThan(23_000)
    expect(Math.min(a, b)).toBeGreaterThan(5000)
  })
})

describe('a fetch that is given up', () => {
  it('because its partition is not here any more is dropped in the replica that had it', () => {
    const rig = new SessionRig()
    const [leader] = leaders(1) as [TestLeader]
    rig.park([leader])
    rig.session.refuse(TOPIC_ID, { partitionIndex: 0, errorCode: 6, highWatermark: offset(0), records: null })
    expect(leader.dropped).toEqual([[2, 1]])
  })

  it('is dropped in its replica, and told about no more when it had a reply', () => {
    const rig = new SessionRig()
    const [waiting, replied] = leaders(2) as [TestLeader, TestLeader]
    const request = rig.park([waiting, replied])
    rig.reply(replied, 2, 10)
    rig.session.forget(waiting)
    rig.session.forget(replied)
    rig.reply(waiting, 1, 10)
    rig.time.endTurn()
    expect(waiting.dropped).toEqual([[2, 1]])
    expect(replied.dropped).toEqual([])
    expect(request.told).toEqual([])
    expect(replied.reads).toBe(0)
  })

  it('for a later one is not told about: each fetch is answered for itself, once', () => {
    const rig = new SessionRig()
    const [leader] = leaders(1) as [TestLeader]
    const request = rig.park([leader])
    rig.reply(leader, 1, 10)
    const second = rig.expect(leader)
    rig.reply(leader, 1, 10)
    rig.reply(leader, second, 20)
    rig.reply(leader, second, 20)
    rig.time.endTurn()
    expect(request.partitions).toMatchObject([{ partitionIndex: 0, fetchId: second }])
    expect(request.told).toEqual([[0, 20]])
  })

  it('with the connection is dropped in its replica, whose reply comes too late then', () => {
    const rig = new SessionRig()
    const [waiting, replied] = leaders(2) as [TestLeader, TestLeader]
    const request = rig.park([waiting, replied])
    rig.reply(replied, 2, 10)
    rig.session.close()
    rig.reply(waiting, 1, 10)
    rig.time.endTurn()
    rig.time.advance(60_000)
    expect(waiting.dropped).toEqual([[2, 1]])
    expect(request.answer).toBeNull()
    expect(rig.time.pendingTimers).toBeLessThanOrEqual(1)
    expect([waiting.reads, replied.reads]).toEqual([0, 0])
  })

  it('because the follower asks no more is dropped after five seconds', () => {
    const rig = new SessionRig()
    const [a, b] = leaders(2) as [TestLeader, TestLeader]
    rig.park([a, b])
    rig.reply(a, 1, 10)
    rig.time.endTurn()
    rig.time.advance(4900)
    expect(rig.absences).toEqual([])
    rig.time.advance(200)
    expect(rig.absences).toEqual([true])
    expect(b.dropped).toEqual([[2, 2]])
  })

  it('is not while the follower asks', () => {
    const rig = new SessionRig()
    const [leader] = leaders(1) as [TestLeader]
    rig.park([leader])
    for (let round = 0; round < 20; round++) {
      rig.time.advance(500)
      rig.park()
    }
    expect(rig.absences).toEqual([])
    expect(leader.dropped).toEqual([])
  })
})
