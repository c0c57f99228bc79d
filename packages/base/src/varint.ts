/**
 * Zigzag variable-length integers as records use them: seven bits a byte, least significant first, the sign in the
 * lowest bit. `varint` is an int32 (at most 5 bytes), `varlong` an int64 within ±(2^53 − 1) (at most 8 bytes written,
 * up to 10 accepted). Plain numbers throughout: no `bigint`.
 */

/** Bytes that `writeVarint` takes for an int32. */
export function varintSize(value: number): number {
  const highestBit = 31 - Math.clz32(((value << 1) ^ (value >> 31)) | 1)
  // ⌊highestBit / 7⌋ + 1 for 0 to 31, without a division.
  return (highestBit * 9 + 73) >> 6
}

/** @returns the position behind the last byte written */
export function writeVarint(bytes: Uint8Array, value: number, position: number): number {
  const zigzag = (value << 1) ^ (value >> 31)
  if (zigzag >>> 7 === 0) {
    bytes[position] = zigzag
    return position + 1
  }
  if (zigzag >>> 14 === 0) {
    bytes[position] = zigzag | 0x80
    bytes[position + 1] = zigzag >>> 7
    return position + 2
  }
  return writeLongVarint(bytes, zigzag, position)
}

function writeLongVarint(bytes: Uint8Array, zigzag: number, position: number): number {
  let rest = zigzag
  let at = position
  while (rest >>> 7 !== 0) {
    bytes[at++] = rest | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

/** Bytes that `writeVarlong` takes for a safe integer. */
export function varlongSize(value: number): number {
  if (value === (value | 0)) return varintSize(value)
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 64)
  let size = 1
  for (; rest >= 1; size++) rest = Math.floor(rest / 128)
  return size
}

/** @returns the position behind the last byte written */
export function writeVarlong(bytes: Uint8Array, value: number, position: number): number {
  if (value === (value | 0)) return writeVarint(bytes, value, position)
  // Sign and magnitude apart: twice a safe integer would no longer be exact.
  const magnitude = value < 0 ? -value - 1 : value
  let septet = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0)
  let rest = Math.floor(magnitude / 64)
  let at = position
  while (rest >= 1) {
    bytes[at++] = septet | 0x80
    septet = rest % 128
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = septet
  return at
}

/**
 * Reads varints one after another. Invariant: `position` never passes `end`, and no byte outside is read. A varint
 * that is cut off, too long or out of range sets `failed`, which stays; the value returned with it means nothing.
 */
export class VarintReader {
  readonly bytes: Uint8Array
  position: number
  readonly end: number
  failed = false

  constructor(bytes: Uint8Array, position = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  readVarint(): number {
    let zigzag = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.position >= this.end) break
      const byte = this.bytes[this.position++]!
      zigzag |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) break
        return (zigzag >>> 1) ^ -(zigzag & 1)
      }
    }
    this.failed = true
    return 0
  }

  readVarlong(): number {
    let negative = false
    let magnitude = 0
    for (let index = 0; index < 10; index++) {
      if (this.position >= this.end) break
      const byte = this.bytes[this.position++]!
      if (index === 0) {
        negative = (byte & 1) === 1
        magnitude = (byte & 0x7f) >> 1
      } else {
        magnitude += (byte & 0x7f) * 2 ** (7 * index - 1)
      }
      if (byte < 0x80) {
        if (magnitude > Number.MAX_SAFE_INTEGER - (negative ? 1 : 0)) break
        return negative ? -magnitude - 1 : magnitude
      }
    }
    this.failed = true
    return 0
  }
}
