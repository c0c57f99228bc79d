/**
 * Writes the primitive types of Kafka's protocol. Messages are written one behind the other into slabs; what `finish`
 * returns are views of a slab that is never written there again, so they may wait in a socket's queue for as long as
 * it takes, without having been copied. Large `records` become chunks of their own and are never copied.
 */
import type { Uuid } from '@millrace/base'
import { EncodeError } from '../message.ts'

const SLAB_BYTES = 64 * 1024
/** Below this, copying is cheaper than a further chunk in the write call. */
const REFERENCED_BYTES = 1024
const TWO_32 = 2 ** 32

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const uuidDigits = new Uint8Array(128).fill(0xff)
for (let digit = 0; digit < BASE64URL.length; digit++) uuidDigits[BASE64URL.charCodeAt(digit)] = digit

export class KafkaWriter {
  private bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES)
  private position = 0
  /** Where the chunk that is being written starts. */
  private start = 0
  private chunks: Uint8Array[] = []
  private chunkBytes = 0
  /** The message's four length bytes: in `first` once a chunk was cut off, else at `start`. */
  private first: Buffer | null = null

  /** Starts a message with room for its length. What an abandoned message left behind is overwritten. */
  begin(): void {
    this.position = this.start
    this.chunks = []
    this.chunkBytes = 0
    this.first = null
    this.reserve(4)
    this.position += 4
  }

  /** @returns the message, its length in front */
  finish(): Uint8Array[] {
    const last = this.bytes.subarray(this.start, this.position)
    const total = this.chunkBytes + last.length
    ;(this.first ?? last).writeInt32BE(total - 4, 0)
    this.start = this.position
    const chunks = this.chunks
    if (last.length > 0) chunks.push(last)
    this.chunks = []
    return chunks
  }

  /** Makes sure that `size` more bytes fit. */
  private reserve(size: number): void {
    if (this.position + size > this.bytes.length) this.grow(size)
  }

  private grow(size: number): void {
    const written = this.position - this.start
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (written + size)))
    this.bytes.copy(slab, 0, this.start, this.position)
    this.bytes = slab
    this.start = 0
    this.position = written
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw notA('int8', value)
    this.byte(value & 0xff)
  }

  private byte(value: number): void {
    this.reserve(1)
    this.bytes[this.position++] = value
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw notA('int16', value)
    this.short(value)
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw notA('uint16', value)
    this.short(value)
  }

  private short(value: number): void {
    this.reserve(2)
    this.bytes[this.position++] = value >> 8
    this.bytes[this.position++] = value
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw notA('int32', value)
    this.reserve(4)
    this.word(value)
  }

  private word(value: number): void {
    const { bytes, position } = this
    bytes[position] = value >> 24
    bytes[position + 1] = value >> 16
    bytes[position + 2] = value >> 8
    bytes[position + 3] = value
    this.position = position + 4
  }

  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw notA('int64', value)
    this.reserve(8)
    const high = Math.floor(value / TWO_32)
    this.word(high)
    this.word((value - high * TWO_32) | 0)
  }

  uvarint(value: number): void {
    this.reserve(5)
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.position++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.bytes[this.position++] = rest
  }

  /** With its length, compact or int16. */
  string(value: string, compact: boolean): void {
    if (typeof value !== 'string') throw notA('string', value)
    const length = value.length
    if (length > 64 || !this.ascii(value, compact)) this.text(value, Buffer.byteLength(value), compact)
  }

  /** Writes a short string byte by byte; @returns false, with nothing written, when it is not ASCII */
  private ascii(value: string, compact: boolean): boolean {
    const length = value.length
    this.reserve(length + 2)
    const { bytes } = this
    const head = compact ? 1 : 2
    const start = this.position + head
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[start + i] = code
    }
    if (!compact) bytes[this.position] = 0
    bytes[start - 1] = compact ? length + 1 : length
    this.position = start + length
    return true
  }

  private text(value: string, size: number, compact: boolean): void {
    if (size > 0x7fff) throw new EncodeError(`a string of ${size} bytes is longer than 32767`)
    if (compact) this.uvarint(size + 1)
    else this.short(size)
    this.reserve(size)
    this.bytes.write(value, this.position, size, 'utf8')
    this.position += size
  }

  uuid(value: Uuid): void {
    if (typeof value !== 'string' || value.length !== 22) throw notA('uuid', value)
    this.reserve(16)
    const { bytes } = this
    let bits = 0
    let pending = 0
    let position = this.position
    for (let i = 0; i < 22; i++) {
      const digit = uuidDigits[value.charCodeAt(i)] ?? 0xff
      if (digit === 0xff) throw notA('uuid', value)
      bits = (bits << 6) | digit
      pending += 6
      if (pending < 8) continue
      pending -= 8
      bytes[position++] = bits >> pending
    }
    this.position = position
  }

  /** With its length, compact or int32. Large ones are referenced: they must not change until they are sent. */
  blob(value: Uint8Array, compact: boolean): void {
    const size = value.length
    if (compact) this.uvarint(size + 1)
    else this.int32(size)
    if (size >= REFERENCED_BYTES) return this.reference(value)
    this.reserve(size)
    this.bytes.set(value, this.position)
    this.position += size
  }

  private reference(value: Uint8Array): void {
    const before = this.bytes.subarray(this.start, this.position)
    this.first ??= before
    this.chunks.push(before, value)
    this.chunkBytes += before.length + value.length
    this.start = this.position
  }

  /** A tagged field: `write` produces its content, whose size is only known afterwards. It must not be a blob. */
  tagged(tag: number, write: () => void): void {
    this.uvarint(tag)
    // Relative to `start`, because growing moves the message. One byte is nearly always enough for the size.
    const before = this.position - this.start
    this.byte(0)
    write()
    this.reserve(4)
    const content = this.start + before + 1
    const size = this.position - content
    const sizeBytes = uvarintBytes(size)
    if (sizeBytes > 1) this.bytes.copyWithin(content + sizeBytes - 1, content, this.position)
    this.position = content - 1
    this.uvarint(size)
    this.position += size
  }
}

function uvarintBytes(value: number): number {
  return value < 0x80 ? 1 : 1 + uvarintBytes(Math.floor(value / 128))
}

function notA(kind: string, value: unknown): EncodeError {
  return new EncodeError(`${String(value)} is not a ${kind}`)
}
