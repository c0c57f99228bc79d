import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c, crc32cByTable } from '../src/crc32c.ts'

describe('crc32c', () => {
  it('gives the check value of CRC-32C, not of another CRC', () => {
    expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283')
    expect(crc32c(new Uint8Array(0))).toBe(0)
    // RFC 3720 B.4
    expect(crc32c(Buffer.alloc(32)).toString(16)).toBe('8a9136aa')
    expect(crc32c(Buffer.alloc(32, 0xff)).toString(16)).toBe('62a8ab43')
  })

  it('is the same by table and by native code, for any length and position', () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) >>> 3))
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(5000), (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a]
        expect(crc32c(bytes, start, end)).toBe(crc32cByTable(bytes, start, end))
      }),
      { numRuns: 500 },
    )
  })

  it('takes native code for what is large, where it is installed', () => {
    const bytes = Buffer.alloc(1 << 20, 'x')
    const time = (run: () => number) => {
      const started = performance.now()
      for (let round = 0; round < 8; round++) run()
      return performance.now() - started
    }
    expect(crc32c(bytes)).toBe(crc32cByTable(bytes))
    expect(time(() => crc32c(bytes))).toBeLessThan(time(() => crc32cByTable(bytes)))
  })

  it('reads views at their own place in memory', () => {
    const bytes = Buffer.from('..123456789..').subarray(2, 11)
    expect(crc32c(bytes)).toBe(0xe3069283)
    const large = Buffer.alloc(2000, 'ab')
    expect(crc32c(large.subarray(1000))).toBe(crc32c(large, 0, 1000))
  })
})
