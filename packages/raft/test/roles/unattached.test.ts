import { NO_NODE, nodeId, offset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { fetchAnswer, key, SingleNode } from '../single-node.ts'

const two = nodeId(2)
const three = nodeId(3)

/** Observer 4 of the voters 1, 2, 3; it followed node 2 in epoch 2 until that fell silent, and has asked one voter. */
function withoutLeader(): SingleNode {
  const single = new SingleNode({ self: 4, canVote: false, state: { epoch: 2, leaderId: two, voted: null } })
  single.step({ kind: 'timer', timer: 'fetch' })
  if (single.role !== 'unattached') throw new Error('it has a leader')
  return single
}

/** Lets it ask until it asks this voter. */
function asked(single: SingleNode, id: number): { readonly sendId: number } {
  for (let turn = 0; turn < 4; turn += 1) {
    const send = single.all('send').find(({ to }) => to.id === id)
    if (send !== undefined) return send
    single.step({ kind: 'timer', timer: 'backoff' })
  }
  throw new Error(`${id} is not asked`)
}

function answer(single: SingleNode, id: number, fields: Parameters<typeof fetchAnswer>[0]): void {
  const { sendId } = asked(single, id)
  single.step({ kind: 'response', sendId, response: fetchAnswer(fields) })
}

describe('a replica that gave up its leader', () => {
  it('does not go back to it because others still name it (KAFKA-19354)', () => {
    const single = withoutLeader()
    let named = 0
    for (let turn = 0; turn < 20; turn += 1) {
      for (const { sendId, to } of single.all('send')) {
        if (to.id === two) continue
        const response = fetchAnswer({ epoch: 2, leaderId: two, error: 'NOT_LEADER_OR_FOLLOWER' })
        single.step({ kind: 'response', sendId, response })
        named += 1
        expect([single.role, single.node.leaderId]).toEqual(['unattached', NO_NODE])
      }
      single.step({ kind: 'timer', timer: 'backoff' })
    }
    expect(named).toBeGreaterThan(10)
  })

  it('follows the leader of a newer epoch that anybody names', () => {
    const single = withoutLeader()
    answer(single, 1, { epoch: 3, leaderId: three, error: 'FENCED_LEADER_EPOCH' })
    expect([single.role, single.node.leaderId]).toEqual(['follower', three])
  })

  it('goes back to it when it answers itself, or tells that it leads', () => {
    const answered = withoutLeader()
    answer(answered, 2, { epoch: 2, leaderId: two })
    expect([answered.role, answered.node.leaderId]).toEqual(['follower', two])

    const controller = new SingleNode({ self: 4, state: { epoch: 2, leaderId: two, voted: null } })
    controller.step({ kind: 'timer', timer: 'fetch' })
    expect(controller.role).toBe('unattached')
    const leaderEndpoint = { host: 'node-2', port: 9093 }
    const request = {
      kind: 'begin-quorum-epoch',
      voter: key(4),
      epoch: 2,
      leaderId: two,
      leaderEndpoint,
    } as const
    controller.step({ kind: 'request', id: 1, request })
    expect([controller.role, controller.node.leaderId]).toEqual(['follower', two])
  })

  it('does not go back to it when it tells that it resigns', () => {
    const controller = new SingleNode({ self: 4, state: { epoch: 2, leaderId: two, voted: null } })
    controller.step({ kind: 'timer', timer: 'fetch' })
    const request = { kind: 'end-quorum-epoch', epoch: 2, leaderId: two, preferredCandidates: [] } as const
    controller.step({ kind: 'request', id: 1, request })
    expect(controller.role).toBe('unattached')
  })

  it('waits for nobody: it asks the next while one does not answer, and each once at a time', () => {
    const single = withoutLeader()
    const ids = single.all('send').map(({ to }) => to.id)
    for (let turn = 0; turn < 5; turn += 1) {
      single.step({ kind: 'timer', timer: 'backoff' })
      ids.push(...single.all('send').map(({ to }) => to.id))
      expect(single.all('arm').map(({ timer }) => timer)).toEqual(['backoff'])
    }
    expect(ids.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
  })

  it('asks about as often as an election takes, for as long as there is no leader', () => {
    const single = withoutLeader()
    for (let turn = 0; turn < 100; turn += 1) single.step({ kind: 'timer', timer: 'backoff' })
    const { delayMs, jitterMs } = single.one('arm')
    expect(delayMs + jitterMs).toBe(100)
  })

  it('asks a leader that is no voter as well, where others say that it is', () => {
    const single = new SingleNode({
      self: 4,
      canVote: false,
      state: { epoch: 2, leaderId: nodeId(5), voted: null },
    })
    const leaderEndpoint = { host: 'node-5', port: 9093 }
    answer(single, 1, { epoch: 2, leaderId: nodeId(5), error: 'NOT_LEADER_OR_FOLLOWER', leaderEndpoint })
    answer(single, 5, { epoch: 2, leaderId: nodeId(5), highWatermark: offset(0) })
    expect([single.role, single.node.leaderId]).toEqual(['follower', 5])
  })
})
