import { describe, expect, test } from 'vitest'
import { parseReassignments, readReassignments } from '../../src/partitions/reassignment-file.ts'

const parse = (plan: unknown) => parseReassignments(JSON.stringify(plan), 'plan.json')

describe("Kafka's file of reassignments", () => {
  test('says which brokers are to have which partitions', () => {
    const partitions = [
      { topic: 't', partition: 0, replicas: [3, 1], log_dirs: ['any', 'any'] },
      { topic: 't', partition: 1, replicas: [2] },
    ]
    expect(parse({ version: 1, partitions })).toEqual([
      { topic: 't', partition: 0, replicas: [3, 1] },
      { topic: 't', partition: 1, replicas: [2] },
    ])
  })

  const one = { topic: 't', partition: 0, replicas: [1] }
  test.each([
    ['another version', { version: 2, partitions: [one] }, /version is not 1/],
    ['no partitions', { version: 1, partitions: [] }, /no partitions/],
    [
      'a partition without a topic',
      { version: 1, partitions: [{ ...one, topic: '' }] },
      /entry 1 .* no topic/,
    ],
    ['a partition without a number', { version: 1, partitions: [{ ...one, partition: -1 }] }, /no partition/],
    ['no replicas', { version: 1, partitions: [{ ...one, replicas: [] }] }, /no list of replicas/],
    ['a broker twice', { version: 1, partitions: [{ ...one, replicas: [1, 1] }] }, /names a broker twice/],
    ['a partition twice', { version: 1, partitions: [one, one] }, /t-0 is there twice/],
    [
      'a choice of directories',
      { version: 1, partitions: [{ ...one, log_dirs: ['/data'] }] },
      /log directory/,
    ],
    ['an entry that is none', { version: 1, partitions: [null] }, /entry 1 .* no object/],
  ])('is refused with %s, and its form is shown', (_what, plan, message) => {
    expect(() => parse(plan)).toThrow(
      expect.objectContaining({
        code: 'INVALID_FILE',
        message: expect.stringMatching(message),
        hint: expect.stringContaining('"version":1'),
      }),
    )
  })

  test('is refused when it is no JSON, or not there', () => {
    expect(() => parseReassignments('{', 'plan.json')).toThrow(/^plan\.json: not JSON/)
    expect(() => readReassignments('/nowhere/plan.json')).toThrow(/^cannot read \/nowhere\/plan\.json/)
  })
})
