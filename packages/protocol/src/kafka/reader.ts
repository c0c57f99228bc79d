/**
 * Reads the primitive types of Kafka's protocol from a frame, in order. Every read checks what is left of the frame;
 * every length is checked before anything is made of it. Failures throw a `DecodeError`.
 *
 * Lengths come in two encodings: int16 or int32, or in flexible versions an unsigned varint of length + 1
 * ("compact", KIP-482). Both yield −1 for null.
 */
import { isUtf8 } from 'node:buffer'
import type { Uuid } from '@millrace/base'
import { DecodeError } from '../decode-error.ts'
import { CACHED_TEXT_BYTES, cachedAscii, cachedUuid } from './text-cache.ts'

const TWO_32 = 2 ** 32

export class KafkaReader {
  readonly bytes: Buffer
  position: number
  /** Exclusive. Narrowed while a tagged field is read. */
  end: number

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.position = 0
    this.end = bytes.length
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Steps over `size` bytes and returns where they start. */
  take(size: number): number {
    const start = this.position
    if (size > this.end - start) throw new DecodeError(`${size} bytes expected, ${this.end - start} left`)
    this.position = start + size
    return start
  }

  bool(): boolean {
    return this.bytes[this.take(1)] !== 0
  }

  int8(): number {
    return (this.bytes[this.take(1)]! << 24) >> 24
  }

  int16(): number {
    const start = this.take(2)
    return ((this.bytes[start]! << 24) >> 16) | this.bytes[start + 1]!
  }

  uint16(): number {
    return this.int16() & 0xffff
  }

  int32(): number {
    const start = this.take(4)
    const bytes = this.bytes
    return (bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!
  }

  /** Any 64-bit integer, rounded beyond ±2^53. */
  private wide(): number {
    const high = this.int32()
    return high * TWO_32 + (this.int32() >>> 0)
  }

  int64(): number {
    const value = this.wide()
    if (!Number.isSafeInteger(value)) throw new DecodeError(`the int64 ${value} is beyond 2^53`)
    return value
  }

  clampedInt64(): number {
    const value = this.wide()
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
    return value < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value
  }

  /** 0 … 2^32 − 1, in at most five bytes. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.bytes[this.take(1)]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    const last = this.bytes[this.take(1)]!
    if (last > 0x0f) throw new DecodeError('a varint is longer than 32 bits')
    return value + last * 0x10000000
  }

  /** −1 for null. */
  compactLength(): number {
    return this.uvarint() - 1
  }

  /** −1 for null. */
  length16(): number {
    return checkLength(this.int16())
  }

  /** −1 for null. */
  length32(): number {
    return checkLength(this.int32())
  }

  string(length: number): string {
    const start = this.take(length)
    if (length <= CACHED_TEXT_BYTES) {
      const text = cachedAscii(this.bytes, start, start + length)
      if (text !== null) return text
    }
    if (!isUtf8(this.bytes.subarray(start, start + length))) throw new DecodeError('a string is not UTF-8')
    return this.bytes.toString('utf8', start, start + length)
  }

  uuid(): Uuid {
    return cachedUuid(this.bytes, this.take(16))
  }

  /** A view, not a copy. */
  view(length: number): Buffer {
    const start = this.take(length)
    return this.bytes.subarray(start, start + length)
  }

  /**
   * Reads the tagged fields at the end of a struct. `read` decodes a known tag and returns true, or returns false for
   * an unknown one, which is skipped.
   */
  taggedFields(read: (tag: number, reader: KafkaReader) => boolean): void {
    let previous = -1
    for (let left = this.uvarint(); left > 0; left--) {
      const tag = this.uvarint()
      if (tag <= previous) throw new DecodeError(`tag ${tag} after tag ${previous}`)
      previous = tag
      this.taggedField(tag, read)
    }
  }

  private taggedField(tag: number, read: (tag: number, reader: KafkaReader) => boolean): void {
    const size = this.uvarint()
    const start = this.take(size)
    const end = this.end
    this.position = start
    this.end = start + size
    if (!read(tag, this)) this.position = this.end
    if (this.position !== this.end) throw new DecodeError(`tag ${tag} is shorter than its size of ${size}`)
    this.end = end
  }

  /** Fails unless everything was read. */
  finish(): void {
    if (this.position !== this.end) throw new DecodeError(`${this.remaining} bytes too many`)
  }
}

function checkLength(length: number): number {
  if (length < -1) throw new DecodeError(`the length ${length} is negative`)
  return length
}
