import { NO_NODE, nodeId } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { SingleNode } from '../single-node.ts'

/** Won its pre-vote, and has just asked for votes. */
function candidate(): SingleNode {
  const single = new SingleNode({})
  single.step({ kind: 'timer', timer: 'election' })
  const [preVote] = single.all('send')
  single.step({ kind: 'response', sendId: preVote!.sendId, response: single.granted(preVote!.to.id) })
  expect(single.role).toBe('candidate')
  return single
}

describe('a candidate', () => {
  it('asks for votes after its own is on disk (Raft thesis §3.8)', () => {
    const single = candidate()
    const { op, state } = single.one('persist')
    expect(state).toMatchObject({ epoch: 2, leaderId: NO_NODE, voted: { id: 1 } })
    expect(single.all('send').map(({ after }) => after)).toEqual([op, op])
    expect(single.effects.findIndex(({ kind }) => kind === 'persist')).toBeLessThan(
      single.effects.findIndex(({ kind }) => kind === 'send'),
    )
  })

  it('counts its own vote once that is on disk', () => {
    const single = candidate()
    const { op } = single.one('persist')
    const [vote] = single.all('send')
    single.step({ kind: 'response', sendId: vote!.sendId, response: single.granted(vote!.to.id) })
    single.step({ kind: 'persisted', op: op - 1 })
    expect(single.role).toBe('candidate')
    single.step({ kind: 'persisted', op })
    expect(single.role).toBe('leader')
  })

  it('counts no vote twice, and none that it did not ask for', () => {
    const single = candidate()
    const [vote] = single.all('send')
    const response = single.granted(vote!.to.id)
    single.step({ kind: 'response', sendId: vote!.sendId, response })
    single.step({ kind: 'response', sendId: vote!.sendId, response })
    single.step({ kind: 'response', sendId: 999, response: single.granted(nodeId(3)) })
    expect(single.role).toBe('candidate')
  })

  it('that is refused asks for pre-votes again, in the same epoch, after a pause (KIP-996)', () => {
    const single = candidate()
    const votes = single.all('send')
    single.step({ kind: 'persisted', op: single.one('persist').op })
    for (const { sendId } of votes) single.step({ kind: 'response', sendId, response: null })
    expect(single.all('arm').map(({ timer }) => timer)).toEqual(['backoff'])
    single.step({ kind: 'timer', timer: 'backoff' })
    expect(single.role).toBe('prospective')
    expect(single.node.epoch).toBe(2)
    expect(single.all('send').map(({ request }) => request)).toMatchObject([
      { preVote: true, epoch: 2 },
      { preVote: true, epoch: 2 },
    ])
  })

  it('gives way to a higher epoch that it hears of', () => {
    const single = candidate()
    const [vote] = single.all('send')
    single.step({
      kind: 'response',
      sendId: vote!.sendId,
      response: {
        kind: 'vote',
        error: 'FENCED_LEADER_EPOCH',
        granted: false,
        voterDirectoryId: single.node.voters.get(vote!.to.id)!.directoryId,
        epoch: 9,
        leaderId: nodeId(3),
        leaderEndpoint: null,
      },
    })
    expect([single.role, single.node.epoch, single.node.leaderId]).toEqual(['follower', 9, 3])
  })
})
