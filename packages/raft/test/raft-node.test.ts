import { AssertionError, NO_NODE, nodeId, offset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { UNKNOWN_DIRECTORY } from '../src/index.ts'
import { emptyLog, key, SingleNode } from './single-node.ts'

const vote = {
  kind: 'vote',
  voter: key(1),
  candidate: key(2),
  epoch: 5,
  lastOffset: offset(3),
  lastEpoch: 1,
  preVote: false,
} as const

describe('votes', () => {
  it('leave after they are on disk, and there is one per epoch (Raft thesis §3.8)', () => {
    const single = new SingleNode({})
    single.request(vote)
    const { op, state } = single.one('persist')
    expect(state).toMatchObject({ epoch: 5, voted: key(2) })
    expect(single.one('respond')).toMatchObject({ after: op, response: { granted: true } })
    single.request({ ...vote, candidate: key(3) })
    expect(single.one('respond')).toMatchObject({ after: op, response: { granted: false } })
    single.step({ kind: 'persisted', op })
    single.request(vote)
    expect(single.one('respond')).toMatchObject({ after: null, response: { granted: true } })
  })

  it('are remembered over a restart', () => {
    const single = new SingleNode({ state: { epoch: 5, leaderId: NO_NODE, voted: key(3) } })
    single.request(vote)
    expect(single.one('respond').response).toMatchObject({ granted: false })
  })

  it('are not given to a log that is behind (Raft thesis §3.6.1)', () => {
    const single = new SingleNode({})
    single.request({ ...vote, lastOffset: offset(2) })
    expect(single.one('respond').response).toMatchObject({ granted: false, epoch: 5 })
    single.request({ ...vote, epoch: 6, lastOffset: offset(1), lastEpoch: 2 })
    expect(single.one('respond').response).toMatchObject({ granted: true })
  })

  it('asked of another disk are refused, and its epoch is not heeded (KIP-853)', () => {
    const single = new SingleNode({})
    single.request({ ...vote, voter: { ...key(1), directoryId: key(9).directoryId } })
    expect(single.one('respond').response).toMatchObject({
      error: 'INVALID_VOTER_KEY',
      granted: false,
      epoch: 1,
    })
    single.request({ ...vote, voter: { id: nodeId(1), directoryId: UNKNOWN_DIRECTORY } })
    expect(single.one('respond').response).toMatchObject({ granted: true, voterDirectoryId: 'disk-1' })
  })

  it('that are only pre-votes change nothing (KIP-996)', () => {
    const single = new SingleNode({ state: { epoch: 5, leaderId: NO_NODE, voted: key(3) } })
    single.request({ ...vote, preVote: true })
    expect(single.one('respond').response).toMatchObject({ granted: true })
    expect(single.all('persist')).toEqual([])
  })

  it('of a lower epoch are fenced', () => {
    const single = new SingleNode({ state: { epoch: 7, leaderId: NO_NODE, voted: null } })
    single.request(vote)
    expect(single.one('respond').response).toMatchObject({ error: 'FENCED_LEADER_EPOCH', epoch: 7 })
  })
})

describe('what comes too late', () => {
  it('is of no effect: timers that were disarmed, answers to roles that have ended', () => {
    const single = new SingleNode({})
    single.step({ kind: 'timer', timer: 'election' })
    const [preVote] = single.all('send')
    single.request(vote)
    expect(single.all('disarm').map(({ timer }) => timer)).toContain('election')
    expect(
      single.step({ kind: 'response', sendId: preVote!.sendId, response: single.granted(preVote!.to.id) }),
    ).toEqual([])
    expect(single.step({ kind: 'timer', timer: 'check-quorum' })).toEqual([])
  })
})

describe('a node', () => {
  it('that led before its restart does not lead on, nor vote for another in that epoch', () => {
    const single = new SingleNode({ state: { epoch: 5, leaderId: nodeId(1), voted: key(1) } })
    expect([single.role, single.node.leaderId]).toEqual(['unattached', NO_NODE])
    single.request(vote)
    expect(single.one('respond').response).toMatchObject({ granted: false, leaderId: NO_NODE })
  })

  it('whose quorum state is lost begins in the epoch of its log', () => {
    const single = new SingleNode({ state: { epoch: 0, leaderId: NO_NODE, voted: null } })
    expect(single.node.epoch).toBe(1)
  })

  it('takes proposals only while it leads', () => {
    const single = new SingleNode({})
    expect(() => single.step({ kind: 'propose', recordCount: 1, proposal: null })).toThrow(AssertionError)
  })

  it('is not woken up where it has nobody to ask', () => {
    const single = new SingleNode({ log: emptyLog, self: 9, canVote: false })
    expect(single.role).toBe('unattached')
    expect(single.all('send')).toHaveLength(1)
  })
})
