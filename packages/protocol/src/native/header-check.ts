/**
 * Walks a msgpack header before it is unpacked and admits only what our own encoders write: nil, booleans, integers,
 * doubles, UTF-8 strings and arrays. Maps, extensions, binaries and the reserved byte 0xc1 are refused, array lengths
 * are held against the bytes that are left, nesting against a limit; so unpacking can neither run foreign record
 * definitions nor allocate by a length that was only claimed.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeError } from '../decode-error.ts'

/** The deepest message has ten levels. */
const MAX_DEPTH = 16

/** Bytes after the type byte of each fixed-size value: nil, booleans, doubles and integers. */
const FIXED_BYTES = new Map<number, number>([
  [0xc0, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
])

/** @throws DecodeError unless the bytes are exactly one well-formed value */
export function checkHeader(bytes: Buffer, start: number, end: number): void {
  const next = checkValue(bytes, start, end, 0)
  if (next !== end) throw new DecodeError(`${end - next} bytes behind the header's value`)
}

/** @returns where the next value starts */
function checkValue(bytes: Buffer, position: number, end: number, depth: number): number {
  if (position >= end) throw new DecodeError('the header is cut short')
  const type = bytes[position]!
  const content = position + 1
  if (type < 0x80 || type >= 0xe0) return content
  if (type < 0x90) throw new DecodeError('the header has a map')
  if (type < 0xa0) return checkArray(bytes, content, end, type & 0x0f, depth)
  if (type < 0xc0) return checkText(bytes, content, end, type & 0x1f)
  switch (type) {
    case 0xd9:
      return checkText(bytes, content + 1, end, unsigned(bytes, content, end, 1))
    case 0xda:
      return checkText(bytes, content + 2, end, unsigned(bytes, content, end, 2))
    case 0xdb:
      return checkText(bytes, content + 4, end, unsigned(bytes, content, end, 4))
    case 0xdc:
      return checkArray(bytes, content + 2, end, unsigned(bytes, content, end, 2), depth)
    case 0xdd:
      return checkArray(bytes, content + 4, end, unsigned(bytes, content, end, 4), depth)
    default: {
      const size = FIXED_BYTES.get(type)
      if (size === undefined) throw new DecodeError(`the header has a value of type 0x${type.toString(16)}`)
      if (size > end - content) throw new DecodeError('the header is cut short')
      return content + size
    }
  }
}

function unsigned(bytes: Buffer, position: number, end: number, size: number): number {
  if (size > end - position) throw new DecodeError('the header is cut short')
  return bytes.readUIntBE(position, size)
}

function checkArray(bytes: Buffer, position: number, end: number, count: number, depth: number): number {
  if (count > end - position) throw new DecodeError(`an array of ${count} values in ${end - position} bytes`)
  if (depth === MAX_DEPTH) throw new DecodeError('the header is nested too deeply')
  let next = position
  for (let i = 0; i < count; i++) next = checkValue(bytes, next, end, depth + 1)
  return next
}

function checkText(bytes: Buffer, position: number, end: number, size: number): number {
  if (size > end - position)
    throw new DecodeError(`a string of ${size} bytes where ${end - position} are left`)
  const next = position + size
  for (let i = position; i < next; i++) {
    if (bytes[i]! < 0x80) continue
    if (!isUtf8(bytes.subarray(position, next))) throw new DecodeError('a string is not UTF-8')
    break
  }
  return next
}

/**
 * One of the integers at the start of an array, without unpacking it.
 * @throws DecodeError unless the bytes start with an array that has integers up to that index
 */
export function peekInteger(bytes: Buffer, start: number, index: number): number {
  const type = bytes[start] ?? 0
  let position = start + (type === 0xdc ? 3 : type === 0xdd ? 5 : 1)
  if (type !== 0xdc && type !== 0xdd && type >> 4 !== 0x9) throw new DecodeError('the header is not an array')
  for (let i = 0; i < index; i++) position += 1 + integerBytes(bytes, position)
  const size = integerBytes(bytes, position)
  if (position + size >= bytes.length) throw new DecodeError('the header is cut short')
  const first = bytes[position]!
  if (size === 0) return (first << 24) >> 24
  return first < 0xd0 ? bytes.readUIntBE(position + 1, size) : bytes.readIntBE(position + 1, size)
}

/** How many bytes follow the type byte of an integer of at most 32 bits. */
function integerBytes(bytes: Buffer, position: number): number {
  const type = bytes[position]
  if (type === undefined) throw new DecodeError('the header is cut short')
  if (type < 0x80 || type >= 0xe0) return 0
  if ((type >= 0xcc && type <= 0xce) || (type >= 0xd0 && type <= 0xd2)) return FIXED_BYTES.get(type)!
  throw new DecodeError(`the header has a value of type 0x${type.toString(16)}, not an integer`)
}
