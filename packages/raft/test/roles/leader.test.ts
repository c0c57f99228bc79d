import { NO_OFFSET, nodeId, offset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { fetchOf, key, SingleNode, votersOf } from '../single-node.ts'

/** Leads epoch 2 of the voters 1, 2, 3; its LeaderChange is at 3. */
function leader(): SingleNode {
  const single = new SingleNode({})
  single.lead()
  return single
}

describe('a new leader', () => {
  it('begins its epoch with a LeaderChange (KIP-595)', () => {
    const { effects } = leader()
    expect(effects.find(({ kind }) => kind === 'append')).toMatchObject({
      baseOffset: 3,
      epoch: 2,
      entry: { kind: 'leader-change', leaderId: 1, voterIds: [1, 2, 3], grantingVoterIds: [1, 2] },
    })
    expect(effects.find(({ kind }) => kind === 'leadership')).toMatchObject({ epochStartOffset: 3 })
  })

  it('commits nothing of earlier epochs by counting replicas (Raft thesis §3.6.2, figure 3.7)', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(2, 2, 3, 1))
    single.request(fetchOf(3, 2, 3, 1))
    expect(single.node.highWatermark).toBe(0)
    single.request(fetchOf(2, 2, 4, 2))
    expect(single.node.highWatermark).toBe(4)
  })

  it('counts what is on disk, its own log included', () => {
    const single = leader()
    single.request(fetchOf(2, 2, 4, 2))
    expect(single.node.highWatermark).toBe(0)
    single.flushAll()
    expect(single.node.highWatermark).toBe(4)
    single.step({ kind: 'propose', recordCount: 2, proposal: 'p' })
    expect(single.one('append')).toMatchObject({ baseOffset: 4, entry: { kind: 'proposal', proposal: 'p' } })
    single.flushAll()
    expect(single.node.highWatermark).toBe(4)
  })

  it('does not count observers, nor a voter on another disk (KIP-853)', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(4, 2, 4, 2))
    single.request({ ...fetchOf(2, 2, 4, 2), replica: { ...key(2), directoryId: key(9).directoryId } })
    expect(single.node.highWatermark).toBe(0)
    expect(single.node.quorumDescription().observers.map(({ id }) => id)).toEqual([4, 2])
  })
})

describe('fetches of a leader', () => {
  it('are answered in the order of checks that Kafka has', () => {
    const single = leader()
    const errorOf = (): unknown => single.one('respond').response
    single.request(fetchOf(2, 1, 3, 1))
    expect(errorOf()).toMatchObject({ error: 'FENCED_LEADER_EPOCH', epoch: 2, leaderId: 1 })
    single.request({ ...fetchOf(2, 2, 3, 1), fetchOffset: NO_OFFSET })
    expect(errorOf()).toMatchObject({ error: 'INVALID_REQUEST' })
    single.request(fetchOf(2, 3, 3, 1))
    expect(single.all('respond').at(-1)?.response).toMatchObject({ error: 'UNKNOWN_LEADER_EPOCH', epoch: 3 })
    single.request(fetchOf(2, 3, 3, 1))
    expect(errorOf()).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER' })
  })

  it('get records that are not on disk here yet', () => {
    const single = leader()
    const id = single.request(fetchOf(2, 2, 3, 1))
    expect(single.one('respond-fetch')).toMatchObject({ id, offset: 3, endOffset: 4, highWatermark: 0 })
  })

  it('wait for news, and are answered by an append', () => {
    const single = leader()
    single.request(fetchOf(2, 2, 4, 2))
    const id = single.request(fetchOf(2, 2, 4, 2))
    expect(single.all('respond')).toEqual([])
    single.step({ kind: 'propose', recordCount: 1, proposal: null })
    expect(single.one('respond-fetch')).toMatchObject({ id, offset: 4, endOffset: 5 })
  })

  it('are answered empty by a high watermark that moved, and when their time is up', () => {
    const single = leader()
    single.request(fetchOf(3, 2, 4, 2))
    const id = single.request(fetchOf(3, 2, 4, 2))
    single.flushAll()
    expect(single.one('respond')).toMatchObject({ id, response: { highWatermark: 4, records: null } })
    const next = single.request(fetchOf(3, 2, 4, 2))
    expect(single.all('respond')).toEqual([])
    single.step({ kind: 'timer', timer: 'fetch-waits' })
    expect(single.one('respond')).toMatchObject({ id: next, response: { error: 'NONE' } })
  })

  it('that wait are all answered when the first of them has waited long enough: at rest that wakes up nobody twice', () => {
    const single = leader()
    single.flushAll()
    const ids = [2, 3].map((id) => {
      single.request(fetchOf(id, 2, 4, 2))
      single.all('arm')
      return single.request(fetchOf(id, 2, 4, 2))
    })
    expect(single.all('arm').filter(({ timer }) => timer.startsWith('fetch-wait'))).toEqual([])
    single.step({ kind: 'timer', timer: 'fetch-waits' })
    expect(single.all('respond').map(({ id }) => id)).toEqual(ids)
    single.request(fetchOf(2, 2, 4, 2))
    expect(single.all('arm')).toContainEqual({ kind: 'arm', timer: 'fetch-waits', delayMs: 500, jitterMs: 0 })
  })

  it('that would wait for less than the others wait no longer than that', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(2, 2, 4, 2))
    single.request(fetchOf(2, 2, 4, 2))
    single.request(fetchOf(3, 2, 4, 2))
    const id = single.request({ ...fetchOf(3, 2, 4, 2), maxWaitMs: 20 })
    expect(single.all('arm')).toContainEqual({
      kind: 'arm',
      timer: `fetch-wait/${id}`,
      delayMs: 20,
      jitterMs: 0,
    })
    single.step({ kind: 'timer', timer: `fetch-wait/${id}` })
    expect(single.one('respond')).toMatchObject({ id, response: { error: 'NONE' } })
    const news = single.request({ ...fetchOf(3, 2, 4, 2), maxWaitMs: 20 })
    single.step({ kind: 'propose', recordCount: 1, proposal: null })
    expect(single.all('disarm').map(({ timer }) => timer)).toContain(`fetch-wait/${news}`)
  })

  it('are answered at once when the replica has not applied what is committed (KIP-1166)', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(2, 2, 4, 2))
    single.request({ ...fetchOf(2, 2, 4, 2), appliedOffset: offset(3) })
    expect(single.one('respond').response).toMatchObject({ highWatermark: 4 })
    single.request({ ...fetchOf(2, 2, 4, 2), appliedOffset: offset(4) })
    expect(single.all('respond')).toEqual([])
    expect(single.node.appliedOffsets().get(nodeId(2))).toBe(4)
  })

  it('of a replica that asks again replace the one that waits', () => {
    const single = leader()
    single.request(fetchOf(2, 2, 4, 2))
    const first = single.request(fetchOf(2, 2, 4, 2))
    single.request(fetchOf(2, 2, 4, 2))
    expect(single.one('respond').id).toBe(first)
  })

  it('that were dropped get no answer', () => {
    const single = leader()
    single.request(fetchOf(2, 2, 4, 2))
    const id = single.request(fetchOf(2, 2, 4, 2))
    single.step({ kind: 'request-dropped', id })
    single.step({ kind: 'propose', recordCount: 1, proposal: null })
    expect(single.all('respond-fetch')).toEqual([])
  })

  it('that wait are told when it leads no more (KAFKA-20634)', () => {
    const single = leader()
    single.request(fetchOf(2, 2, 4, 2))
    const id = single.request(fetchOf(2, 2, 4, 2))
    single.step({ kind: 'timer', timer: 'check-quorum' })
    expect(single.role).toBe('resigned')
    expect(single.all('respond').find((effect) => effect.id === id)?.response).toMatchObject({
      error: 'NOT_LEADER_OR_FOLLOWER',
      leaderId: -1,
    })
  })
})

describe('changes of voters', () => {
  it('wait for a committed record of the epoch (KIP-853, the bug of the thesis’s first edition)', () => {
    const single = new SingleNode({
      log: {
        logStartOffset: offset(3),
        logEndOffset: offset(3),
        epochs: [],
        snapshot: { endOffset: offset(3), epoch: 1 },
        voterSets: [{ offset: offset(3), voters: votersOf(1, 2, 3) }],
      },
    })
    single.lead()
    single.flushAll()
    const request = { kind: 'remove-voter', voter: key(3), timeoutMs: 100, onlyIfSilent: false } as const
    single.step({ kind: 'request', id: 77, request })
    expect(single.one('respond').response).toMatchObject({ error: 'REQUEST_TIMED_OUT' })
    single.request(fetchOf(2, 2, 4, 2))
    single.step({ kind: 'request', id: 78, request })
    expect(single.one('append').entry).toMatchObject({ kind: 'voters', isFirst: false })
    expect(single.node.voters.size).toBe(2)
    single.flushAll()
    single.request(fetchOf(2, 2, 5, 2))
    expect(single.all('respond').find(({ id }) => id === 78)?.response).toMatchObject({ error: 'NONE' })
  })

  it('take the vote of a disk that another replaces only when the leader knows that it is silent', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(2, 2, 4, 2))
    let id = 70
    const ask = (voter: number, onlyIfSilent = true): unknown => {
      id += 1
      const request = { kind: 'remove-voter', voter: key(voter), timeoutMs: 9, onlyIfSilent } as const
      single.step({ kind: 'request', id, request })
      return single.all('respond').find((effect) => effect.id === id)?.response
    }
    const tick = (): void => void single.step({ kind: 'timer', timer: 'begin-quorum-epoch' })
    const isAlive = { error: 'INVALID_REQUEST', message: expect.stringContaining('is alive') as string }
    const isUnknown = {
      error: 'REQUEST_TIMED_OUT',
      message: expect.stringContaining('not known yet') as string,
    }
    expect(ask(1)).toMatchObject(isAlive)
    expect(ask(2)).toMatchObject(isAlive)
    expect(ask(3)).toMatchObject(isUnknown)
    tick()
    expect(ask(3)).toMatchObject(isUnknown)
    // The other disk of the same node is another replica: that it lives says nothing of this one.
    single.request({ ...fetchOf(3, 2, 4, 2), replica: { ...key(3), directoryId: key(9).directoryId } })
    expect(ask(2)).toMatchObject(isAlive)
    single.request(fetchOf(2, 2, 4, 2))
    tick()
    expect(ask(2)).toMatchObject(isAlive)
    expect(ask(3)).toBeUndefined()
    expect(single.node.voters.voters.map((voter) => voter.id)).toEqual([1, 2])
    const asked = leader()
    asked.flushAll()
    asked.request(fetchOf(2, 2, 4, 2))
    const request = { kind: 'remove-voter', voter: key(2), timeoutMs: 9, onlyIfSilent: false } as const
    asked.step({ kind: 'request', id: 1, request })
    expect(asked.one('append').entry).toMatchObject({ kind: 'voters' })
  })

  it('name what is wrong with them', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(2, 2, 4, 2))
    const [voter] = votersOf(3).voters
    single.step({ kind: 'request', id: 1, request: { kind: 'add-voter', voter: voter!, timeoutMs: 9 } })
    expect(single.one('respond').response).toMatchObject({ error: 'DUPLICATE_VOTER' })
    single.step({
      kind: 'request',
      id: 2,
      request: {
        kind: 'remove-voter',
        voter: { ...key(3), directoryId: key(9).directoryId },
        timeoutMs: 9,
        onlyIfSilent: false,
      },
    })
    expect(single.one('respond').response).toMatchObject({ error: 'VOTER_NOT_FOUND' })
  })

  it('correct the address of a voter (KIP-853, UpdateRaftVoter)', () => {
    const single = leader()
    single.flushAll()
    single.request(fetchOf(2, 2, 4, 2))
    const voter = { ...key(3), endpoint: { host: 'elsewhere', port: 1 } }
    single.step({ kind: 'request', id: 1, request: { kind: 'update-voter', epoch: 2, voter } })
    expect(single.node.voters.get(nodeId(3))?.endpoint.host).toBe('elsewhere')
  })
})

describe('a leader', () => {
  it('resigns at once when it knows that a majority is gone', () => {
    const single = leader()
    single.step({ kind: 'peer-gone', id: nodeId(2) })
    expect(single.role).toBe('leader')
    single.step({ kind: 'peer-gone', id: nodeId(3) })
    expect(single.role).toBe('resigned')
    expect(single.all('send').map(({ request }) => request.kind)).toEqual([
      'end-quorum-epoch',
      'end-quorum-epoch',
    ])
  })

  it('is not held to have lost who has fetched since', () => {
    const single = leader()
    single.step({ kind: 'peer-gone', id: nodeId(2) })
    single.request(fetchOf(2, 2, 3, 1))
    single.step({ kind: 'peer-gone', id: nodeId(3) })
    expect(single.role).toBe('leader')
  })

  it('refuses pre-votes, and steps down for a higher epoch (KIP-996)', () => {
    const single = leader()
    const vote = {
      kind: 'vote',
      voter: key(1),
      candidate: key(3),
      epoch: 2,
      lastOffset: offset(9),
      lastEpoch: 2,
      preVote: true,
    } as const
    single.request(vote)
    expect(single.one('respond').response).toMatchObject({ granted: false, leaderId: 1 })
    single.request({ ...vote, epoch: 3, preVote: false })
    expect(single.role).toBe('unattached')
    expect(single.one('respond').response).toMatchObject({ granted: true, epoch: 3 })
  })

  it('that can not append hands over, and may be elected again', () => {
    const single = leader()
    single.step({ kind: 'append-refused' })
    expect(single.role).toBe('resigned')
    single.step({ kind: 'timer', timer: 'resign' })
    single.step({ kind: 'timer', timer: 'election' })
    expect(single.role).toBe('prospective')
  })

  it('that is told to resign stands for no election any more', () => {
    const single = leader()
    single.step({ kind: 'resign' })
    expect(single.role).toBe('resigned')
    single.step({ kind: 'timer', timer: 'resign' })
    expect(single.role).toBe('unattached')
    single.step({ kind: 'timer', timer: 'election' })
    expect(single.role).toBe('unattached')
  })
})
