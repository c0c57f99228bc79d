import { describe, expect, test } from 'vitest'
import { addToSequence, followsSequence, subtractFromSequence } from '../src/index.ts'

const INT32_MAX = 2 ** 31 - 1

describe('sequences', () => {
  test('go on at 0 behind 2^31 − 1 (trap 44)', () => {
    expect(addToSequence(INT32_MAX, 1)).toBe(0)
    expect(addToSequence(INT32_MAX - 3, 10)).toBe(6)
    expect(subtractFromSequence(6, 10)).toBe(INT32_MAX - 3)
    expect([followsSequence(INT32_MAX, 0), followsSequence(INT32_MAX, 1), followsSequence(4, 5)]).toEqual([
      true,
      false,
      true,
    ])
  })
})
