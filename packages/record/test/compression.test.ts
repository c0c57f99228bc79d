import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressionName, CompressionType } from '../src/compression-type.ts'
import { compress, decompress } from '../src/compression.ts'
import { clientVectors } from './vectors.ts'

const MIB = 1024 * 1024
const types = Object.entries(CompressionType)
const packing = types.filter(([name]) => name !== 'none')

/** Text-like, so that it compresses, and long enough for several blocks of every framing. */
function text(bytes: number): Buffer {
  return Buffer.alloc(bytes, JSON.stringify({ flight: 'AA17', from: 'JFK', to: 'LAX', delay: 12 }))
}

describe.each(types)('%s', (_, type) => {
  it('gives back what it was given, whatever the size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), (bytes) => {
        expect(decompress(type, compress(type, bytes), bytes.length)).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 50 },
    )
    for (const size of [32 * 1024, 64 * 1024, 64 * 1024 + 1, 3 * MIB + 7]) {
      expect(decompress(type, compress(type, text(size)), size)).toEqual(text(size))
    }
  })

  it('stops one byte above the limit', () => {
    const packed = compress(type, text(100_000))
    expect(decompress(type, packed, 100_000)).toEqual(text(100_000))
    expect(decompress(type, packed, 99_999)).toMatchObject({ kind: 'too-large' })
  })
})

describe.each(packing)('%s', (_, type) => {
  it('refuses what is cut off, empty or noise', () => {
    const packed = compress(type, text(100_000))
    expect(decompress(type, packed.subarray(0, packed.length - 5), MIB)).toMatchObject({ kind: 'corrupt' })
    expect(decompress(type, Buffer.alloc(0), MIB)).toMatchObject({ kind: 'corrupt' })
    expect(decompress(type, Buffer.from('no compression at all'), MIB)).toMatchObject({ kind: 'corrupt' })
  })

  it('leaves what it was given untouched', () => {
    const input = text(100_000)
    const packed = compress(type, input)
    const before = Buffer.from(packed)
    decompress(type, packed, MIB)
    expect(input).toEqual(text(100_000))
    expect(packed).toEqual(before)
  })

  it('does not fill the memory with a bomb of 200 MB', () => {
    const bomb = compress(type, Buffer.alloc(200 * MIB))
    const before = process.memoryUsage().rss
    expect(decompress(type, bomb, 16 * MIB)).toMatchObject({ kind: 'too-large' })
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB)
  })
})

it('allocates nothing by a size that only a header claims', () => {
  // A snappy block that claims 4 GiB, and a zstd frame that claims 2^50 bytes.
  const snappy = Buffer.from('ffffffff0f0041', 'hex')
  const zstd = Buffer.from('28b52ffde00000000000000400010000', 'hex')
  const before = process.memoryUsage().rss
  expect(decompress(CompressionType.snappy, snappy, 2 ** 33)).toMatchObject({ kind: 'corrupt' })
  expect(decompress(CompressionType.zstd, zstd, 16 * MIB)).toMatchObject({ kind: 'corrupt' })
  expect(process.memoryUsage().rss - before).toBeLessThan(32 * MIB)
})

it('refuses a zstd window that is larger than any client needs', () => {
  // Magic, no single segment, window descriptor 2^31, one empty last block.
  const frame = Buffer.from('28b52ffd00a8010000', 'hex')
  expect(decompress(CompressionType.zstd, frame, MIB)).toMatchObject({ kind: 'corrupt' })
})

it('takes levels for gzip and zstd', () => {
  const words = Array.from(
    { length: 20_000 },
    (_, index) => (Math.imul(index, 0x9e3779b1) >>> 20) & (index >> 3),
  )
  const input = Buffer.from(words.join(' '))
  expect(compress(CompressionType.gzip, input, 1)).toEqual(gzipSync(input, { level: 1 }))
  expect(compress(CompressionType.zstd, input)).toEqual(zstdCompressSync(input))
  expect(compress(CompressionType.zstd, input, 15).length).toBeLessThan(
    compress(CompressionType.zstd, input, 1).length,
  )
})

it('answers types that nobody knows', () => {
  for (const type of [5, 6, 7]) {
    expect(decompress(type, Buffer.from('x'), MIB)).toMatchObject({ kind: 'unsupported-compression' })
    expect(compressionName(type)).toBeNull()
  }
  expect(types.map(([, type]) => compressionName(type))).toEqual(types.map(([name]) => name))
})

it('has seen both framings of snappy from real clients', () => {
  expect(new Set(clientVectors.map(({ snappyFraming }) => snappyFraming))).toEqual(
    new Set([null, 'raw', 'xerial']),
  )
})
