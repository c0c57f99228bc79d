import { compressSync } from 'snappy'
import { describe, expect, it } from 'vitest'
import { compressSnappy, decompressSnappy } from '../src/snappy-framing.ts'

const MIB = 1024 * 1024
const HEADER = '82534e41505059000000000100000001'
const LARGE = Buffer.alloc(200_000, 'The quick brown fox jumps over the lazy dog. ')

function framed(...chunks: Buffer[]): Buffer {
  const lengths = chunks.map((chunk) => Buffer.from(chunk.length.toString(16).padStart(8, '0'), 'hex'))
  return Buffer.concat([
    Buffer.from(HEADER, 'hex'),
    ...chunks.flatMap((chunk, index) => [lengths[index]!, chunk]),
  ])
}

describe('snappy', () => {
  it('is written in the framing of xerial, in chunks of 32 KiB', () => {
    const packed = compressSnappy(LARGE)
    expect(packed.subarray(0, 16).toString('hex')).toBe(HEADER)
    const chunks = Array.from({ length: 7 }, (_, index) =>
      compressSync(LARGE.subarray(index * 32768, (index + 1) * 32768)),
    )
    expect(packed).toEqual(framed(...chunks))
  })

  it('is read raw as well as framed, in chunks of any size', () => {
    expect(decompressSnappy(compressSync(LARGE), MIB)).toEqual(LARGE)
    expect(decompressSnappy(framed(compressSync(LARGE), compressSync('!')), MIB)).toEqual(
      Buffer.concat([LARGE, Buffer.from('!')]),
    )
  })

  it.each([
    ['a chunk that is cut off', framed(compressSync('hello')).subarray(0, -1)],
    ['a length that is cut off', Buffer.concat([framed(compressSync('hello')), Buffer.alloc(3)])],
    ['a negative length', Buffer.concat([framed(), Buffer.from('ffffffff00', 'hex')])],
    ['a chunk of nothing', Buffer.concat([framed(), Buffer.alloc(4)])],
    ['a size in more than five bytes', Buffer.from('808080808001', 'hex')],
    ['a size that its bytes cannot fill', Buffer.from('80800400', 'hex')],
  ])('refuses %s', (_, bytes) => {
    expect(decompressSnappy(bytes, MIB)).toMatchObject({ kind: 'corrupt' })
  })

  it('counts all chunks against the limit', () => {
    const half = compressSync(LARGE)
    expect(decompressSnappy(framed(half, half), 400_000)).toHaveLength(400_000)
    expect(decompressSnappy(framed(half, half), 399_999)).toMatchObject({ kind: 'too-large' })
  })
})
