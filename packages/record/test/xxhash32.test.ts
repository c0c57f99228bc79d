import { expect, it } from 'vitest'
import { xxhash32 } from '../src/xxhash32.ts'

it.each([
  ['', '2cc5d05'],
  ['a', '550d7456'],
  ['abc', '32d153ff'],
  ['Nobody inspects the spammish repetition', 'e2293b2f'],
])('gives the published hash of %j', (text, hash) => {
  expect(xxhash32(Buffer.from(text)).toString(16)).toBe(hash)
})

it('hashes a range as it hashes a copy of it', () => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index * 37))
  for (let start = 0; start < 20; start++) {
    expect(xxhash32(bytes, start, 90)).toBe(xxhash32(Buffer.from(bytes.subarray(start, 90))))
  }
})
