/**
 * Reads a native frame: the values of its msgpack header in order, and the attachments behind it. Admits only what our own
 * encoders write: nil, booleans, numbers, UTF-8 strings and arrays. Whatever is asked for is checked where it stands: maps,
 * extensions, binaries and the reserved byte 0xc1 are no value at all, array lengths are held against the bytes that are
 * left; so reading can neither run foreign record definitions nor allocate by a length that was only claimed.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeError } from '../decode-error.ts'
import { CACHED_TEXT_BYTES, cachedAscii } from '../text-cache.ts'
import { LONG_HEADER } from './native-writer.ts'

const HEADER_LENGTH_BYTES = 2
/** Of values of a newer peer. The deepest message that is known has ten levels. */
const MAX_DEPTH = 16
const NIL = 0xc0

export class NativeReader {
  readonly #frame: Buffer
  #position = HEADER_LENGTH_BYTES
  readonly #headerEnd: number
  /** Where the next attachment starts. */
  #attachment: number

  /** @param frame without its length */
  constructor(frame: Buffer) {
    if (frame.length < HEADER_LENGTH_BYTES) throw new DecodeError('the frame has no header length')
    let size = frame.readUInt16BE(0)
    if (size === LONG_HEADER) {
      if (frame.length < HEADER_LENGTH_BYTES + 4) throw new DecodeError('the frame has no long header length')
      size = frame.readUInt32BE(HEADER_LENGTH_BYTES)
      this.#position += 4
    }
    if (size > frame.length - this.#position)
      throw new DecodeError(`a header of ${size} bytes in a frame of ${frame.length}`)
    this.#frame = frame
    this.#headerEnd = this.#attachment = this.#position + size
  }

  /** @returns whether the next value is nil, which is taken then */
  takeNil(): boolean {
    if (this.#position >= this.#headerEnd || this.#frame[this.#position] !== NIL) return false
    this.#position += 1
    return true
  }

  bool(name: string): boolean {
    const type = this.#type()
    if (type !== 0xc2 && type !== 0xc3) throw wrongType(name, 'a boolean', type)
    return type === 0xc3
  }

  number(name: string): number {
    const type = this.#type()
    if (type < 0x80) return type
    if (type >= 0xe0) return type - 0x100
    switch (type) {
      case 0xcc:
        return this.#frame[this.#take(1)]!
      case 0xcd:
        return this.#frame.readUInt16BE(this.#take(2))
      case 0xce:
        return this.#frame.readUInt32BE(this.#take(4))
      case 0xd0:
        return this.#frame.readInt8(this.#take(1))
      case 0xd1:
        return this.#frame.readInt16BE(this.#take(2))
      case 0xd2:
        return this.#frame.readInt32BE(this.#take(4))
      case 0xcb:
        return this.#frame.readDoubleBE(this.#take(8))
      default:
        throw wrongType(name, 'a number', type)
    }
  }

  text(name: string): string {
    const type = this.#type()
    const size = this.#textSize(type)
    if (size === null) throw wrongType(name, 'a string', type)
    return this.#textOf(this.#take(size), size)
  }

  /** @returns how many elements follow */
  array(name: string): number {
    const type = this.#type()
    const count = this.#arrayCount(type)
    if (count === null) throw wrongType(name, 'an array', type)
    return count
  }

  /** A view, not a copy. */
  attachment(name: string): Buffer {
    const length = this.number(name)
    const start = this.#attachment
    const left = this.#frame.length - start
    if (!Number.isInteger(length) || length < 0 || length > left)
      throw new DecodeError(`${name}: ${left} bytes are left, not ${length}`)
    this.#attachment = start + length
    return this.#frame.subarray(start, start + length)
  }

  /** Takes a value that nothing here knows. */
  ignore(depth = 1): void {
    const type = this.#type()
    const count = this.#arrayCount(type)
    if (count !== null) {
      if (depth === MAX_DEPTH) throw new DecodeError('the header is nested too deeply')
      for (let i = 0; i < count; i++) this.ignore(depth + 1)
      return
    }
    const size = this.#textSize(type)
    if (size !== null) {
      this.#textOf(this.#take(size), size)
    } else if (type !== NIL && type !== 0xc2 && type !== 0xc3) {
      this.#position -= 1
      this.number('a value')
    }
  }

  /** Fails unless everything was taken. */
  finish(): void {
    const headerLeft = this.#headerEnd - this.#position
    if (headerLeft > 0) throw new DecodeError(`${headerLeft} bytes behind the header's value`)
    const left = this.#frame.length - this.#attachment
    if (left > 0) throw new DecodeError(`${left} bytes too many`)
  }

  /** @returns the type byte of the next value, which is taken */
  #type(): number {
    if (this.#position >= this.#headerEnd) throw new DecodeError('the header is cut short')
    return this.#frame[this.#position++]!
  }

  /** @returns where the bytes that are taken start */
  #take(size: number): number {
    const start = this.#position
    if (size > this.#headerEnd - start)
      throw new DecodeError(`${size} bytes where ${this.#headerEnd - start} are left`)
    this.#position = start + size
    return start
  }

  #arrayCount(type: number): number | null {
    let count: number
    if (type >= 0x90 && type < 0xa0) count = type & 0x0f
    else if (type === 0xdc) count = this.#frame.readUInt16BE(this.#take(2))
    else if (type === 0xdd) count = this.#frame.readUInt32BE(this.#take(4))
    else return null
    const left = this.#headerEnd - this.#position
    if (count > left) throw new DecodeError(`an array of ${count} values in ${left} bytes`)
    return count
  }

  #textSize(type: number): number | null {
    if (type >= 0xa0 && type < 0xc0) return type & 0x1f
    if (type === 0xd9) return this.#frame[this.#take(1)]!
    if (type === 0xda) return this.#frame.readUInt16BE(this.#take(2))
    return type === 0xdb ? this.#frame.readUInt32BE(this.#take(4)) : null
  }

  #textOf(start: number, size: number): string {
    const end = start + size
    if (size <= CACHED_TEXT_BYTES) {
      const text = cachedAscii(this.#frame, start, end)
      if (text !== null) return text
    }
    if (!isUtf8(this.#frame.subarray(start, end))) throw new DecodeError('a string is not UTF-8')
    return this.#frame.toString('utf8', start, end)
  }
}

function wrongType(name: string, wanted: string, type: number): DecodeError {
  return new DecodeError(`${name}: a value of type 0x${type.toString(16)} is not ${wanted}`)
}
