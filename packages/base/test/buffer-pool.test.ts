import { describe, expect, it } from 'vitest'
import { BufferPool } from '../src/buffer-pool.ts'

const KIB = 1024

describe('BufferPool', () => {
  it('gives buffers of the next power of two, at least 16 KiB, that own their memory', () => {
    const pool = new BufferPool({ maxPooledBytes: 0 })
    const sizes = [0, 1, 16 * KIB, 16 * KIB + 1, 64 * KIB, 100_000].map((bytes) => pool.take(bytes))
    expect(sizes.map((buffer) => buffer.length / KIB)).toEqual([16, 16, 16, 32, 64, 128])
    for (const buffer of sizes) expect(buffer.buffer.byteLength).toBe(buffer.length)
  })

  it('hands out again what was given back, and to one user at a time', () => {
    const pool = new BufferPool({ maxPooledBytes: 1024 * KIB })
    const first = pool.take(20 * KIB)
    pool.give(first)
    expect(pool.pooledBytes).toBe(32 * KIB)
    expect(pool.take(17 * KIB)).toBe(first)
    expect(pool.take(17 * KIB)).not.toBe(first)
    expect(pool.pooledBytes).toBe(0)
  })

  it('never keeps more than its limit', () => {
    const pool = new BufferPool({ maxPooledBytes: 50 * KIB })
    const buffers = [pool.take(32 * KIB), pool.take(32 * KIB), pool.take(16 * KIB)]
    for (const buffer of buffers) pool.give(buffer)
    expect(pool.pooledBytes).toBe(48 * KIB)
  })

  it('refuses memory that is not its own to give', () => {
    const pool = new BufferPool({ maxPooledBytes: 1024 * KIB })
    expect(() => pool.give(Buffer.allocUnsafeSlow(1000))).toThrow('not a pooled buffer')
    expect(() => pool.give(pool.take(64 * KIB).subarray(0, 32 * KIB))).toThrow('not a pooled buffer')
    expect(() => pool.take(-1)).toThrow('out of range')
  })
})
