import { hashPartition } from '@millrace/producer-client'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, murmur2Ascii } from '../../src/partitioner/murmur2.ts'

/** From the tests of Kafka's Java client. */
const JAVA: readonly (readonly [key: string, hash: number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

describe('murmur2', () => {
  it.each(JAVA)('hashes %j as the Java client does', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash)
    expect(murmur2Ascii(key)).toBe(hash)
    expect(hashPartition(key, 1000)).toBe((hash & 0x7fffffff) % 1000)
  })

  it('gives text the hash of its UTF-8 bytes, however it is computed', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'Z', '0', '~', '\u007f', 'é', '€', '😀') }),
        (text) => {
          const ofBytes = murmur2(Buffer.from(text))
          expect(murmur2Ascii(text) ?? ofBytes).toBe(ofBytes)
          expect(hashPartition(text, 7)).toBe(hashPartition(Buffer.from(text), 7))
        },
      ),
    )
  })

  it('takes the short way for ASCII only', () => {
    expect(murmur2Ascii('héllo')).toBeNull()
    expect(murmur2Ascii('')).toBe(murmur2(Buffer.alloc(0)))
  })
})
