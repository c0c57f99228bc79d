import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VarintReader, varintSize, varlongSize, writeVarint, writeVarlong } from '../src/varint.ts'

const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const BORDERS = [
  0,
  -1,
  1,
  63,
  64,
  -64,
  -65,
  8191,
  8192,
  1 << 20,
  (1 << 20) - 1,
  1 << 27,
  0x7fffffff,
  -0x80000000,
]
const LONG_BORDERS = [
  ...BORDERS,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 34,
  2 ** 41 - 1,
  2 ** 48,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
]

/** What any implementation with 64-bit integers does. */
function reference(value: number): number[] {
  let zigzag = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  for (; zigzag > 0x7fn; zigzag >>= 7n) bytes.push(Number(zigzag & 0x7fn) | 0x80)
  bytes.push(Number(zigzag))
  return bytes
}

function written(
  write: (bytes: Uint8Array, value: number, position: number) => number,
  value: number,
): number[] {
  const bytes = new Uint8Array(12)
  return [...bytes.subarray(0, write(bytes, value, 0))]
}

describe('varints', () => {
  it('are written as 64-bit zigzag arithmetic says, in the bytes that were announced', () => {
    const check = (value: number) => {
      expect(written(writeVarint, value)).toEqual(reference(value))
      expect(varintSize(value)).toBe(reference(value).length)
    }
    BORDERS.forEach(check)
    fc.assert(fc.property(int32, check))
  })

  it('of any safe integer likewise', () => {
    const check = (value: number) => {
      expect(written(writeVarlong, value)).toEqual(reference(value))
      expect(varlongSize(value)).toBe(reference(value).length)
    }
    LONG_BORDERS.forEach(check)
    fc.assert(fc.property(fc.maxSafeInteger(), check))
  })

  it('are read back, one behind another', () => {
    const check = (small: number, large: number) => {
      const bytes = new Uint8Array([...reference(small), ...reference(large)])
      const reader = new VarintReader(bytes)
      expect([reader.readVarint(), reader.readVarlong(), reader.failed]).toEqual([small, large, false])
      expect(reader.position).toBe(bytes.length)
    }
    for (const large of LONG_BORDERS) check(0, large)
    fc.assert(fc.property(int32, fc.maxSafeInteger(), check))
  })
})

describe('a broken varint', () => {
  it.each([
    ['cut off', '80', 'readVarint'],
    ['empty', '', 'readVarint'],
    ['of six bytes', '808080808001', 'readVarint'],
    ['of 33 bits', 'ffffffff1f', 'readVarint'],
    ['cut off (int64)', 'ffff', 'readVarlong'],
    ['of eleven bytes', 'ffffffffffffffffffff01', 'readVarlong'],
    ['beyond the safe integers', 'ffffffffffffffffff01', 'readVarlong'],
  ] as const)('%s sets `failed` and reads nothing behind the end', (_, hex, method) => {
    const reader = new VarintReader(Buffer.from(`${hex}7f7f`, 'hex'), 0, hex.length / 2)
    reader[method]()
    expect(reader.failed).toBe(true)
    expect(reader.position).toBeLessThanOrEqual(reader.end)
  })
})
