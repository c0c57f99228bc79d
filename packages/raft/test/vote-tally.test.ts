import { nodeId, type NodeId, type Uuid } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { UNKNOWN_DIRECTORY, VoterSet } from '../src/index.ts'
import { VoteTally } from '../src/vote-tally.ts'

const disk = (id: number): Uuid => `disk-${id}` as Uuid
const node = (id: number): NodeId => nodeId(id)

function voters(ids: readonly number[], isResolved: boolean): VoterSet {
  return new VoterSet(
    ids.map((id) => ({
      id: nodeId(id),
      directoryId: isResolved ? disk(id) : UNKNOWN_DIRECTORY,
      endpoint: { host: 'localhost', port: id },
    })),
  )
}

describe('a tally of votes', () => {
  it('counts a vote once, however often it arrives (Raft thesis §3.4)', () => {
    const tally = new VoteTally(voters([1, 2, 3, 4, 5], true))
    for (let times = 0; times < 5; times += 1) tally.grant(node(1), disk(1))
    expect(tally.isWon).toBe(false)
    tally.grant(node(2), disk(2))
    tally.grant(node(3), disk(3))
    expect(tally.isWon).toBe(true)
    expect(tally.granting).toEqual([1, 2, 3])
  })

  it('does not count a vote of another disk, or of who is no voter (KIP-853)', () => {
    const tally = new VoteTally(voters([1, 2, 3], true))
    tally.grant(node(1), disk(1))
    tally.grant(node(2), disk(9))
    tally.grant(node(4), disk(4))
    expect(tally.isWon).toBe(false)
  })

  it('needs all voters of a set that names no disks', () => {
    const tally = new VoteTally(voters([1, 2, 3], false))
    tally.grant(node(1), disk(1))
    tally.grant(node(2), disk(2))
    expect(tally.isWon).toBe(false)
    tally.grant(node(3), UNKNOWN_DIRECTORY)
    expect(tally.isWon).toBe(false)
    tally.grant(node(3), disk(3))
    expect(tally.isWon).toBe(true)
    expect(tally.resolved().voters.map(({ directoryId }) => directoryId)).toEqual([disk(1), disk(2), disk(3)])
  })

  it('is lost once the rest would not suffice', () => {
    const tally = new VoteTally(voters([1, 2, 3], true))
    tally.grant(node(1), disk(1))
    tally.refuse(node(1))
    tally.refuse(node(2))
    tally.refuse(node(2))
    expect(tally.isLost).toBe(false)
    tally.refuse(node(3))
    expect(tally.isLost).toBe(true)
  })
})
