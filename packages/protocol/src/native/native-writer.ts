/**
 * Writes a native frame: a header of msgpack's nil, booleans, numbers, strings and arrays, each in its shortest form, and
 * the attachments behind it. What `finish` returns are views of a slab that is never written there again, so they may wait
 * in a socket's queue for as long as it takes; attachments are never copied.
 */

const SLAB_BYTES = 16 * 1024
const FRAME_LENGTH_BYTES = 4
const HEADER_LENGTH_BYTES = 2
const RESERVED_BYTES = FRAME_LENGTH_BYTES + HEADER_LENGTH_BYTES
/** As header length: the true one follows as u32. */
export const LONG_HEADER = 0xffff
/** Most bytes of a msgpack value without its content: type and length. */
const PREFIX_BYTES_MAX = 5
const NUMBER_BYTES_MAX = 9
const UTF8_BYTES_MAX = 3
/** A shorter text has its length in its type byte. */
const SHORT_TEXT_BYTES = 32

export class NativeWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #position = 0
  /** Where the frame that is being written starts. */
  #start = 0
  #attachments: Uint8Array[] = []
  #attachmentBytes = 0

  /** Starts a frame with room for its lengths. What an abandoned frame left behind is overwritten. */
  begin(): void {
    this.#position = this.#start
    this.#attachments = []
    this.#attachmentBytes = 0
    this.#reserve(RESERVED_BYTES)
    this.#position += RESERVED_BYTES
  }

  /** @returns the frame, its lengths in front */
  finish(): Uint8Array[] {
    const header = this.#bytes.subarray(this.#start, this.#position)
    const headerBytes = header.length - RESERVED_BYTES
    const bodyBytes = header.length - FRAME_LENGTH_BYTES + this.#attachmentBytes
    const attachments = this.#attachments
    this.#start = this.#position
    this.#attachments = []
    if (headerBytes < LONG_HEADER) {
      header.writeUInt32BE(bodyBytes, 0)
      header.writeUInt16BE(headerBytes, FRAME_LENGTH_BYTES)
      return [header, ...attachments]
    }
    const lengths = Buffer.allocUnsafe(RESERVED_BYTES + 4)
    lengths.writeUInt32BE(bodyBytes + 4, 0)
    lengths.writeUInt16BE(LONG_HEADER, FRAME_LENGTH_BYTES)
    lengths.writeUInt32BE(headerBytes, RESERVED_BYTES)
    return [lengths, header.subarray(RESERVED_BYTES), ...attachments]
  }

  /** The elements have to follow. */
  array(count: number): void {
    this.#reserve(PREFIX_BYTES_MAX)
    if (count < 0x10) this.#byte(0x90 | count)
    else if (count < 0x10000) this.#typed16(0xdc, count)
    else this.#typed32(0xdd, count)
  }

  nil(): void {
    this.#reserve(1)
    this.#byte(0xc0)
  }

  bool(value: boolean): void {
    this.#reserve(1)
    this.#byte(value ? 0xc3 : 0xc2)
  }

  /** @param value an integer */
  integer(value: number): void {
    this.#reserve(NUMBER_BYTES_MAX)
    if (value >= 0) this.#positive(value)
    else this.#negative(value)
  }

  text(value: string): void {
    const length = value.length
    this.#reserve(PREFIX_BYTES_MAX + UTF8_BYTES_MAX * length)
    if (length >= SHORT_TEXT_BYTES) return this.#encodedText(value)
    const bytes = this.#bytes
    const start = this.#position + 1
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return this.#encodedText(value)
      bytes[start + i] = code
    }
    bytes[this.#position] = 0xa0 | length
    this.#position = start + length
  }

  /** Bytes that travel behind the header, in which their length stands for them. */
  attachment(bytes: Uint8Array): void {
    this.integer(bytes.length)
    if (bytes.length === 0) return
    this.#attachments.push(bytes)
    this.#attachmentBytes += bytes.length
  }

  #positive(value: number): void {
    if (value < 0x80) this.#byte(value)
    else if (value < 0x100) this.#typed8(0xcc, value)
    else if (value < 0x10000) this.#typed16(0xcd, value)
    else if (value < 2 ** 32) this.#typed32(0xce, value)
    else this.#double(value)
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#byte(value & 0xff)
    else if (value >= -0x80) this.#typed8(0xd0, value & 0xff)
    else if (value >= -0x8000) this.#typed16(0xd1, value & 0xffff)
    else if (value >= -(2 ** 31)) this.#typed32(0xd2, value >>> 0)
    else this.#double(value)
  }

  #encodedText(value: string): void {
    const size = Buffer.byteLength(value)
    if (size < SHORT_TEXT_BYTES) this.#byte(0xa0 | size)
    else if (size < 0x100) this.#typed8(0xd9, size)
    else if (size < 0x10000) this.#typed16(0xda, size)
    else this.#typed32(0xdb, size)
    this.#position += this.#bytes.write(value, this.#position, 'utf8')
  }

  #byte(value: number): void {
    this.#bytes[this.#position++] = value
  }

  #typed8(type: number, value: number): void {
    this.#byte(type)
    this.#byte(value)
  }

  #typed16(type: number, value: number): void {
    this.#byte(type)
    this.#byte(value >>> 8)
    this.#byte(value & 0xff)
  }

  #typed32(type: number, value: number): void {
    this.#byte(type)
    this.#position = this.#bytes.writeUInt32BE(value, this.#position)
  }

  #double(value: number): void {
    this.#byte(0xcb)
    this.#position = this.#bytes.writeDoubleBE(value, this.#position)
  }

  /** Makes sure that `size` more bytes fit. */
  #reserve(size: number): void {
    if (this.#position + size > this.#bytes.length) this.#grow(size)
  }

  #grow(size: number): void {
    const written = this.#position - this.#start
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (written + size)))
    this.#bytes.copy(slab, 0, this.#start, this.#position)
    this.#bytes = slab
    this.#start = 0
    this.#position = written
  }
}
