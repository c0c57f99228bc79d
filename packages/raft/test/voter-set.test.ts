import { nodeId, type Uuid } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { isSameReplica, UNKNOWN_DIRECTORY, type Voter, VoterSet } from '../src/index.ts'

function voter(id: number, directory = `disk-${id}`): Voter {
  return { id: nodeId(id), directoryId: directory as Uuid, endpoint: { host: 'localhost', port: id } }
}

describe('a voter set', () => {
  it('is never changed: a change is another set', () => {
    const set = new VoterSet([voter(2), voter(1)])
    expect(set.with(voter(3)).voters.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(set.without(nodeId(1)).voters.map(({ id }) => id)).toEqual([2])
    expect(set.voters.map(({ id }) => id)).toEqual([1, 2])
  })

  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('of %i has a majority of %i', (size, majority) => {
    expect(new VoterSet(Array.from({ length: size }, (_, index) => voter(index))).majority).toBe(majority)
  })

  it('has a replica on the disk that it names only (KIP-853)', () => {
    const set = new VoterSet([voter(1)])
    expect(set.has(voter(1))).toBe(true)
    expect(set.has(voter(1, 'another'))).toBe(false)
    expect(set.isResolved).toBe(true)
  })

  it('of configuration has a replica on any disk', () => {
    const set = new VoterSet([voter(1, UNKNOWN_DIRECTORY)])
    expect(set.has(voter(1, 'any'))).toBe(true)
    expect(set.isResolved).toBe(false)
    expect(isSameReplica(voter(1, UNKNOWN_DIRECTORY), voter(2))).toBe(false)
  })
})
