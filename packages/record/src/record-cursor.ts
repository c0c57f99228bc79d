/**
 * Walks uncompressed records one by one, as positions only: no object, no copy, every length checked. What validator,
 * reader and timestamp search have in common.
 *
 * Record (KIP-98): length varint · attributes int8 · timestampDelta varlong · offsetDelta varint · key length varint
 * and key · value length varint and value · header count varint · headers (key length and key, value length and
 * value). A length of −1 is null; a header's key can't be null.
 */
import { VarintReader } from '@millrace/base'
import type { BatchError } from './batch-error.ts'
import { batchError } from './batch-error.ts'

/** Of an empty record without headers, without its length field. */
const RECORD_BYTES_MIN = 6

export class RecordCursor {
  readonly bytes: Buffer
  readonly end: number
  readonly recordCount: number
  /** No record has a greater offset delta; they rise strictly. */
  readonly lastOffsetDelta: number
  /** Of the current record, from 0; −1 before the first. */
  index = -1
  timestampDelta = 0
  offsetDelta = -1
  keyStart = 0
  /** −1: null */
  keyLength = -1
  valueStart = 0
  /** −1: null */
  valueLength = -1
  headerCount = 0
  headersStart = 0
  /** Set when `next` answered false because the bytes are not what they should be. */
  error: BatchError | null = null
  #at: number
  readonly #reader: VarintReader

  constructor(
    bytes: Buffer,
    range: { start: number; end: number; recordCount: number; lastOffsetDelta: number },
  ) {
    const { start, end } = range
    this.bytes = bytes
    this.end = end
    this.recordCount = range.recordCount
    this.lastOffsetDelta = range.lastOffsetDelta
    this.#at = start
    this.#reader = new VarintReader(bytes, start, end)
  }

  /** @returns false behind the last record, or at the first broken one: `error` tells which */
  next(): boolean {
    if (this.index + 1 >= this.recordCount) return this.#finish()
    this.index++
    // The position lives in a local and one-byte varints are read in line: this loop is what a consumer costs.
    const { bytes } = this
    let at = this.#at
    let zigzag = bytes[at++]!
    if (!(zigzag < 0x80)) {
      zigzag = this.#longer(zigzag, at)
      at = this.#at
    }
    const length = (zigzag >>> 1) ^ -(zigzag & 1)
    if (length < RECORD_BYTES_MIN || length > this.end - at) return this.#fail('wrong record length')
    const recordEnd = at + length

    zigzag = bytes[++at]!
    at++
    if (zigzag < 0x80) {
      this.timestampDelta = (zigzag >>> 1) ^ -(zigzag & 1)
    } else {
      this.timestampDelta = this.#varlong(at - 1)
      at = this.#at
    }

    zigzag = bytes[at++]!
    if (!(zigzag < 0x80)) {
      zigzag = this.#longer(zigzag, at)
      at = this.#at
    }
    const offsetDelta = (zigzag >>> 1) ^ -(zigzag & 1)
    if (offsetDelta <= this.offsetDelta || offsetDelta > this.lastOffsetDelta)
      return this.#fail('wrong offset delta')
    this.offsetDelta = offsetDelta

    zigzag = bytes[at++]!
    if (!(zigzag < 0x80)) {
      zigzag = this.#longer(zigzag, at)
      at = this.#at
    }
    const keyLength = (zigzag >>> 1) ^ -(zigzag & 1)
    if (keyLength < -1 || keyLength > recordEnd - at) return this.#fail('wrong key length')
    this.keyLength = keyLength
    this.keyStart = at
    if (keyLength > 0) at += keyLength

    zigzag = bytes[at++]!
    if (!(zigzag < 0x80)) {
      zigzag = this.#longer(zigzag, at)
      at = this.#at
    }
    const valueLength = (zigzag >>> 1) ^ -(zigzag & 1)
    if (valueLength < -1 || valueLength > recordEnd - at) return this.#fail('wrong value length')
    this.valueLength = valueLength
    this.valueStart = at
    if (valueLength > 0) at += valueLength

    this.#at = at
    this.headerCount = this.#varint()
    this.headersStart = this.#at
    if (this.headerCount !== 0 && !this.#skipHeaders(recordEnd)) return this.#fail('broken headers')
    return this.#at === recordEnd || this.#fail('its fields do not fill it')
  }

  #skipHeaders(recordEnd: number): boolean {
    for (let left = this.headerCount; left > 0; left--) {
      const keyLength = this.#varint()
      if (keyLength < 0 || keyLength > recordEnd - this.#at) return false
      this.#at += keyLength
      const valueLength = this.#varint()
      if (valueLength < -1 || valueLength > recordEnd - this.#at) return false
      if (valueLength > 0) this.#at += valueLength
    }
    return this.headerCount > 0
  }

  #varint(): number {
    let zigzag = this.bytes[this.#at++]!
    if (!(zigzag < 0x80)) zigzag = this.#longer(zigzag, this.#at)
    return (zigzag >>> 1) ^ -(zigzag & 1)
  }

  /** The zigzag of a varint with `first` as its first byte, the others at `at`; moves the position. */
  #longer(first: number, at: number): number {
    const second = this.bytes[at]!
    if (second < 0x80) {
      this.#at = at + 1
      return (first & 0x7f) | (second << 7)
    }
    const reader = this.#reader
    reader.position = at - 1
    const value = reader.readVarint()
    this.#at = reader.failed ? this.end + 1 : reader.position
    return (value << 1) ^ (value >> 31)
  }

  /** The varlong at `at`, which has more than one byte; moves the position. */
  #varlong(at: number): number {
    const second = this.bytes[at + 1]!
    if (second < 0x80) {
      this.#at = at + 2
      const zigzag = (this.bytes[at]! & 0x7f) | (second << 7)
      return (zigzag >>> 1) ^ -(zigzag & 1)
    }
    const reader = this.#reader
    reader.position = at
    const value = reader.readVarlong()
    this.#at = reader.failed ? this.end + 1 : reader.position
    return value
  }

  #finish(): false {
    if (this.error === null && this.#at !== this.end) this.error = tooManyBytes(this.recordCount)
    return false
  }

  #fail(problem: string): false {
    this.error = batchError('invalid-record', `record ${this.index}: ${problem}`, this.index)
    // So that no further call reads anything.
    this.index = this.recordCount
    return false
  }
}

/**
 * The quick look at records whose fields nobody needs now: every length leads to the next record, the last one to the
 * end, and offsets rise by one from zero.
 *
 * @returns what is wrong, or null
 */
export function walkLengths(
  bytes: Buffer,
  start: number,
  end: number,
  recordCount: number,
): BatchError | null {
  const reader = new VarintReader(bytes, start, end)
  let at = start
  for (let index = 0; index < recordCount; index++) {
    if (at + 2 > end) return brokenRecord(index, 'cut off')
    let length = bytes[at]!
    const second = bytes[at + 1]!
    if (length < 0x80) {
      at += 1
      length = (length >>> 1) ^ -(length & 1)
    } else if (second < 0x80) {
      at += 2
      length = (length & 0x7f) | (second << 7)
      length = (length >>> 1) ^ -(length & 1)
    } else {
      reader.position = at
      length = reader.readVarint()
      at = reader.position
    }
    if (reader.failed || length < RECORD_BYTES_MIN || length > end - at)
      return brokenRecord(index, 'wrong record length')
    if (!hasOffsetDelta(bytes, at + 1, at + length, index))
      return brokenRecord(index, `its offset delta is not ${index}`)
    at += length
  }
  return at === end ? null : tooManyBytes(recordCount)
}

/** Looks behind the timestamp delta at `at`, whatever its size. */
function hasOffsetDelta(bytes: Buffer, at: number, recordEnd: number, expected: number): boolean {
  while (at < recordEnd && bytes[at]! >= 0x80) at++
  at++
  let rest = expected * 2
  for (; at < recordEnd; at++) {
    const byte = bytes[at]!
    if ((byte & 0x7f) !== (rest & 0x7f)) return false
    rest >>>= 7
    if (byte < 0x80) return rest === 0
  }
  return false
}

function brokenRecord(index: number, problem: string): BatchError {
  return batchError('invalid-record', `record ${index}: ${problem}`, index)
}

function tooManyBytes(recordCount: number): BatchError {
  return batchError('invalid-record', `more bytes than ${recordCount} records take`)
}
