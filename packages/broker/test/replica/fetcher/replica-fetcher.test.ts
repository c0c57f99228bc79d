import { nodeId, offset } from '@millrace/base'
import type { LeaderEpoch } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { FetcherRig, stamped, TestFollower, TOPIC_ID } from './scripted-leader.ts'

const LEADER = nodeId(1)

describe('fetches of followers', () => {
  it('of one turn leave in one request, with all that the leader has to know of each', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const ids = [0, 1, 2].map((index) => rig.fetch(new TestFollower(index)))
    await rig.world.settle()
    expect(leader.asked).toHaveLength(1)
    expect(leader.last.body).toMatchObject({
      replicaState: { replicaId: 2, replicaEpoch: 7 },
      minBytes: 1,
      forgottenTopicsData: [],
    })
    expect(leader.last.body.topics[0]!.topicId).toBe(TOPIC_ID)
    expect(leader.last.body.topics[0]!.partitions[2]).toMatchObject({
      partition: 2,
      currentLeaderEpoch: 3,
      fetchOffset: 10,
      lastFetchedEpoch: 2,
      logStartOffset: 1,
      highWatermark: 9,
      fetchId: ids[2],
    })
  })

  it('speak for one process of the broker each: a request has one broker epoch', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    rig.fetch(new TestFollower(0), { brokerEpoch: 7 })
    rig.fetch(new TestFollower(1), { brokerEpoch: 8 })
    await rig.world.settle()
    const seen = leader.asked.map(({ body, named }) => [body.replicaState.replicaEpoch, named[0]![0]])
    expect(seen).toEqual([
      [7, 0],
      [8, 1],
    ])
  })

  it('cost nothing while a partition is idle: it is named once, and two requests a second keep all waiting', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const followers = Array.from({ length: 100 }, (_, index) => new TestFollower(index))
    for (const follower of followers) rig.fetch(follower)
    await rig.world.settle()
    for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 500) {
      await rig.world.advance(500)
      leader.last.answer()
      await rig.world.settle()
    }
    expect(leader.asked).toHaveLength(21)
    expect(leader.asked.slice(1).flatMap(({ named }) => named)).toEqual([])
    expect(followers.flatMap(({ answers }) => answers)).toEqual([])
  })

  it('go out at once while an earlier request is parked, and name only what is new', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    rig.fetch(new TestFollower(0))
    await rig.world.settle()
    const fetchId = rig.fetch(new TestFollower(1))
    await rig.world.settle()
    expect(leader.asked).toHaveLength(2)
    expect(leader.last.named).toEqual([[1, fetchId]])
    expect(leader.connectionCount).toBe(1)
  })

  it('that are cancelled before they left are never sent, later ones are forgotten at the leader', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const [early, late] = [new TestFollower(0), new TestFollower(1)]
    rig.fetch(early)
    rig.fetch(late)
    rig.fetcher.cancel(early)
    await rig.world.settle()
    expect(leader.last.named).toEqual([[1, 2]])
    rig.fetcher.cancel(late)
    await rig.world.settle()
    expect(leader.last.named).toEqual([])
    expect(leader.last.body.forgottenTopicsData).toMatchObject([{ topicId: TOPIC_ID, partitions: [1] }])
    leader.asked[0]!.answer({ partitionIndex: 1, fetchId: 2 })
    await rig.world.settle()
    expect(late.answers).toEqual([])
  })

  it('that replace one at the leader and are cancelled in the same turn have that one forgotten', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    rig.fetch(follower)
    rig.fetcher.cancel(follower)
    await rig.world.settle()
    expect(leader.last.named).toEqual([])
    expect(leader.last.body.forgottenTopicsData).toMatchObject([{ partitions: [0] }])
  })

  it('end with the fetcher: nobody is answered, and neither a connection nor a timer is left', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    rig.fetch(new TestFollower(1), {}, nodeId(3))
    await rig.world.settle()
    rig.fetcher.close()
    await rig.world.settle()
    await leader.stop()
    await rig.world.advance(5000)
    expect(follower.answers).toEqual([])
    expect(leader.connectionCount).toBe(0)
    expect(rig.world.pendingTimers).toBe(0)
  })
})

describe('answers to followers', () => {
  it('carry records only when every batch is whole and undamaged, with their leader epochs', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const [sound, damaged, cut] = [new TestFollower(0), new TestFollower(1), new TestFollower(2)]
    const ids = [sound, damaged, cut].map((follower) => rig.fetch(follower))
    await rig.world.settle()
    const data = Buffer.concat([stamped(['a', 'b'], 10, 2), stamped(['c'], 12)])
    const flipped = Buffer.from(data)
    flipped[data.length - 1]! ^= 1
    const common = { highWatermark: offset(11), logStartOffset: offset(4) }
    leader.last.answer(
      { ...common, partitionIndex: 0, fetchId: ids[0]!, records: data },
      { ...common, partitionIndex: 1, fetchId: ids[1]!, records: flipped },
      { ...common, partitionIndex: 2, fetchId: ids[2]!, records: data.subarray(0, data.length - 5) },
    )
    await rig.world.settle()
    expect(sound.answers).toMatchObject([
      [
        ids[0],
        {
          kind: 'records',
          highWatermark: 11,
          logStartOffset: 4,
          records: {
            baseOffset: 10,
            endOffset: 13,
            epochs: [
              { epoch: 2, startOffset: 10 },
              { epoch: 3, startOffset: 12 },
            ],
          },
        },
      ],
    ])
    // Fetched again, by whoever wants them.
    expect(damaged.answers).toEqual([[ids[1], null]])
    expect(cut.answers).toEqual([[ids[2], null]])
  })

  it('borrow the memory of records only during the call', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const data = stamped(['x'.repeat(100_000)], 10)
    let seen: Buffer | null = null
    let pooledMeanwhile = 0
    const follower = new TestFollower(0)
    follower.onFetchAnswer = (_fetchId, answer) => {
      if (answer?.kind === 'records') seen = Buffer.from(answer.records!.data as Buffer)
      pooledMeanwhile = rig.pool.pooledBytes
    }
    rig.fetch(follower)
    await rig.world.settle()
    leader.last.answer({ fetchId: 1, records: data })
    await rig.world.settle()
    expect(seen).toEqual(data)
    expect(rig.pool.pooledBytes - pooledMeanwhile).toBeGreaterThan(100_000)
  })

  it('without records tell high watermark and log start; of diverging logs and errors they say so', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const followers = Array.from({ length: 7 }, (_, index) => new TestFollower(index))
    const ids = followers.map((follower) => rig.fetch(follower))
    await rig.world.settle()
    const errors = [
      ErrorCode.FENCED_LEADER_EPOCH,
      ErrorCode.UNKNOWN_LEADER_EPOCH,
      ErrorCode.OFFSET_OUT_OF_RANGE,
      ErrorCode.KAFKA_STORAGE_ERROR,
      ErrorCode.UNKNOWN_TOPIC_ID,
    ]
    const diverging = { epoch: 2 as LeaderEpoch, endOffset: offset(6) }
    const logStartOffset = offset(4)
    leader.last.answer(
      { partitionIndex: 0, fetchId: ids[0]!, highWatermark: offset(10), logStartOffset },
      { partitionIndex: 1, fetchId: ids[1]!, divergingEpoch: diverging, logStartOffset },
      ...errors.map((errorCode, position) => ({
        partitionIndex: position + 2,
        fetchId: ids[position + 2]!,
        errorCode,
        logStartOffset,
      })),
    )
    await rig.world.settle()
    expect(followers.map(({ answers }) => answers[0]![1])).toEqual([
      { kind: 'records', records: null, highWatermark: 10, logStartOffset: 4 },
      { kind: 'diverging', end: diverging, logStartOffset: 4 },
      { kind: 'error', error: 'FENCED_LEADER_EPOCH', logStartOffset: 4 },
      { kind: 'error', error: 'UNKNOWN_LEADER_EPOCH', logStartOffset: 4 },
      { kind: 'error', error: 'OFFSET_OUT_OF_RANGE', logStartOffset: 4 },
      { kind: 'error', error: 'KAFKA_STORAGE_ERROR', logStartOffset: 4 },
      { kind: 'error', error: 'NOT_LEADER_OR_FOLLOWER', logStartOffset: 4 },
    ])
  })

  it('count once, and only for the fetch that they name', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    const second = rig.fetch(follower)
    await rig.world.settle()
    leader.asked[0]!.answer({ fetchId: 1 })
    await rig.world.settle()
    expect(follower.answers).toEqual([])
    leader.asked[1]!.answer({ fetchId: second }, { fetchId: second })
    await rig.world.settle()
    expect(follower.answers.map(([fetchId]) => fetchId)).toEqual([second])
  })
})

describe('a connection to a leader', () => {
  it('that breaks answers all who wait with nothing, and is dialled again with pauses that grow', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const followers = [new TestFollower(0), new TestFollower(1)]
    for (const follower of followers) rig.fetch(follower)
    await rig.world.settle()
    await leader.stop()
    expect(followers.map(({ answers }) => answers)).toEqual([[[1, null]], [[2, null]]])
    // As a replica does: it tries again after a pause, again and again.
    let failures = 0
    const [stubborn] = followers
    stubborn!.onFetchAnswer = (_fetchId, answer) => {
      if (answer === null) failures += 1
      rig.world.timers.after(20, () => rig.fetch(stubborn!))
    }
    rig.fetch(stubborn!)
    await rig.world.advance(2000)
    expect(failures).toBeGreaterThan(3)
    expect(failures).toBeLessThan(12)
    const again = rig.listen(9092)
    await rig.world.advance(600)
    expect(again.asked[0]!.named[0]![0]).toBe(0)
    // What was under way on the old connection does not count: a request has to wait on this one, too.
    again.last.answer()
    await rig.world.settle()
    expect(again.asked).toHaveLength(2)
    // It worked in between, so the pauses begin anew.
    await again.stop()
    const third = rig.listen(9092)
    await rig.world.advance(60)
    expect(third.asked).toHaveLength(1)
  })

  it('that its side has ended, and that is refused since, makes the leader count as lost', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    follower.onFetchAnswer = () => void rig.world.timers.after(20, () => rig.fetch(follower))
    rig.fetch(follower)
    await rig.world.settle()
    expect(rig.isLost(LEADER)).toBe(false)
    await leader.stop()
    expect(rig.isLost(LEADER)).toBe(true)
    expect(rig.isLost(nodeId(3))).toBe(false)
    await rig.world.advance(500)
    expect(rig.isLost(LEADER)).toBe(true)
    const again = rig.listen(9092)
    await rig.world.advance(600)
    expect(again.asked).toHaveLength(1)
    expect(rig.isLost(LEADER)).toBe(false)
    expect(rig.losses).toEqual([
      [LEADER, true],
      [LEADER, false],
    ])
  })

  it('that its side has ended makes the leader count as lost only until a new process has registered', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    rig.fetch(new TestFollower(0))
    await rig.world.settle()
    await leader.stop()
    rig.register(9092)
    expect(rig.isLost(LEADER)).toBe(false)
  })

  it('that this side gives up does not make the leader count as lost', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    rig.fetch(new TestFollower(0))
    await rig.world.advance(2010)
    expect(leader.connectionCount).toBe(0)
    expect(rig.isLost(LEADER)).toBe(false)
  })

  it('on which the leader says nothing is closed after two seconds, and then asked for less at a time', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.advance(1900)
    expect(follower.answers).toEqual([])
    const { maxBytes } = leader.last.body
    await rig.world.advance(200)
    expect(follower.answers).toEqual([[1, null]])
    expect(leader.connectionCount).toBe(0)
    rig.fetch(follower)
    await rig.world.advance(100)
    expect(leader.last.body.maxBytes).toBe(maxBytes / 4)
    leader.last.answer({ fetchId: 2 })
    await rig.world.settle()
    rig.fetch(follower)
    await rig.world.settle()
    expect(leader.last.body.maxBytes).toBe(maxBytes / 2)
  })

  it('that refuses fetches altogether is closed, not asked again and again', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    leader.last.late.give({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, responses: [] })
    await rig.world.settle()
    expect(follower.answers).toEqual([[1, null]])
    expect(leader.asked).toHaveLength(1)
    expect(leader.connectionCount).toBe(0)
  })

  it('goes to where the leader is registered now: fetches of the old place come back, the next go to the new one', async () => {
    const rig = new FetcherRig()
    const before = rig.listen(9092)
    const after = rig.listen(9093)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    rig.register(9093)
    await rig.world.settle()
    expect(follower.answers).toEqual([[1, null]])
    expect(before.connectionCount).toBe(0)
    rig.fetch(follower)
    await rig.world.settle()
    expect(after.last.named).toEqual([[0, 2]])
  })

  it('does not wait out its pause when the leader has registered anew', async () => {
    const rig = new FetcherRig()
    const follower = new TestFollower(0)
    for (let round = 0; round < 10; round++) {
      rig.fetch(follower)
      await rig.world.advance(500)
    }
    rig.fetch(follower)
    await rig.world.settle()
    const leader = rig.listen(9092)
    rig.fetch(follower)
    await rig.world.settle()
    expect(leader.asked).toEqual([])
    rig.register(9092)
    await rig.world.settle()
    expect(leader.asked).toHaveLength(1)
  })

  it('is not made to a broker that is not registered, until it is', async () => {
    const rig = new FetcherRig(null)
    const leader = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    expect(follower.answers).toEqual([[1, null]])
    rig.register(9092)
    rig.fetch(follower)
    await rig.world.settle()
    expect(leader.last.named).toEqual([[0, 2]])
  })

  it('outlives changes of the metadata while nothing waits, for a while', async () => {
    const rig = new FetcherRig()
    const leader = rig.listen(9092)
    rig.fetch(new TestFollower(0))
    await rig.world.settle()
    leader.last.answer({ fetchId: 1 })
    await rig.world.settle()
    // The follower writes what it got: it has no fetch at all meanwhile.
    rig.register(9095, nodeId(5))
    await rig.world.settle()
    expect(leader.connectionCount).toBe(1)
    await rig.world.advance(31_000)
    rig.register(9096, nodeId(6))
    await rig.world.settle()
    expect(leader.connectionCount).toBe(0)
  })
})

describe('a partition on another shard of the leader', () => {
  it('is fetched from there, once its port was named, and so are its later fetches', async () => {
    const rig = new FetcherRig()
    const [first, second] = [rig.listen(9092), rig.listen(9200)]
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    first.last.answer({ fetchId: 1, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, shardPort: 9200 })
    await rig.world.settle()
    expect(follower.answers).toEqual([])
    expect(second.last.named).toEqual([[0, 1]])
    second.last.answer({ fetchId: 1 })
    await rig.world.settle()
    expect(follower.answers.map(([fetchId]) => fetchId)).toEqual([1])
    rig.fetch(follower)
    await rig.world.settle()
    expect(second.last.named).toEqual([[0, 2]])
    expect(first.asked).toHaveLength(1)
  })

  it('is asked for at the broker itself again when the shard is gone', async () => {
    const rig = new FetcherRig()
    const first = rig.listen(9092)
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    first.last.answer({ fetchId: 1, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, shardPort: 9200 })
    await rig.world.settle()
    expect(follower.answers).toEqual([[1, null]])
    rig.fetch(follower)
    await rig.world.settle()
    expect(first.last.named).toEqual([[0, 2]])
  })

  it('is not followed in circles', async () => {
    const rig = new FetcherRig()
    const [first, second] = [rig.listen(9092), rig.listen(9200)]
    const follower = new TestFollower(0)
    rig.fetch(follower)
    await rig.world.settle()
    const refusal = { fetchId: 1, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }
    first.last.answer({ ...refusal, shardPort: 9200 })
    await rig.world.settle()
    second.last.answer({ ...refusal, shardPort: 9092 })
    await rig.world.settle()
    expect(follower.answers).toEqual([[1, null]])
    expect(first.asked).toHaveLength(1)
  })

  it('has a connection of its own, whose end concerns no other shard', async () => {
    const rig = new FetcherRig()
    const [first, second] = [rig.listen(9092), rig.listen(9200)]
    const [here, there] = [new TestFollower(0), new TestFollower(1)]
    rig.fetch(here)
    rig.fetch(there)
    await rig.world.settle()
    const refusal = { partitionIndex: 1, fetchId: 2, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }
    first.last.answer({ ...refusal, shardPort: 9200 })
    await rig.world.settle()
    await second.stop()
    expect(there.answers).toEqual([[2, null]])
    expect(here.answers).toEqual([])
  })
})
