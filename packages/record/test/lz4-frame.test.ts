import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressLz4Frame, decompressLz4Frame } from '../src/lz4-frame.ts'
import { xxhash32 } from '../src/xxhash32.ts'

const MIB = 1024 * 1024
const LARGE = Buffer.alloc(300_000, 'The quick brown fox jumps over the lazy dog. ')

interface FrameOptions {
  readonly flags?: number
  readonly blockDescriptor?: number
  readonly contentBytes?: number
  readonly blocks?: readonly Buffer[]
  readonly tail?: string
}

/** A frame of stored blocks, put together by hand. */
function frame(options: FrameOptions = {}): Buffer {
  const descriptor = [options.flags ?? 0x60, options.blockDescriptor ?? 0x40]
  if (options.contentBytes !== undefined) descriptor.push(...uint32(options.contentBytes), 0, 0, 0, 0)
  const blocks = options.blocks ?? [Buffer.from('hello')]
  const body = blocks.flatMap((block) => [...uint32(block.length + 0x80000000), ...block])
  const headerChecksum = (xxhash32(Buffer.from(descriptor)) >>> 8) & 0xff
  const tail = Buffer.from(options.tail ?? '00000000', 'hex')
  return Buffer.from([4, 0x22, 0x4d, 0x18, ...descriptor, headerChecksum, ...body, ...tail])
}

function uint32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]
}

describe('frames', () => {
  it('of ours are read by another reader, and theirs by ours, with all checksums', () => {
    expect(decompressFrameSync(compressLz4Frame(LARGE))).toEqual(LARGE)
    for (const blockChecksums of [false, true]) {
      for (const contentChecksum of [false, true]) {
        const theirs = compressFrameSync(LARGE, { blockChecksums, contentChecksum })
        expect(decompressLz4Frame(theirs, MIB)).toEqual(LARGE)
      }
    }
  })

  it('store what does not compress', () => {
    const noise = createHash('shake256', { outputLength: 1000 }).update('noise').digest()
    const packed = compressLz4Frame(noise)
    expect(packed.length).toBe(7 + 4 + 1000 + 4)
    expect(decompressLz4Frame(packed, 1000)).toEqual(noise)
  })

  it('may have blocks of any size, a content size and a content checksum', () => {
    const hash = Buffer.from(uint32(xxhash32(Buffer.from('hello')))).toString('hex')
    expect(decompressLz4Frame(frame(), MIB)).toEqual(Buffer.from('hello'))
    expect(decompressLz4Frame(frame({ blockDescriptor: 0x70 }), MIB)).toEqual(Buffer.from('hello'))
    expect(decompressLz4Frame(frame({ flags: 0x68, contentBytes: 5 }), MIB)).toEqual(Buffer.from('hello'))
    expect(decompressLz4Frame(frame({ flags: 0x64, tail: `00000000${hash}` }), MIB)).toEqual(
      Buffer.from('hello'),
    )
    expect(decompressLz4Frame(frame({ blocks: [] }), MIB)).toEqual(Buffer.alloc(0))
  })
})

describe('a frame is refused', () => {
  const flipped = (bytes: Buffer, at: number) => {
    const copy = Buffer.from(bytes)
    copy[at < 0 ? copy.length + at : at]! ^= 1
    return copy
  }
  const checked = compressFrameSync(LARGE, { blockChecksums: true, contentChecksum: true })

  it.each([
    ['with linked blocks', frame({ flags: 0x40 }), 'linked blocks'],
    ['with a dictionary', frame({ flags: 0x61 }), 'dictionary'],
    ['of another version', frame({ flags: 0xa0 }), 'version'],
    ['with a block size that does not exist', frame({ blockDescriptor: 0x30 }), 'block size'],
    ['with a wrong header checksum', flipped(frame(), 6), 'header checksum'],
    ['with a wrong block checksum', flipped(checked, 30), 'checksum'],
    ['with a wrong content checksum', flipped(checked, -1), 'content checksum'],
    ['with a wrong content size', frame({ flags: 0x68, contentBytes: 6 }), 'content size'],
    ['without its end mark', frame({ tail: '' }), 'end mark'],
    ['with bytes behind it', frame({ tail: '0000000001' }), 'behind the frame'],
    ['with a block larger than it may be', frame({ blocks: [Buffer.alloc(65_537)] }), 'cut off'],
    ['cut off in its header', frame().subarray(0, 6), 'no frame header'],
    [
      'cut off in its content size',
      frame({ flags: 0x68, contentBytes: 5 }).subarray(0, 12),
      'header is cut off',
    ],
  ])('%s', (_, bytes, problem) => {
    expect(decompressLz4Frame(bytes, MIB)).toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining(problem) as string,
    })
  })

  it('at once, when its content size is above the limit', () => {
    expect(decompressLz4Frame(frame({ flags: 0x68, contentBytes: MIB + 1 }), MIB)).toMatchObject({
      kind: 'too-large',
    })
  })
})
