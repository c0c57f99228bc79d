import { describe, expect, test } from 'vitest'
import { newVoter } from '../../src/commands/quorum-add-voter.ts'
import { votingReplica } from '../../src/commands/quorum-remove-voter.ts'
import { directoryOf, quorum, replica } from '../quorum-descriptions.ts'

const OTHER = directoryOf(999)

describe('add-voter', () => {
  test('finds directory and endpoint of an observer', () => {
    expect(newVoter(quorum([101], [replica(104), replica(1)]), 104, {})).toEqual({
      id: 104,
      directoryId: directoryOf(104),
      endpoints: [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9104 }],
    })
  })

  test('takes the endpoint from the user, when the quorum does not know it or is wrong', () => {
    const { endpoints } = newVoter(quorum([101], [replica(104, { endpoints: [] })]), 104, {
      endpoint: '10.0.0.4:9192',
    })
    expect(endpoints).toMatchObject([{ host: '10.0.0.4', port: 9192 }])
  })

  test.each([
    ['has a vote', quorum([101, 104]), {}, 'DUPLICATE_VOTER', /has a vote already$/],
    [
      'votes with a folder that was lost',
      quorum([101, 104], [replica(104, { directoryId: OTHER })]),
      {},
      'DUPLICATE_VOTER',
      /remove-voter 104/,
    ],
    ['does not follow', quorum([101], [replica(1)]), {}, 'UNKNOWN_OBSERVER', /follow 1\..*--node-id 104/],
    [
      'follows with two folders',
      quorum([101], [replica(104), replica(104, { directoryId: OTHER })]),
      {},
      'AMBIGUOUS_VOTER',
      /--directory-id/,
    ],
    [
      'has no endpoint',
      quorum([101], [replica(104, { endpoints: [] })]),
      {},
      'UNKNOWN_ENDPOINT',
      /--endpoint/,
    ],
  ])('refuses a node that %s, and says what to do', (_what, description, options, code, text) => {
    let caught: unknown
    try {
      newVoter(description, 104, options)
    } catch (error) {
      caught = error
    }
    const { message, hint } = caught as { message: string; hint: string | null }
    expect(caught).toMatchObject({ code })
    expect([message, hint].filter((part) => part !== null).join(' ')).toMatch(text)
  })

  test('tells two folders of one node apart when one is named', () => {
    const description = quorum([101], [replica(104), replica(104, { directoryId: OTHER })])
    expect(newVoter(description, 104, { directoryId: OTHER }).directoryId).toBe(OTHER)
  })
})

describe('remove-voter', () => {
  test('finds the directory of the voter', () => {
    expect(votingReplica(quorum([101, 102]), 102, undefined)).toMatchObject({
      id: 102,
      directoryId: directoryOf(102),
    })
  })

  test.each([
    ['has no vote', quorum([101, 102]), 103, undefined, 'VOTER_NOT_FOUND'],
    ['votes with another folder', quorum([101, 102]), 102, OTHER, 'VOTER_NOT_FOUND'],
    ['is the last', quorum([101]), 101, undefined, 'LAST_VOTER'],
  ])('refuses a controller that %s', (_what, description, id, directoryId, code) => {
    expect(() => votingReplica(description, id, directoryId)).toThrow(expect.objectContaining({ code }))
  })
})
