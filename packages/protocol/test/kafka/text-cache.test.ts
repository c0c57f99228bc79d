import { randomUuid, uuidFromBytes, uuidToBytes, ZERO_UUID } from '@millrace/base'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CACHED_TEXT_BYTES, cachedAscii, cachedUuid } from '../../src/kafka/text-cache.ts'

describe('the text cache', () => {
  it('never mixes up texts, however many there are', () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5000; i++) {
        const text = `topic-${i}`
        expect(cachedAscii(Buffer.from(`<${text}>`), 1, 1 + text.length)).toBe(text)
      }
    }
  })

  it('tells texts of the same bytes and different lengths apart', () => {
    for (const length of [0, 1, 2, CACHED_TEXT_BYTES]) {
      expect(cachedAscii(Buffer.alloc(CACHED_TEXT_BYTES), 0, length)).toBe('\0'.repeat(length))
    }
  })

  it('leaves what is not ASCII to others', () => {
    expect(cachedAscii(Buffer.from('Zürich'), 0, 7)).toBe(null)
    expect(cachedAscii(Buffer.from([0x80]), 0, 1)).toBe(null)
  })

  it('does not keep the memory that a text came from', () => {
    const bytes = Buffer.from('first')
    const text = cachedAscii(bytes, 0, 5)
    bytes.write('other')
    expect(text).toBe('first')
    expect(cachedAscii(Buffer.from('first'), 0, 5)).toBe('first')
  })
})

describe('the uuid cache', () => {
  it('never mixes up ids, however many there are', () => {
    const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
    const ids = Array.from({ length: 3000 }, () => randomUuid(entropy))
    for (const id of [...ids, ...ids]) expect(cachedUuid(uuidToBytes(id), 0)).toBe(id)
  })

  it('tells ids apart whose words are swapped', () => {
    const one = Buffer.from('00000001000000020000000300000004', 'hex')
    const two = Buffer.from('00000002000000010000000300000004', 'hex')
    expect(cachedUuid(one, 0)).toBe(uuidFromBytes(one))
    expect(cachedUuid(two, 0)).toBe(uuidFromBytes(two))
    expect(cachedUuid(Buffer.alloc(16), 0)).toBe(ZERO_UUID)
  })
})
