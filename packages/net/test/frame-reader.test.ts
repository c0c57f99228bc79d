import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { BufferPool } from '@millrace/base'
import { FrameReader, type FrameReaderOptions } from '../src/frame-reader.ts'
import { badLengthText } from '../src/bad-length.ts'
import type { MemoryBudget } from '../src/memory-budget.ts'

const FRAME_BYTES_MAX = 100 * 1024 * 1024

/** Counts what a reader holds. */
class CountedMemory implements MemoryBudget {
  usedBytes = 0
  peakBytes = 0
  limitBytes = Infinity
  mayTake(bytes: number): boolean {
    return this.usedBytes + bytes <= this.limitBytes
  }
  take(bytes: number): void {
    this.usedBytes += bytes
    this.peakBytes = Math.max(this.peakBytes, this.usedBytes)
  }
  give(bytes: number): void {
    this.usedBytes -= bytes
  }
}

function reader(options: Partial<FrameReaderOptions> = {}): FrameReader {
  const pool = new BufferPool({ maxPooledBytes: 64 * 1024 * 1024 })
  return new FrameReader({ pool, frameBytesMax: FRAME_BYTES_MAX, ...options })
}

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** Hands over a chunk as the network does: in memory that is overwritten afterwards. */
function feed(frames: FrameReader, bytes: Buffer): Buffer[] {
  const chunk = Buffer.from(bytes)
  frames.push(chunk)
  const received: Buffer[] = []
  for (let frame = frames.next(); frame !== null; frame = frames.next()) received.push(Buffer.from(frame))
  frames.settle()
  chunk.fill(0xdb)
  return received
}

/** Like `feed`, but through `receiveBuffer` where the reader offers one. */
function feedInPlace(frames: FrameReader, stream: Buffer, readBytesMax: number): Buffer[] {
  const received: Buffer[] = []
  const own = Buffer.alloc(64 * 1024)
  for (let position = 0; position < stream.length;) {
    const target = frames.receiveBuffer() ?? own
    const bytes = Math.min(target.length, readBytesMax, stream.length - position)
    stream.copy(target, 0, position, position + bytes)
    position += bytes
    frames.push(target.subarray(0, bytes))
    for (let frame = frames.next(); frame !== null; frame = frames.next()) received.push(Buffer.from(frame))
    frames.settle()
    own.fill(0xdb)
  }
  return received
}

function body(bytes: number, seed: number): Buffer {
  const buffer = Buffer.alloc(bytes, seed)
  if (bytes >= 4) buffer.writeInt32BE(seed, bytes - 4)
  return buffer
}

function expectFrames(received: readonly Buffer[], expected: readonly Buffer[]): void {
  expect(received.map((frame) => frame.length)).toEqual(expected.map((frame) => frame.length))
  received.forEach((frame, i) => expect(frame.equals(expected[i]!)).toBe(true))
}

describe('splitting a stream into frames', () => {
  const bodies = [body(0, 1), body(1, 2), body(8, 3), body(300, 4), body(5, 5)]
  const stream = Buffer.concat(bodies.map(framed))

  it('finds the same frames wherever the stream is cut in two', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const frames = reader()
      const received = [...feed(frames, stream.subarray(0, cut)), ...feed(frames, stream.subarray(cut))]
      expectFrames(received, bodies)
      expect(frames.holdsBytes).toBe(false)
    }
  })

  it('finds the same frames when each byte comes alone', () => {
    const frames = reader()
    const received = [...stream].flatMap((byte) => feed(frames, Buffer.from([byte])))
    expectFrames(received, bodies)
  })

  it('hands out frames of one chunk in place, without copying', () => {
    const frames = reader()
    frames.push(stream)
    const inPlace: boolean[] = []
    for (let frame = frames.next(); frame !== null; frame = frames.next())
      inPlace.push(frame.buffer === stream.buffer)
    expect(inPlace).toEqual(bodies.map(() => true))
  })

  it('finds the same frames for any sizes, any cuts, with and without receiving in place', () => {
    const sizes = fc.array(fc.oneof(fc.nat(200), fc.nat(300_000)), { minLength: 1, maxLength: 6 })
    const readSize = fc.integer({ min: 1000, max: 200_000 })
    fc.assert(
      fc.property(sizes, readSize, fc.boolean(), (lengths, readBytesMax, inPlace) => {
        const memory = new CountedMemory()
        const frames = reader({ memory })
        const sent = lengths.map((length, i) => body(length, i + 1))
        const all = Buffer.concat(sent.map(framed))
        const received: Buffer[] = []
        if (inPlace) received.push(...feedInPlace(frames, all, readBytesMax))
        else
          for (let position = 0; position < all.length; position += readBytesMax)
            received.push(...feed(frames, all.subarray(position, position + readBytesMax)))
        expectFrames(received, sent)
        expect(memory.usedBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('keeps what was not asked for, and goes on from there', () => {
    const frames = reader()
    frames.push(Buffer.from(stream))
    expect(frames.next()).toHaveLength(0)
    expect(frames.next()).toHaveLength(1)
    frames.settle()
    expect(frames.holdsBytes).toBe(true)
    expect(frames.receiveBuffer()).toBeUndefined()
    const rest: Buffer[] = []
    for (let frame = frames.next(); frame !== null; frame = frames.next()) rest.push(Buffer.from(frame))
    frames.settle()
    expectFrames(rest, bodies.slice(2))
    expect(frames.holdsBytes).toBe(false)
  })

  it('appends to what was not asked for', () => {
    const frames = reader()
    frames.push(Buffer.from(stream))
    frames.settle()
    expectFrames(feed(frames, stream), [...bodies, ...bodies])
  })
})

describe('lengths that no frame can have', () => {
  const lengths = [-1, -2147483648, FRAME_BYTES_MAX + 1, 2147483647, 0x16030100]

  it.each(lengths)('%i ends the stream', (length) => {
    for (const cut of [1, 4, 8]) {
      const frames = reader()
      const bytes = Buffer.alloc(8)
      bytes.writeInt32BE(length)
      expect(feed(frames, bytes.subarray(0, cut))).toEqual([])
      expect(feed(frames, bytes.subarray(cut))).toEqual([])
      expect(frames.badLength).toBe(length)
      expect(feed(frames, framed(body(3, 3)))).toEqual([])
    }
  })

  it('a good frame before a bad length is still handed out', () => {
    const frames = reader()
    const received = feed(frames, Buffer.concat([framed(body(9, 1)), Buffer.from('ffffffff', 'hex')]))
    expectFrames(received, [body(9, 1)])
    expect(frames.badLength).toBe(-1)
  })

  it('says what the peer most likely is', () => {
    expect(badLengthText(Buffer.from('16030100', 'hex').readInt32BE())).toContain('TLS')
    expect(badLengthText(Buffer.from('GET ').readInt32BE())).toContain('HTTP')
    expect(badLengthText(-1)).toContain('-1 bytes')
  })
})

describe('memory of a frame that is arriving', () => {
  const declared = (bytes: number): Buffer => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(bytes)
    return length
  }

  it('is not taken because of a declared length', () => {
    const memory = new CountedMemory()
    const frames = reader({ memory })
    feed(frames, declared(FRAME_BYTES_MAX))
    frames.receiveBuffer()
    expect(memory.usedBytes).toBeLessThanOrEqual(64 * 1024)
  })

  it('grows with what arrives: at most four times as much while a large frame is put together', () => {
    const memory = new CountedMemory()
    const frames = reader({ memory })
    feed(frames, declared(FRAME_BYTES_MAX))
    let arrived = 0
    while (arrived < 4 * 1024 * 1024) {
      const target = frames.receiveBuffer()!
      const bytes = Math.min(target.length, 20_000)
      frames.push(target.subarray(0, bytes))
      expect(frames.next()).toBeNull()
      frames.settle()
      arrived += bytes
      expect(memory.usedBytes).toBeLessThanOrEqual(Math.max(64 * 1024, 4 * arrived))
    }
  })

  it('is taken at once for a frame no larger than one that the peer has sent before', () => {
    const memory = new CountedMemory()
    const frames = reader({ memory })
    const large = framed(body(1_000_000, 7))
    feedInPlace(frames, large, 64 * 1024)
    expect(memory.usedBytes).toBe(0)
    feed(frames, large.subarray(0, 10))
    expect(frames.receiveBuffer()!.length).toBe(large.length - 10)
  })

  it('is limited to what has arrived when the budget is used up', () => {
    const memory = new CountedMemory()
    memory.limitBytes = 0
    const frames = reader({ memory })
    feed(frames, Buffer.concat([declared(1_000_000), Buffer.alloc(50_000)]))
    expect(memory.usedBytes).toBe(64 * 1024)
    expect(frames.receiveBuffer()).toBeUndefined()
    feed(frames, Buffer.alloc(50_000))
    expect(memory.usedBytes).toBe(128 * 1024)
  })

  it('goes back to the pool once the round is over', () => {
    const pool = new BufferPool({ maxPooledBytes: 64 * 1024 * 1024 })
    const memory = new CountedMemory()
    const frames = new FrameReader({ pool, memory, frameBytesMax: FRAME_BYTES_MAX })
    feed(frames, framed(body(100_000, 1)).subarray(0, 50_000))
    expect(pool.pooledBytes).toBe(0)
    frames.push(framed(body(100_000, 1)).subarray(50_000))
    const frame = frames.next()!
    expect(frame.equals(body(100_000, 1))).toBe(true)
    expect(pool.pooledBytes).toBe(0)
    frames.settle()
    // The first buffer and the larger one that the frame moved to.
    expect(pool.pooledBytes).toBe((64 + 128) * 1024)
    expect(memory.usedBytes).toBe(0)
  })

  it('goes back to the pool when the stream ends in mid-frame', () => {
    const pool = new BufferPool({ maxPooledBytes: 64 * 1024 * 1024 })
    const memory = new CountedMemory()
    const frames = new FrameReader({ pool, memory, frameBytesMax: FRAME_BYTES_MAX })
    feed(frames, framed(body(100_000, 1)).subarray(0, 70_000))
    frames.close()
    expect(memory.usedBytes).toBe(0)
    expect(pool.pooledBytes).toBeGreaterThan(0)
  })

  it('is not taken over when an earlier frame of the round lies in it too', () => {
    const frames = reader()
    frames.push(Buffer.concat([framed(body(10, 1)), framed(body(10, 2))]))
    frames.settle()
    expect(frames.next()!.equals(body(10, 1))).toBe(true)
    expect(frames.detach()).toBeNull()
    expect(frames.next()!.equals(body(10, 2))).toBe(true)
    expect(frames.detach()).toBeNull()
    frames.settle()
  })

  it('can be taken over with the frame that lies in it', () => {
    const pool = new BufferPool({ maxPooledBytes: 64 * 1024 * 1024 })
    const memory = new CountedMemory()
    const frames = new FrameReader({ pool, memory, frameBytesMax: FRAME_BYTES_MAX })
    const bytes = framed(body(100_000, 1))
    feed(frames, bytes.subarray(0, 50_000))
    frames.push(Buffer.concat([bytes.subarray(50_000), framed(body(10, 2))]))
    const frame = frames.next()!
    const buffer = frames.detach()!
    expect(buffer.buffer).toBe(frame.buffer)
    expect(frames.detach()).toBeNull()
    expect(frames.next()).toHaveLength(10)
    expect(frames.detach()).toBeNull()
    frames.settle()
    expect(pool.pooledBytes).toBe(64 * 1024)
    expect(buffer.length).toBe(128 * 1024)
    expect(memory.usedBytes).toBe(0)
    expect(frame.equals(body(100_000, 1))).toBe(true)
  })
})
